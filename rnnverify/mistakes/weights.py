"""Weights read wrongly: their rows, directions or precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.bidirectional import Bidirectional
from rnnverify.layers.conv_lstm import RECURRENT
from rnnverify.layers.dense import Dense
from rnnverify.layers.layer import Layer
from rnnverify.mistakes.changes import altered, reading
from rnnverify.mistakes.mistake import Mistake
from rnnverify.observation.stored import WEIGHT_FORMS, stored


def on_weights(
    *kinds: type[Layer], biased: bool = False, only: Callable[[Any], bool] = lambda layer: True
) -> Callable[[Callable[..., Sequence[Array]]], Callable[[Any], Layer | None]]:
    """Make a change of layers from a function of their weights.

    Args:
        kinds: the classes that it applies to.
        biased: whether it needs a bias.
        only: what else must be so.
    """

    def made(function: Callable[..., Sequence[Array]]) -> Callable[[Any], Layer | None]:
        def change(layer: Any) -> Layer | None:
            if not isinstance(layer, kinds) or (biased and not getattr(layer, "use_bias", False)) or not only(layer):
                return None
            changed: Layer = reading(layer, function)
            return changed

        return change

    return made


def misread(matrix: Array) -> Array:
    """A matrix that lies in memory row by row, read column by column."""
    return matrix.reshape(-1).reshape(matrix.shape, order="F")


def misread_the_other_way(matrix: Array) -> Array:
    """A matrix that lies in memory column by column, read row by row."""
    return matrix.reshape(-1, order="F").reshape(matrix.shape)


@on_weights(*RECURRENT, Dense)
def kernel_misread(kernel: Array, *rest: Array) -> list[Array]:
    return [misread(kernel), *rest]


@on_weights(*RECURRENT, Dense)
def kernel_misread_the_other_way(kernel: Array, *rest: Array) -> list[Array]:
    return [misread_the_other_way(kernel), *rest]


@on_weights(*RECURRENT)
def recurrent_misread(kernel: Array, recurrent: Array, *bias: Array) -> list[Array]:
    return [kernel, misread(recurrent), *bias]


@on_weights(*RECURRENT)
def recurrent_misread_the_other_way(kernel: Array, recurrent: Array, *bias: Array) -> list[Array]:
    return [kernel, misread_the_other_way(recurrent), *bias]


def same_shapes(layer: Bidirectional) -> bool:
    one, other = layer.layer, layer.backward_layer
    return (
        type(one).__name__ == type(other).__name__
        and one.width == other.width
        and one.weight_count == other.weight_count
    )


@on_weights(Bidirectional, only=same_shapes)
def forward_twice(*weights: Array) -> list[Array]:
    forward = list(weights[: len(weights) // 2])
    return forward + forward


@on_weights(Bidirectional, only=same_shapes)
def backward_twice(*weights: Array) -> list[Array]:
    backward = list(weights[len(weights) // 2 :])
    return backward + backward


@on_weights(Bidirectional, only=same_shapes)
def exchanged(*weights: Array) -> list[Array]:
    half = len(weights) // 2
    return [*weights[half:], *weights[:half]]


def merged_the_other_way(layer: Layer) -> Layer | None:
    if not isinstance(layer, Bidirectional) or layer.merge_mode != "concat":
        return None
    own = type(layer)
    return altered(layer, merged=lambda self, forward, backward: own.merged(self, backward, forward))  # type: ignore[no-any-return]


@on_weights(*RECURRENT, Dense)
def zeros(*weights: Array) -> list[Array]:
    return [np.zeros_like(array) for array in weights]


def layer_inside(layer: Layer) -> bool:
    parts = (part for value in vars(layer).values() for part in (value if isinstance(value, tuple) else (value,)))
    return any(isinstance(part, Layer) for part in parts)


def halved(layer: Layer, form: str) -> Layer | None:
    if not layer.weight_names or layer_inside(layer):  # those of the layers inside are rounded there
        return None
    names = layer.weight_names
    return reading(  # type: ignore[no-any-return]
        layer,
        lambda *weights: [stored(name, array, form) for name, array in zip(names, weights, strict=True)],
    )


def halves() -> Iterator[tuple[str, Mistake]]:
    for form in ("float16", "bfloat16", "tf32"):
        yield (
            form,
            Mistake(
                f"half-precision-weights/{form}",
                f"the weights were rounded to {form} on the way",
                "export the weights as they are: `weight.astype(np.float32)`, and no narrower",
                "",
                partial(halved, form=form),
            ),
        )


def whole_numbers() -> Iterator[tuple[str, Mistake]]:
    for form in ("int8", "int8-per-channel"):
        yield (
            form,
            Mistake(
                f"quantised-weights/{form}",
                f"the weights were quantised: {WEIGHT_FORMS[form]}",
                f"export the weights as they are, or verify against those of the file: `--candidate-weights {form}`",
                "",
                partial(halved, form=form),
            ),
        )


HALVED, IN_WHOLE_NUMBERS = dict(halves()), dict(whole_numbers())
FORMS_OF_WEIGHTS = {**HALVED, **IN_WHOLE_NUMBERS}
# Engines quantise on purpose. That is no mistake of a port, so these stand in no catalogue.
QUANTISED = tuple(IN_WHOLE_NUMBERS.values())

WEIGHTS = (
    Mistake(
        "kernel-misread",
        "the kernel, which lies in memory row by row, is read column by column",
        "read it row by row: `kernel = numbers.reshape(D, -1)`, element [d, u] at d * columns + u",
        "Dobiasd/frugally-deep",
        kernel_misread,
    ),
    Mistake(
        "recurrent-kernel-misread",
        "the recurrent kernel, which lies in memory row by row, is read column by column",
        "read it row by row: `recurrent_kernel = numbers.reshape(M, -1)`, element [m, u] at m * columns + u",
        "Dobiasd/frugally-deep",
        recurrent_misread,
    ),
    Mistake(
        "kernel-misread/column-major",
        "the kernel, which lies in memory column by column, is read row by row",
        "store it row by row: `np.ascontiguousarray(kernel).tofile(path)`",
        "Dobiasd/frugally-deep",
        kernel_misread_the_other_way,
    ),
    Mistake(
        "recurrent-kernel-misread/column-major",
        "the recurrent kernel, which lies in memory column by column, is read row by row",
        "store it row by row: `np.ascontiguousarray(recurrent_kernel).tofile(path)`",
        "Dobiasd/frugally-deep",
        recurrent_misread_the_other_way,
    ),
    Mistake(
        "bidirectional-weights-shared",
        "the forward layer's weights are used for both directions",
        "take the second half of get_weights() for the backward layer: `backward = weights[len(weights) // 2:]`",
        "tflearn/tflearn#522",
        forward_twice,
    ),
    Mistake(
        "bidirectional-weights-shared/backward",
        "the backward layer's weights are used for both directions",
        "take the first half of get_weights() for the forward layer: `forward = weights[: len(weights) // 2]`",
        "",
        backward_twice,
    ),
    Mistake(
        "bidirectional-directions-swapped/weights",
        "the weights of the two directions are exchanged",
        "the first half of get_weights() is the forward layer's: `forward = weights[:len(weights) // 2]`",
        "tflearn/tflearn#522",
        exchanged,
    ),
    Mistake(
        "bidirectional-directions-swapped/output",
        "the two directions are joined in the other order",
        "the forward one comes first: `np.concatenate([forward, backward], axis=-1)`",
        "tflearn/tflearn#522",
        merged_the_other_way,
    ),
    Mistake(
        "layer-not-loaded/zeros",
        "the weights of a layer were never loaded: they are zero",
        "load the weights of every layer, by its name, and check that none is left over",
        "jatinchowdhury18/RTNeural#148",
        zeros,
    ),
    *HALVED.values(),
)
