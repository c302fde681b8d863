"""What is lost where the other side's range has ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnverify.rounding.numbers import Rounded
from rnnverify.rounding.precision import Precision


def unknown_beyond(made: Rounded, ufunc: np.ufunc, inputs: Sequence[Any]) -> Rounded:
    """A result of numbers of which some may be infinite on the other side, with what is not known of it.

    Nothing is known where the other side has had infinity in place of a number, and ours is back in its range. Nor where
    that made infinity less infinity, or zero times infinity. But a number divided by infinity is zero.
    """
    largest = made.precision.largest
    values = [x.value if isinstance(x, Rounded) else np.asarray(x) for x in inputs]
    bounds = [x.bound if isinstance(x, Rounded) else 0.0 for x in inputs]
    lost: list[Any] = [np.abs(value) + bound > largest for value, bound in zip(values, bounds, strict=True)]
    if not any(where.any() for where in lost):
        return made
    if ufunc is np.matmul:
        lost = [lost[0].any(axis=-1, keepdims=True), lost[1].any(axis=-2, keepdims=True)]
    unknown = np.abs(made.value) <= largest
    if ufunc in (np.add, np.subtract):
        x, y = values
        unknown |= lost[0] & lost[1] & ((np.sign(x) == np.sign(y)) == (ufunc is np.subtract))
    elif ufunc is np.multiply:
        zero = [maybe_zero(x, made.precision) for x in inputs]
        unknown |= (lost[0] & zero[1]) | (lost[1] & zero[0])
    bound, variance = made.bound, made.variance
    for place, where in enumerate(lost):
        error = np.abs(made.value) if ufunc is np.divide and place == 1 else np.inf
        bound = np.where(where & unknown, bound + error, bound)
        variance = np.where(where & unknown, variance + error * error, variance)
    return made.off_by(bound, variance)


def maybe_zero(x: Any, p: Precision) -> Any:
    """Where the other side may have zero."""
    return np.abs(x.value) <= x.bound + p.smallest if isinstance(x, Rounded) else np.abs(x) <= p.smallest
