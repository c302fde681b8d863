"""Outputs that were computed before: a .npy, or an .npz with tensors by name."""

from __future__ import annotations

import zipfile

import numpy as np

from rnnverify.candidates.candidate import Answer, Candidate, Task
from rnnverify.errors import RequestError
from rnnverify.observation.opening import opened


def of_file(path: str) -> Candidate:
    """A candidate that answers with what stands in a file.

    Raises:
        RequestError: it cannot be read.
    """
    try:
        with opened(path) as file:
            loaded = np.load(file, allow_pickle=False)
            arrays = dict(loaded) if hasattr(loaded, "files") else loaded
    except FileNotFoundError:
        raise RequestError(f"--candidate {path}: no such file") from None
    except OSError as error:
        raise RequestError(f"--candidate {path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise RequestError(f"--candidate {path}: cannot be read as .npy or .npz: {error}") from None

    def asked(task: Task) -> Answer:
        if isinstance(arrays, dict):
            return arrays
        first = next(iter(task.outputs))
        return {first: arrays}

    return asked
