"""Inner products of numbers of which neither are weights: of what comes in with itself, as attention and Dot have them."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.rounding.correlation import handed_on
from rnnverify.rounding.numbers import Rounded
from rnnverify.rounding.operands import parts
from rnnverify.rounding.orders import in_any_order
from rnnverify.rounding.precision import SURELY_WITHIN, Precision, growth
from rnnverify.rounding.storage import known


def matmul_of_two(p: Precision, x: Any, y: Any) -> Rounded:
    """x (..., P, n) @ y (..., n, M), both of them with errors of their own.

    The rounding is that of `products.errors_of`; the errors of x and y are handed on (see `correlation`), and their product.
    """
    (xv, xb, xs), (yv, yb, ys) = parts(x, p), parts(y, p)
    xb, xs, yb, ys = (np.broadcast_to(error, of.shape) for error, of in ((xb, xv), (xs, xv), (yb, yv), (ys, yv)))
    n = xv.shape[-1]
    value, size = xv @ yv, np.abs(xv) @ np.abs(yv)
    squares = (xv * xv) @ (yv * yv)
    d, inside = p.operands, p.wider**2
    summed = growth(n, p.unit)
    worst = summed + (2 * d + d * d) * (1 + summed)
    bound = worst * size + 2 * n * (1 + summed) * p.smallest
    bound += (xb @ np.abs(yv) + (np.abs(xv) + xb) @ yb) * (1 + worst)
    drawn = inside * n
    if p.ordered:
        rounded = inside * squares_in_order(xv, yv) + (inside + 2 * (d / p.unit) ** 2) * squares + value * value
    else:
        rounded = (drawn / 3 + 1) * (value * value) + (drawn / 6 + inside + 2 * (d / p.unit) ** 2) * squares
    variance = p.unit**2 / 3 * rounded + 2 * n * p.smallest**2
    variance += handed_on(xs, xv, yv, p.in_common) + xs @ ys
    ys, yv, xv = (np.swapaxes(part, -1, -2) for part in (ys, yv, xv))
    variance += np.swapaxes(handed_on(ys, yv, xv, p.in_common), -1, -2)
    overflows = bool(size.max(initial=0) > SURELY_WITHIN * p.largest)
    if overflows:  # a partial sum may end in infinity
        bound, variance = (np.where(size > p.largest, np.inf, error) for error in (bound, variance))
    return known(value, bound, variance, p, (x, y), beyond=overflows, sums=n)


def squares_in_order(x: Array, y: Array) -> Array:
    """The squares of partial sums, see `orders`, for x (..., P, n) and y (..., n, M): (..., P, M)."""
    terms = x[..., np.newaxis] * y[..., np.newaxis, :, :]  # (..., P, n, M)
    flat = np.moveaxis(terms, -2, 0).reshape(terms.shape[-2], -1)
    return in_any_order(flat).reshape(*terms.shape[:-2], terms.shape[-1])
