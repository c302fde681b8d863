"""Sums, products and quotients of single numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rnnverify.rounding.history import merged
from rnnverify.rounding.numbers import Rounded
from rnnverify.rounding.operands import farthest, history_of, nothing_or, parts
from rnnverify.rounding.precision import LARGEST, OWN_ROUNDING, SURELY_WITHIN, UNIFORM, Precision, growth
from rnnverify.rounding.products import Sum, sum_of
from rnnverify.rounding.storage import known, not_negative, sizes_in, stored

MOST_POSTPONED = 64.0  # a division that is done later is by less than that


def add(p: Precision, x: Any, y: Any) -> Rounded:
    """A sum. Of n terms the other side may add others first: n - 2 partial sums, each perhaps as large as all of them."""
    if isinstance(x, Sum) or isinstance(y, Sum):
        collected = sum_of(p, x, y)
        if collected is not None:
            return collected
    (xv, xb, xs), (yv, yb, ys) = parts(x, p), parts(y, p)
    value, bound, variance = np.asarray(xv + yv), plus(xb, yb), plus(xs, ys)
    terms = *terms_of(x), *terms_of(y)
    if len(terms) > 2:
        first, *rest = map(np.abs, terms)
        noise = sum(rest, first)
        if noise.max(initial=0) > p.largest:  # a partial sum may end in infinity
            noise = np.where(noise > p.largest, np.inf, noise)
        noise *= growth(len(terms) - 2, p.unit)
        bound = bound + noise
        noise *= noise
        noise *= 1 / 3
        variance = variance + noise
    sums = history_of(x).sums + history_of(y).sums
    if p.fused and sums:  # every partial sum may have the rest in it
        size = np.abs(xv) + np.abs(yv)
        bound = bound + growth(sums, p.unit) * size
        variance = variance + sums / 3 * np.square(p.unit * size)
    return stored(value, bound, variance, p, (x, y), terms=terms, sums=sums)


def plus(x: Any, y: Any) -> Any:
    """x + y, without a pass over an array to which nothing is added."""
    if isinstance(x, float) and x == 0:
        return y
    return x if isinstance(y, float) and y == 0 else x + y


def times(x: Any, error: Any) -> Any:
    """x times an error, without a pass over an array of which there is none."""
    return 0.0 if isinstance(error, float) and error == 0 else x * error


def terms_of(x: Any) -> tuple[Any, ...]:
    """What was added to make x; a number that is not a sum is its own term."""
    return (x.history.terms or (x.value,)) if isinstance(x, Rounded) else (x,)


def subtract(p: Precision, x: Any, y: Any) -> Rounded:
    (xv, xb, xs), (yv, yb, ys) = parts(x, p), parts(y, p)
    return stored(xv - yv, plus(xb, yb), plus(xs, ys), p, (x, y))


def multiply(p: Precision, x: Any, y: Any) -> Rounded:
    (xv, *of_x), (yv, *of_y) = parts(x, p), parts(y, p)
    (xb, xs), (yb, ys) = map(nothing_or, of_x), map(nothing_or, of_y)
    kind = np.result_type(xb, yb)
    x_size, y_size = (sizes_in(kind, np.asarray(one)) for one in (xv, yv))
    bound = plus(times(plus(x_size, xb), yb), times(y_size, xb))
    variance = plus(plus(times(x_size, times(x_size, ys)), times(y_size, times(y_size, xs))), times(xs, ys))
    if x is y:  # the same errors in both
        variance = 2 * variance
    if is_power_of_two(x) or is_power_of_two(y):
        factor = min(abs(k) for k in (x, y) if is_power_of_two(k))
        lost = p.smallest if factor < 1 else 0.0
        value = xv * yv
        beyond = bool(np.max(np.abs(value), initial=0) > SURELY_WITHIN * p.largest)
        bound, variance = (np.broadcast_to(error, value.shape) for error in (bound + lost, variance + lost**2))
        # TensorFlow's graphs halve gelu's x (1 + erf) after that product, which may overflow: see `divide`.
        return known(value, bound, variance, p, (x, y), beyond=beyond, postponed=max(1.0, 1 / factor))
    value = xv * yv
    before = history_of(x), history_of(y)
    postponed = max(one.postponed for one in before)
    if postponed > 1:
        overflows = np.abs(value) * postponed > p.largest
        for partial in (*(one * yv for one in before[0].factors), *(one * xv for one in before[1].factors)):
            overflows = overflows | (np.abs(partial) * postponed > p.largest)  # any two of three are multiplied first
        bound, variance = (np.where(overflows, np.inf, error) for error in (bound, variance))
    reach = max(one.history.reach for one in (x, y) if isinstance(one, Rounded))
    factors = (xv, yv) if reach > p.largest / MOST_POSTPONED else ()
    return stored(value, bound, variance, p, (x, y), factors=factors, postponed=postponed)


def is_power_of_two(x: Any) -> bool:
    """Whether x is a number by which multiplying does not round."""
    return isinstance(x, int | float) and bool(np.frexp(abs(x))[0] == 0.5)


def divide(p: Precision, x: Any, y: Any, own: tuple[float, float] | None = None) -> Rounded:
    """A quotient; `own` is what it is off by in u, at most and as a standard deviation, where that is no single rounding."""
    (xv, xb, xs), (yv, yb, ys) = parts(x, p), parts(y, p)
    value = np.asarray(xv / yv)
    size = np.abs(yv)
    bound = np.abs(value) * yb
    variance = plus(xs, value * (value * ys))
    infinite = size.max(initial=0) == np.inf
    if infinite:  # our own quotient is zero there
        finite = size <= LARGEST
        bound, variance = np.where(finite, bound, np.abs(xv)), np.where(finite, variance, 0)
        size = np.minimum(size, LARGEST)
    nearest = not_negative(size - OWN_ROUNDING * yb)  # as near to zero as the other side's divisor may come
    bound = plus(bound, xb) / nearest
    if isinstance(y, Rounded):  # it may well be nearer to zero
        size = not_negative(size - farthest(y))
    variance = variance / size / size
    # By a constant the other side may multiply instead, by the reciprocal that it has rounded: TensorFlow's graphs do.
    roundings = 2 + p.unit if isinstance(y, int | float) else 1.0
    # Or do it later, after a product with something else, which may overflow then.
    postponed = max(1.0, abs(y)) if isinstance(y, int | float) else 1.0
    worst, typical = own or (roundings, UNIFORM * math.sqrt(roundings))
    return stored(value, bound, variance, p, (x, y), worst, typical, postponed=postponed)


def power(p: Precision, x: Any, exponent: Any) -> Any:
    return multiply(p, x, x) if isinstance(exponent, int) and exponent == 2 else NotImplemented


def negative(p: Precision, x: Rounded) -> Rounded:
    return Rounded(-x.value, x.bound, x.variance, p, merged((x,)))


def absolute(p: Precision, x: Rounded) -> Rounded:
    return Rounded(np.abs(x.value), x.bound, x.variance, p, merged((x,)))
