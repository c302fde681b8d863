"""The type of what is computed with, and its gates."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def blocks(z: Array, count: int) -> list[Array]:
    """The last axis in equal parts, one for each gate: `np.split`, whose own bookkeeping would cost as much as the sums."""
    if type(z) is not np.ndarray:
        return np.split(z, count, axis=-1)
    return [z[..., part] for part in equal_parts(z.shape[-1], count)]


def equal_parts(length: int, count: int) -> list[slice]:
    """An axis of that length in so many parts."""
    size = length // count
    return [slice(start, start + size) for start in range(0, count * size, size)]


def numbers_of(x: Any) -> Array:
    """The numbers alone, where an array of another type carries more with them: how far rounding may take them, say.

    A type that carries nothing of that kind may give itself, by a `numbers` of its own.
    """
    found: Array = x.numbers if hasattr(x, "numbers") else np.asarray(x)
    return found


def in_float32(numbers: Any) -> Array:
    """Numbers out of a config, as Keras holds those of some layers in models of any precision. As measured."""
    return np.asarray(numbers, dtype=np.float32).astype(np.float64)


def sum_over(x: Array, axes: Sequence[int]) -> Array:
    """The sum over some axes, each of which is kept, with one number: of all their terms at once, as they come in any order."""
    if hasattr(x, "numbers"):  # an array type to which it is all the same
        return np.sum(x, axis=tuple(axes), keepdims=True)
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    terms = np.transpose(x, (*kept, *axes)).reshape(*(x.shape[axis] for axis in kept), prod(x.shape[a] for a in axes))
    return np.sum(terms, axis=-1).reshape(*(1 if axis in axes else size for axis, size in enumerate(x.shape)))
