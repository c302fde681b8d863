"""Outputs that were computed before: a .npy, or an .npz with tensors by name."""

from __future__ import annotations

from rnnverify.candidates.candidate import Answer, Candidate, Task
from rnnverify.errors import RequestError
from rnnverify.observation.arrays_file import DamagedError, read_all


def of_file(path: str) -> Candidate:
    """A candidate that answers with what stands in a file.

    Raises:
        RequestError: it cannot be read.
    """
    try:
        arrays = read_all(path)
    except FileNotFoundError:
        raise RequestError(f"--candidate {path}: no such file") from None
    except OSError as error:
        raise RequestError(f"--candidate {path}: cannot be read: {error.strerror or error}") from None
    except DamagedError as error:
        raise RequestError(f"--candidate {path}: cannot be read as .npy or .npz: {error}") from None

    def asked(task: Task) -> Answer:
        if "" not in arrays:
            return arrays
        first = next(iter(task.outputs))
        return {first: arrays[""]}

    return asked
