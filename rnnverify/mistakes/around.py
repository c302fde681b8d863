"""What stands around the recurrence: heads and embeddings."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from rnnverify.layers.activation import Activation
from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.arrays import Array
from rnnverify.layers.dense import Dense
from rnnverify.layers.embedding import Embedding
from rnnverify.layers.layer import Call, Layer
from rnnverify.mistakes.changes import called
from rnnverify.mistakes.mistake import Mistake

SOFTMAX = ACTIVATIONS["softmax"]


def has_softmax(layer: Any) -> bool:
    return isinstance(layer, Dense | Activation) and layer.activation is SOFTMAX


def softmax_missing(layer: Any) -> Layer | None:
    return replace(layer, activation=ACTIVATIONS["linear"]) if has_softmax(layer) else None


def along(axis: int, x: Array) -> Array:
    """The softmax along another axis; along the last where there is no such axis."""
    if axis >= x.ndim - 1:
        return SOFTMAX(x)
    made: Array = np.swapaxes(SOFTMAX(np.swapaxes(x, axis, -1)), axis, -1)
    return made


def softmax_along(axis: int, layer: Any) -> Layer | None:
    return replace(layer, activation=partial(along, axis)) if has_softmax(layer) else None


def shifted(by: int, layer: Any) -> Layer | None:
    """Another row of the matrix: those beyond its ends are its first and its last."""
    if not isinstance(layer, Embedding):
        return None
    last = layer.input_dim - 1

    def moved(call: Call) -> Call:
        kernel, *rest = call.weights
        rows = np.clip(np.arange(last + 1) + by, 0, last)
        return call._replace(weights=[kernel[rows], *rest])

    return called(layer, moved)  # type: ignore[no-any-return]


AROUND = (
    Mistake(
        "softmax-missing",
        "the softmax is left out: logits are returned",
        "apply it: `e = np.exp(z - z.max(axis=-1, keepdims=True)); y = e / e.sum(axis=-1, keepdims=True)`",
        "",
        softmax_missing,
    ),
    Mistake(
        "softmax-axis/samples",
        "the softmax runs over the samples",
        "let it run over the units: `e / e.sum(axis=-1, keepdims=True)`",
        "",
        partial(softmax_along, 0),
    ),
    Mistake(
        "softmax-axis/time",
        "the softmax runs over time",
        "let it run over the units: `e / e.sum(axis=-1, keepdims=True)`",
        "",
        partial(softmax_along, 1),
    ),
    *(
        Mistake(
            f"embedding-offset/{name}",
            f"each id reads the row {place} its own",
            "read the id's own row: `embeddings[id]`",
            "",
            partial(shifted, by),
        )
        for name, place, by in (("after", "after", 1), ("before", "before", -1))
    ),
)
