"""ONNX Runtime: `model.onnx`, `ort:model.onnx`."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnverify.candidates.binding import Opened, Slot
from rnnverify.candidates.candidate import CandidateError

ERFC = "Erfc"
DTYPES = {"float": "float32", "double": "float64"}  # others have NumPy's names


def opened(path: str) -> Opened:
    """A file, on the processor."""
    from onnxruntime import InferenceSession

    try:
        session = InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:  # it has one of its own for everything
        if ERFC not in str(error):
            raise
        raise CandidateError(
            "the file has the operator Erfc in it, which is none of ONNX's: tf2onnx makes it of a gelu. Export it otherwise"
            " (export:onnx@torch), or give the layer keras.activations.gelu with approximate=True"
        ) from None
    slots = [Slot(one.name, tuple(map(size, one.shape)), np.dtype(kind(one.type))) for one in session.get_inputs()]
    return Opened(slots, [one.name for one in session.get_outputs()], lambda fed: session.run(None, dict(fed)))


def kind(given: str) -> str:
    """NumPy's name of `tensor(float)`."""
    own = given.removeprefix("tensor(").removesuffix(")")
    return DTYPES.get(own, own)


def size(given: Any) -> int | None:
    return given if isinstance(given, int) else None
