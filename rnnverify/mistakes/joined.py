"""Layers that stand beside a recurrence: normalizations, means over time, the convolution of a state, the states of a stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

from rnnverify.layers.arrays import Array
from rnnverify.layers.batch_normalization import BatchNormalization
from rnnverify.layers.conv_lstm import ConvLSTM1D
from rnnverify.layers.layer import Layer
from rnnverify.layers.layer_normalization import LayerNormalization
from rnnverify.layers.normalizing import Normalizing
from rnnverify.layers.pooling import GlobalAveragePooling1D
from rnnverify.layers.rnn import Stack
from rnnverify.layers.walk import Walk
from rnnverify.layers.windows import Windows
from rnnverify.mistakes.changes import altered, called, reading, stepping, walking, with_fields
from rnnverify.mistakes.mistake import Mistake


def with_epsilon(epsilon: float, layer: Any) -> Layer | None:
    return replace(layer, epsilon=epsilon) if isinstance(layer, Normalizing) and layer.epsilon != epsilon else None


def moments_exchanged(layer: Any) -> Layer | None:
    """The last two weights are read in the other order."""
    if not isinstance(layer, BatchNormalization):
        return None
    return reading(layer, lambda *weights: [*weights[:-2], weights[-1], weights[-2]])  # type: ignore[no-any-return]


def unbiased(layer: Any) -> Layer | None:
    """The variance of a sample, which is divided by one less than there are numbers."""
    if not isinstance(layer, LayerNormalization):
        return None
    own: Any = type(layer)

    def normalized(self: Any, x: Array, mean: Array, variance: Array, learned: Mapping[str, Array]) -> Array:
        count = prod(x.shape[axis] for axis in self.axes(x.ndim))
        made: Array = own.normalized(self, x, mean, variance * (count / max(count - 1, 1)), learned)
        return made

    return altered(layer, normalized=normalized)  # type: ignore[no-any-return]


def over_all_steps(layer: Any) -> Layer | None:
    if not isinstance(layer, GlobalAveragePooling1D):
        return None
    return called(layer, lambda call: call._replace(masked=False))  # type: ignore[no-any-return]


def state_seen_through(change: Callable[[Windows, Windows], Windows], layer: Any) -> Layer | None:
    """The convolution of the state looks through other windows: from those of the input, and its own."""
    if not isinstance(layer, ConvLSTM1D):
        return None

    def cell_seen(cell: Any) -> Any:
        return with_fields(cell, over_h=[change(*pair) for pair in zip(cell.over_x, cell.over_h, strict=True)])

    return stepping(layer, cell_seen)  # type: ignore[no-any-return]


def cells_reversed(layer: Any) -> Layer | None:
    """The states that are given are those of the cells from the last to the first."""
    if not isinstance(layer, Stack):
        return None

    def change(walk: Walk) -> Walk:
        first, *states = walk.states
        groups = []
        for cell in reversed(layer.cells):
            count = len(cell.state_names)
            groups.append(states[-count:])
            states = states[:-count]
        made = [state for group in groups for state in group]
        fits = all(one.shape == other.shape for one, other in zip(made, walk.states[1:], strict=True))
        return replace(walk, states=(first, *made)) if fits else walk

    return walking(layer, change)  # type: ignore[no-any-return]


EPSILON = "take Keras's own: `np.sqrt(variance + epsilon)`, which is 1e-3 unless the layer says otherwise"
PADDED = (
    "the convolution of the state is padded on both sides to keep its size, and moves by one place, whatever the layer"
)


JOINED = (
    *(
        Mistake(
            f"epsilon/{epsilon}",
            f"a normalization adds an epsilon of {epsilon} that is not the layer's",
            EPSILON,
            "gmalivenko/pytorch2keras#120",
            partial(with_epsilon, float(epsilon)),
        )
        for epsilon in ("1e-5", "1e-3")
    ),
    Mistake(
        "normalization-variance/exchanged",
        "a BatchNormalization's moving mean and variance are exchanged",
        "Keras's order is gamma, beta, moving mean, moving variance",
        "",
        moments_exchanged,
    ),
    Mistake(
        "normalization-variance/unbiased",
        "a LayerNormalization divides the squares by one less than there are numbers",
        "divide by how many there are: `np.var(x, axis=-1, keepdims=True)`",
        "",
        unbiased,
    ),
    Mistake(
        "masked-mean",
        "the mean is taken over all steps, where that of those that are not masked is wanted",
        "leave out masked steps: `(x * mask).sum(axis=1) / mask.sum(axis=1)`",
        "",
        over_all_steps,
    ),
    Mistake(
        "conv-recurrent-padding/causal",
        "the convolution of the state is padded in front alone",
        PADDED,
        "",
        partial(state_seen_through, lambda of_x, own: own._replace(padding="causal")),
    ),
    Mistake(
        "conv-recurrent-padding/dilated",
        "the convolution of the state is dilated as that of the input is",
        PADDED,
        "",
        partial(state_seen_through, lambda of_x, own: own._replace(dilation=of_x.dilation)),
    ),
    Mistake(
        "stacked-state-order",
        "the initial states of stacked cells are taken from the last cell to the first",
        "Keras's order is that of the cells: those of the first come first",
        "keras-team/keras#11021",
        cells_reversed,
    ),
)
