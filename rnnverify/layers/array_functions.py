"""Functions of arrays (N, ...) under the names and options of Keras's operations. None of them works across the samples.

What cannot be done raises ValueError, and says why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.arrays import numbers_of, sum_over
from rnnverify.layers.layer_normalization import mean_over, moments
from rnnverify.layers.moving import padded
from rnnverify.layers.softmax import softmax_along

ACROSS = "it works across the samples"
MOST_PARTS = 100


def along(x: Any, axis: Any) -> int:
    """An axis counted from the first, which is the samples'."""
    place = axis + x.ndim if axis < 0 else axis
    if not 0 < place < x.ndim:
        raise ValueError(ACROSS if place == 0 else f"there is no axis {axis}")
    return int(place)


def axes_of(x: Any, axis: Any) -> list[int]:
    if axis is None:
        raise ValueError(ACROSS)
    return sorted(along(x, one) for one in (axis if isinstance(axis, list | tuple) else (axis,)))


def get_item(x: Any, key: Any) -> Any:
    keys = key if isinstance(key, tuple) else (key,)
    if not keys or not (keys[0] is Ellipsis or keys[0] == slice(None)):
        raise ValueError(ACROSS)
    if keys[0] is Ellipsis and len(keys) - keys.count(None) > x.ndim:
        raise ValueError(ACROSS)
    return x[keys]


def squeezed(x: Any, axes: Sequence[int]) -> Any:
    """Without these axes, of which each has one place."""
    if any(x.shape[place] != 1 for place in axes):
        raise ValueError("an axis to be left out has several places")
    return x.reshape(*(size for place, size in enumerate(x.shape) if place not in axes))


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    axes = axes_of(x, axis)
    made = mean_over(x, axes)
    return made if keepdims else squeezed(made, axes)


def total(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    axes = axes_of(x, axis)
    made = sum_over(x, axes)
    return made if keepdims else squeezed(made, axes)


def variance(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    axes = axes_of(x, axis)
    _, made = moments(x, axes)
    return made if keepdims else squeezed(made, axes)


def largest(x: Any, axis: Any = None, keepdims: bool = False, initial: None = None) -> Any:
    axes = axes_of(x, axis)
    for place in axes:
        x = np.max(x, axis=place, keepdims=True)
    return x if keepdims else squeezed(x, axes)


def smallest(x: Any, axis: Any = None, keepdims: bool = False, initial: None = None) -> Any:
    return -largest(-x, axis, keepdims)


def flip(x: Any, axis: Any = None) -> Any:
    for place in axes_of(x, axis):
        x = x[(*(slice(None),) * place, slice(None, None, -1))]
    return x


def transpose(x: Any, axes: Any = None) -> Any:
    if axes is None or axes[0] != 0:
        raise ValueError(ACROSS)
    return np.transpose(x, tuple(axes))


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    if not isinstance(source, int) or not isinstance(destination, int):
        raise ValueError("more than one axis is moved")
    order = [place for place in range(x.ndim) if place != along(x, source)]
    order.insert(along(x, destination), along(x, source))
    return np.transpose(x, tuple(order))


def reshape(x: Any, newshape: Any) -> Any:
    first, *rest = newshape
    there = prod(x.shape[1:])
    if first != -1 and -1 in rest:
        known = prod(size for size in rest if size != -1)
        rest = [there // max(1, known) if size == -1 else size for size in rest]
    if first not in (-1, None, len(x)) or prod(rest) != there:
        raise ValueError(ACROSS)
    return x.reshape(len(x), *rest)


def expand_dims(x: Any, axis: Any) -> Any:
    places = [one + x.ndim + 1 if one < 0 else one for one in (axis if isinstance(axis, list | tuple) else (axis,))]
    for place in sorted(places):
        if not 0 < place <= x.ndim:
            raise ValueError(ACROSS)
        x = x.reshape(*x.shape[:place], 1, *x.shape[place:])
    return x


def repeat(x: Any, repeats: Any, axis: Any = None) -> Any:
    if not isinstance(repeats, int) or axis is None:
        raise ValueError("each place is repeated by a number of its own" if axis is not None else ACROSS)
    return np.repeat(x, repeats, axis=along(x, axis))


def tile(x: Any, repeats: Any) -> Any:
    counts = (*(1,) * (x.ndim - len(repeats)), *repeats)
    if len(counts) != x.ndim or counts[0] != 1:
        raise ValueError(ACROSS)
    for place, count in enumerate(counts):
        before, size, after = x.shape[:place], x.shape[place], x.shape[place + 1 :]
        x = np.repeat(x.reshape(*before, 1, size, *after), count, axis=place).reshape(*before, count * size, *after)
    return x


def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    if not isinstance(shift, int) or not isinstance(axis, int):
        raise ValueError("more than one axis is rolled" if axis is not None else ACROSS)
    place = along(x, axis)
    start = -shift % max(1, x.shape[place])
    before = (slice(None),) * place
    return np.concatenate([x[(*before, slice(start, None))], x[(*before, slice(None, start))]], axis=place)


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: None = None) -> Any:
    if mode != "constant" or tuple(pad_width[0]) != (0, 0):
        raise ValueError("mode" if mode != "constant" else ACROSS)
    for place, (start, end) in enumerate(pad_width):
        x = padded(x, start, end, place) if start or end else x
    return x


def split(x: Any, indices_or_sections: Any, axis: Any = 0) -> list[Any]:
    place = along(x, axis)
    before, size = (slice(None),) * place, x.shape[place]
    if isinstance(indices_or_sections, int):
        if not 0 < indices_or_sections <= MOST_PARTS or size % indices_or_sections:
            raise ValueError(f"expected at most {MOST_PARTS} parts of one size")
        cuts = list(range(0, size + 1, size // indices_or_sections))
    else:
        cuts = [0, *indices_or_sections, size]
    return [x[(*before, slice(*pair))] for pair in pairwise(cuts)]


def take(x: Any, indices: Any, axis: Any = None) -> Any:
    if axis is None:
        raise ValueError(ACROSS)
    places = np.asarray(indices)
    return x[(*(slice(None),) * along(x, axis), int(places) if places.ndim == 0 else places)]


def concatenate(xs: Sequence[Any], axis: Any = 0) -> Any:
    return np.concatenate(list(xs), axis=along(xs[0], axis))


def stack(xs: Sequence[Any], axis: Any = 0) -> Any:
    return concatenate([expand_dims(x, axis) for x in xs], axis)


def matmul(x: Any, y: Any) -> Any:
    if min(x.ndim, y.ndim) < 3 or x.shape[0] != y.shape[0]:
        raise ValueError(ACROSS)
    return x @ y


def softmax(x: Any, axis: Any = -1) -> Any:
    return softmax_along(x, along(x, axis))


def clip(x: Any, x_min: float, x_max: float) -> Any:
    return np.clip(x, x_min, x_max)


def power(x: Any, exponent: Any) -> Any:
    if np.ndim(exponent) or exponent != 2:
        raise ValueError("a power other than 2")
    return x * x


def quotient(x: Any, y: Any) -> Any:
    """x / y. Where x is one, everywhere, a reciprocal: TensorFlow's graph optimiser makes one of it, which errs by more."""
    plain = numbers_of(x)
    if numbers_of(y).dtype.kind != "f" or not plain.size or plain.min() != 1 or plain.max() != 1:
        return x / y
    return np.reciprocal(y) if plain.ndim == 0 else x * np.reciprocal(y)


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    return np.swapaxes(x, along(x, axis1), along(x, axis2))


def squeeze(x: Any, axis: Any = None) -> Any:
    return squeezed(x, axes_of(x, axis))


def unary(name: str) -> Callable[[Any], Any]:
    function = ACTIVATIONS[name]
    return lambda x: function(x)
