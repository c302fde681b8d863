"""How layers are joined: what goes from one to the next, and which of them are there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from rnnverify.layers.dense import Dense
from rnnverify.layers.layer import Call, Layer, Masked
from rnnverify.layers.repeat_vector import RepeatVector
from rnnverify.layers.walking import Walking
from rnnverify.mistakes.changes import altered
from rnnverify.mistakes.mistake import Mistake


def whole_or_last(layer: Any) -> Layer | None:
    """return_sequences the other way."""
    return replace(layer, return_sequences=not layer.return_sequences) if isinstance(layer, Walking) else None


def last_step_alone(layer: Any) -> Layer | None:
    return whole_or_last(layer) if getattr(layer, "return_sequences", False) else None


def every_step(layer: Any) -> Layer | None:
    return whole_or_last(layer) if not getattr(layer, "return_sequences", True) else None


def dropped(layer: Any) -> Layer | None:
    """The layer is skipped: what comes in goes on."""
    if isinstance(layer, Walking) and layer.return_sequences and not layer.return_state:
        return altered(layer, outputs=lambda self, call, walked: (call.x,))  # type: ignore[no-any-return]
    return altered(layer, __call__=lambda self, call: (call.x,)) if isinstance(layer, Dense) else None


def tiled(layer: Any) -> Layer | None:
    """The whole batch again and again, cut into pieces, rather than each sample's vector."""
    if not isinstance(layer, RepeatVector):
        return None

    def call_of(self: RepeatVector, call: Call) -> Any:
        x = call.x.values
        samples = len(x)
        return (Masked(x[np.arange(samples * self.n) % samples].reshape(samples, self.n, *x.shape[1:])),)

    return altered(layer, __call__=call_of)  # type: ignore[no-any-return]


STACK = (
    Mistake(
        "last-step-only",
        "only the last step is put out, where return_sequences asks for all",
        "put out h at every step: `y[n, t] = h` inside the loop over time",
        "",
        last_step_alone,
    ),
    Mistake(
        "whole-sequence",
        "every step is put out, where only the last is asked for (return_sequences is false)",
        "put out h after the loop over time: `y[n] = h`",
        "",
        every_step,
    ),
    Mistake(
        "layer-dropped",
        "a layer is skipped",
        "run every layer of the stack, in order",
        "jatinchowdhury18/RTNeural",
        dropped,
    ),
    Mistake(
        "repeat-vector-tiled",
        "the batch is tiled and reshaped, so that samples are mixed",
        "repeat each sample's vector: `np.repeat(x[:, np.newaxis], n, axis=1)`",
        "onnx/keras-onnx#123",
        tiled,
    ),
)
