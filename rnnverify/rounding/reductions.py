"""Sums over an axis."""

from __future__ import annotations

import numpy as np

from rnnverify.rounding.correlation import handed_on
from rnnverify.rounding.numbers import Rounded
from rnnverify.rounding.orders import in_any_order
from rnnverify.rounding.precision import growth
from rnnverify.rounding.storage import known


def total(x: Rounded, axis: int, keepdims: bool = False) -> Rounded:
    """A sum of n terms in any order: an inner product with ones. Where they may be in an order of their own, see `orders`."""
    p, n = x.precision, x.shape[axis]
    value = np.sum(x.value, axis=axis, keepdims=keepdims)
    size = np.sum(np.abs(x.value), axis=axis, keepdims=keepdims)
    size = np.where(size > p.largest, np.inf, size)  # a partial sum may end in infinity
    squares = np.sum(x.value * x.value, axis=axis, keepdims=keepdims)
    worst = growth(n, p.unit)
    bound = (np.sum(x.bound, axis=axis, keepdims=keepdims) + n * p.smallest) * (1 + worst) + worst * size
    errors, numbers = (np.moveaxis(part, axis, -1) for part in (x.variance, x.value))
    variance = handed_on(errors, numbers, np.ones(n), p.in_common).reshape(value.shape) + n * p.smallest**2
    each = p.wider**2 if p.totals_too else 1.0
    if p.ordered:  # see `orders`
        partial = in_any_order(np.moveaxis(x.value, axis, 0).reshape(n, -1)).reshape(value.shape)
        rounded = each * partial + value * value + squares
    else:
        rounded = (each * n / 3 + 1) * (value * value) + (each * n / 6 + 1) * squares
    variance = variance + (p.unit**2 / 3) * rounded
    variance = np.where(size < np.inf, variance, np.inf)
    return known(value, bound, variance, p, (x,))


def mean(x: Rounded, axis: int, keepdims: bool = False) -> Rounded:
    """A sum over one axis, and what it is divided by."""
    made: Rounded = total(x, axis, keepdims) / x.shape[axis]
    return made


def cumulate(x: Rounded, axis: int) -> Rounded:
    p, n = x.precision, x.shape[axis]
    value = np.cumsum(x.value, axis=axis)
    worst = growth(n, p.unit)
    size = np.cumsum(np.abs(x.value), axis=axis)
    size = np.where(size > p.largest, np.inf, size)  # a partial sum may end in infinity, as in `total`
    bound = np.cumsum((x.bound + p.smallest) * (1 + worst), axis=axis) + worst * size
    variance = np.cumsum(x.variance + (p.unit * np.where(size < np.inf, value, np.inf)) ** 2, axis=axis)
    return known(value, bound, variance, p, (x,))
