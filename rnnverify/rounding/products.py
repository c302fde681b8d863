"""Inner products, and sums over an axis."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnverify.replay.arrays import Array
from rnnverify.rounding.arithmetic import growth
from rnnverify.rounding.numbers import SURELY_WITHIN, Precision, Rounded, handles, known, parts, replaces

SQUARES_FROM, SQUARES_TO = 1e-200, 1e300  # sums of squares from which nothing that counts is lost to float64's range
FLOOR = 1e-15  # what may have been lost to underflow in the float32 squares, relatively


class Columns(NamedTuple):
    """What an inner product needs to know of the columns of a matrix (n, M)."""

    lengths: Array  # (M,)
    squares: Array  # (n, M), over the square of `scale`: float32 is precise enough for a variance
    scale: float
    unread: Array | None  # the lengths of what may be read as zero


class Matrix(Rounded):
    """An exact matrix of weights. What a product with it needs to know of its columns is computed once."""

    __slots__ = ("columns",)

    def __init__(self, value: Array, precision: Precision) -> None:
        exact = Rounded.exact(value, precision)
        super().__init__(exact.value, exact.bound, exact.variance, precision)
        self.columns = columns_of(exact)


@handles(np.matmul)
def matmul(p: Precision, x: Any, w: Any) -> Rounded:
    """Inner products of n terms, in any order of summation.

    The bound is g(n) |x|.|w| <= g(n) ||x|| ||w||, which needs no second product. The variance is that of the partial
    sums' roundings where the terms p come in an order that has nothing to do with their values: of the k-th partial sum
    E s_k^2 = (k/n)^2 z^2 + k (n-k) / n^2 ||p||^2, summed over k; z^2 more for the bias that is added, ||p||^2 more for
    the products' own roundings.
    """
    (xv, xb, xs), (wv, *_) = parts(x, p), parts(w, p)
    n = xv.shape[-1]
    value = xv @ wv
    lengths = norm(xv, -1)[..., np.newaxis]
    columns = w.columns if isinstance(w, Matrix) else columns_of(w)
    u, d = p.accumulation, p.operands
    summed = growth(n, u)
    worst = summed + (2 * d + d * d) * (1 + summed)
    bound = (worst * lengths) * columns.lengths
    bound += 2 * n * p.smallest * (1 + summed)  # n products and n sums may underflow
    own, others = (n / 3 + 1) * u * u / 3, ((n / 6 + 1) * u * u + 2 * d * d) / 3
    squares, scale = squares_of(xv, lengths)
    others *= (scale * columns.scale) * (scale * columns.scale)
    variance = value * value
    variance *= own
    variance += np.multiply(squares @ columns.squares, others, dtype=np.float64)
    if 2 * n * p.smallest**2 > FLOOR * FLOOR * others:
        variance += 2 * n * p.smallest**2
    if columns.unread is not None:
        lost = lengths * columns.unread
        bound += lost * (1 + worst)
        variance += lost * lost
    if isinstance(x, Rounded) and x.inexact:
        bound += norm(xb, -1)[..., np.newaxis] * columns.lengths * (1 + worst)
        variance += xs @ (wv * wv)
    made = Rounded(value, bound, variance, p)
    if not lengths.max(initial=0) * columns.lengths.max(initial=0) < SURELY_WITHIN * p.largest:
        overflows = lengths * columns.lengths > p.largest  # a partial sum may end in infinity
        made = known(value, np.where(overflows, np.inf, bound), np.where(overflows, np.inf, variance), p)
        made.beyond = True
    elif isinstance(x, Rounded) and x.inexact:
        made = known(value, bound, variance, p)
    return made


def columns_of(w: Any) -> Columns:
    value = w.value if isinstance(w, Rounded) else w
    lengths = norm(value, 0)
    inexact = isinstance(w, Rounded) and w.inexact
    return Columns(lengths, *squares_of(value, lengths), norm(w.bound, 0) if inexact else None)


def squares_of(x: Array, lengths: Array) -> tuple[Array, float]:
    """The squares of x over that of a scale, so that they fit into float32, and that scale: the largest finite length."""
    scale = float(lengths.max(where=lengths < np.inf, initial=np.finfo(np.float64).smallest_normal))
    squares = np.square(x / scale, dtype=np.float32)
    squares += FLOOR
    return squares, scale


def norm(x: Array, axis: int) -> Any:
    """The Euclidean norm, without overflow: of values up to 1e300. Never zero: it may have underflowed."""
    squares = np.einsum("...i,...i->..." if axis == -1 else "i...,i...->...", x, x)
    if squares.size and squares.min() > SQUARES_FROM and squares.max() < SQUARES_TO:
        return np.sqrt(squares)
    largest = np.max(np.abs(x), axis=axis, keepdims=True, initial=0)
    scaled = np.divide(x, largest, out=np.zeros_like(x), where=largest > 0)
    length = (
        np.squeeze(largest, axis) * np.sqrt(np.sum(scaled * scaled, axis=axis))
        + np.finfo(np.float64).smallest_subnormal
    )
    return np.fmin(length, np.inf)


@replaces(np.sum)
def total(x: Rounded, axis: int, keepdims: bool = False) -> Rounded:
    """A sum of n terms in any order: an inner product with ones."""
    p, n = x.precision, x.shape[axis]
    value = np.sum(x.value, axis=axis, keepdims=keepdims)
    size = np.sum(np.abs(x.value), axis=axis, keepdims=keepdims)
    size = np.where(size > p.largest, np.inf, size)  # a partial sum may end in infinity
    squares = np.sum(x.value * x.value, axis=axis, keepdims=keepdims)
    worst = growth(n, p.unit)
    bound = (np.sum(x.bound, axis=axis, keepdims=keepdims) + n * p.smallest) * (1 + worst) + worst * size
    variance = np.sum(x.variance, axis=axis, keepdims=keepdims) + n * p.smallest**2
    variance = variance + (p.unit**2 / 3) * ((n / 3 + 1) * (value * value) + (n / 6 + 1) * squares)
    return known(value, bound, variance, p)


@replaces(np.cumsum)
def cumulate(x: Rounded, axis: int) -> Rounded:
    p, n = x.precision, x.shape[axis]
    value = np.cumsum(x.value, axis=axis)
    worst = growth(n, p.unit)
    bound = np.cumsum((x.bound + p.smallest) * (1 + worst) + worst * np.abs(x.value), axis=axis)
    return known(value, bound, np.cumsum(x.variance + (p.unit * value) ** 2, axis=axis), p)
