"""Operations that only move elements, or take no more than their places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.rounding.history import merged
from rnnverify.rounding.numbers import Rounded


def rearranged(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that moves elements, of values, bounds and variances alike."""

    def moved(*args: Any, **kwargs: Any) -> Any:
        given = [x for arg in args for x in (arg if isinstance(arg, list | tuple) else [arg])]
        arrays = [x for x in given if isinstance(x, Rounded | np.ndarray)]
        precision = next(x.precision for x in arrays if isinstance(x, Rounded))
        history = merged(arrays, moved=True)
        values, bounds, variances = (function(*(part_of(arg, index) for arg in args), **kwargs) for index in range(3))
        if isinstance(values, list):
            each = zip(values, bounds, variances, strict=True)
            return [Rounded(value, bound, variance, precision, history) for value, bound, variance in each]
        return Rounded(values, bounds, variances, precision, history)

    return moved


def part_of(x: Any, index: int) -> Any:
    """The values, bounds or variances of an argument, or of the numbers listed in it."""
    if isinstance(x, Rounded):
        return (x.value, x.bound, x.variance)[index]
    if isinstance(x, np.ndarray) and x.dtype.kind == "f":
        return x if index == 0 else np.zeros_like(x)
    return [part_of(item, index) for item in x] if isinstance(x, list | tuple) else x


def of_its_shape(make: Callable[..., Array]) -> Callable[..., Array]:
    """np.zeros, or np.ones, of the shape of some numbers: what they are, and how far off, is nothing to it."""
    return lambda x, dtype=np.float64: make(x.shape, dtype)
