"""Operations that choose among numbers: extrema, comparisons, sorting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.rounding.history import merged
from rnnverify.rounding.numbers import Rounded, Unsure
from rnnverify.rounding.operands import history_of, parts, precision_of
from rnnverify.rounding.precision import EPSILON, Precision
from rnnverify.rounding.storage import at_most, known

LIKELY = 8.0  # standard deviations within which a comparison may turn out otherwise in practice


def monotone(function: Callable[[Array], Array], x: Rounded) -> Rounded:
    """A function that never falls, rises no faster than its argument, and does not round: max, min, clip."""
    value = function(x.value)
    reach = x.bound + EPSILON * np.abs(x.value)  # no less than the bound after the rounding of x.value +- reach
    highest, lowest = np.fmin(x.value + reach, np.inf), np.fmax(x.value - reach, -np.inf)  # inf - inf: anything
    bound = at_most(np.fmax(function(highest) - value, value - function(lowest)), x.bound, x)
    likely = LIKELY * np.sqrt(x.variance)
    flat = (function(x.value + likely) == value) & (function(x.value - likely) == value)
    variance = at_most(x.variance, np.where(flat, 0, np.inf), x)
    return known(value, bound, variance, x.precision, (x,))


def extremum(ufunc: np.ufunc) -> Callable[..., Rounded]:
    """The larger, or the smaller, of two."""

    def handler(p: Precision, x: Any, y: Any) -> Rounded:
        (xv, xb, xs), (yv, yb, ys) = parts(x, p), parts(y, p)
        if not isinstance(y, Rounded) and yb == 0:
            return monotone(lambda part: ufunc(part, yv), x)
        if not isinstance(x, Rounded) and xb == 0:
            return monotone(lambda part: ufunc(xv, part), y)
        return Rounded(ufunc(xv, yv), np.maximum(xb, yb), np.maximum(xs, ys), p, merged((x, y)))

    return handler


def clip(x: Rounded, low: Any, high: Any) -> Rounded:
    """Within two ends. Where x may reach one the other side has it, which may be a number that it rounds."""
    made = monotone(lambda part: np.clip(part, low, high), x)
    for end, side in ((low, -1), (high, 1)):
        value, error, variance = parts(end, x.precision)
        if np.any(error):
            reached = ~(side * (x.value - value) + x.bound + error < 0)
            made = made.off_by(
                np.where(reached, np.maximum(made.bound, error), made.bound),
                np.where(reached, np.maximum(made.variance, variance), made.variance),
            )
    return made


def sign(p: Precision, x: Rounded) -> Rounded:
    unsure = np.abs(x.value) <= x.bound
    likely = unsure & (np.abs(x.value) <= LIKELY * np.sqrt(x.variance))
    bound, variance = at_most(2.0 * (unsure & (x.bound > 0)), 2, x), at_most(4.0 * likely, 4, x)
    return Rounded(np.sign(x.value), bound, variance, p, merged((x,)))


def comparison(ufunc: np.ufunc) -> Callable[..., Unsure]:
    """A comparison, and where the other side may find the opposite."""

    def handler(p: Precision, x: Any, y: Any) -> Unsure:
        (xv, xb, xs), (yv, yb, ys) = parts(x, p), parts(y, p)
        gap = np.abs(xv - yv)
        # Where both are exact a gap of zero is certain too; a gap that is NaN never is.
        unsure = ~((gap > xb + yb) | (xb + yb == 0))
        likely = unsure & ~(gap > LIKELY * np.sqrt(xs + ys))
        if history_of(x).beyond or history_of(y).beyond:
            both = infinite_alike(xv, xb, yv, yb, p.largest)
            unsure, likely = unsure | both, likely | both
        return Unsure(ufunc(xv, yv), unsure, likely)

    return handler


def infinite_alike(x: Any, x_bound: Any, y: Any, y_bound: Any, largest: float) -> Any:
    """Where the other side may have the same infinity in place of two numbers that we can tell apart."""
    beyond = (np.abs(x) + x_bound > largest) & (np.abs(y) + y_bound > largest)
    return beyond & (np.sign(x) == np.sign(y)) & (np.isfinite(x) | np.isfinite(y))


def where(condition: Any, x: Any, y: Any) -> Rounded:
    """A choice; where the other side may choose otherwise, the two candidates' distance is part of the error."""
    p = precision_of((x, y))
    (xv, xb, xs), (yv, yb, ys) = parts(x, p), parts(y, p)
    if isinstance(condition, Unsure):
        chosen, gap = condition.value, np.abs(np.subtract(xv, yv))
        bound = np.where(condition.unsure, gap + np.maximum(xb, yb), np.where(chosen, xb, yb))
        variance = np.where(condition.likely, gap * gap + np.maximum(xs, ys), np.where(chosen, xs, ys))
    else:
        chosen, bound, variance = condition, np.where(condition, xb, yb), np.where(condition, xs, ys)
    return known(np.where(chosen, xv, yv), bound, variance, p, (x, y))


def largest(x: Rounded, axis: int, keepdims: bool = False) -> Rounded:
    """The largest along an axis. Its error is that of one that may be it: a masked score, say, is far below, and far off."""
    made = x.mapped(lambda part: np.max(part, axis=axis, keepdims=keepdims))
    bound, variance = (
        np.max(np.where(may_be_largest(x.value, reach, axis), error, 0), axis=axis, keepdims=keepdims)
        for error, reach in ((x.bound, x.bound), (x.variance, LIKELY * np.sqrt(x.variance)))
    )
    return made.off_by(bound, variance)


def may_be_largest(value: Array, reach: Array, axis: int) -> Array:
    """Of numbers that may be so far off; of what is no number that is not known."""
    reach = reach + EPSILON * np.abs(value)
    with np.errstate(invalid="ignore"):
        below: Array = value + reach < np.max(value - reach, axis=axis, keepdims=True)
    return ~below


def sort(x: Rounded, axis: int = -1) -> Rounded:
    worst, spread = (np.max(part, axis=axis, keepdims=True) for part in (x.bound, x.variance))
    value = np.sort(x.value, axis=axis)
    worst, spread = (np.broadcast_to(part, value.shape) for part in (worst, spread))
    return Rounded(value, worst, spread, x.precision, merged((x,)))


def take(x: Rounded, index: Unsure, axis: int) -> Rounded:
    """The elements at places that were counted; where the other side may count otherwise, its elements' distance counts."""
    value = np.take_along_axis(x.value, index.value, axis)
    gap, away = np.abs(x.value - value), np.abs(np.arange(x.shape[axis]) - index.value)  # the axis is the last
    bound = np.max(np.where(away <= index.unsure, gap + x.bound, 0), axis=axis, keepdims=True)
    variance = np.max(np.where(away <= index.likely, gap * gap + x.variance, 0), axis=axis, keepdims=True)
    return known(value, bound, variance, x.precision, (x,))
