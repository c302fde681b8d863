"""Matrices of weights, and what an inner product needs to know of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.rounding.numbers import Rounded
from rnnverify.rounding.precision import Precision

SQUARES_FROM, SQUARES_TO = 1e-200, 1e300  # sums of squares from which nothing that counts is lost to float64's range
FAINT = 1e-18  # products of two squares that are larger than this are numbers of float32


class Columns(NamedTuple):
    """What an inner product needs to know of the columns of a matrix (n, M)."""

    lengths: Array  # (M,)
    squares: Array  # (n, M), over the square of `scale`; float32 is precise enough for a variance, see `squares_of`
    scale: float
    unread: Array | None  # the lengths of what may be read as zero

    def block(self, part: slice) -> Columns:
        """Some of the columns."""
        unread = None if self.unread is None else self.unread[part]
        return Columns(self.lengths[part], self.squares[:, part], self.scale, unread)


class Matrix(Rounded):
    """An exact matrix of weights. What a product with it needs to know of its columns is computed once."""

    __slots__ = ("columns",)

    def __init__(self, value: Array, precision: Precision, columns: Columns | None = None) -> None:
        exact = Rounded.exact(value, precision)
        super().__init__(exact.value, exact.bound, exact.variance, precision, exact.history)
        self.columns = columns_of(exact) if columns is None else columns

    def block(self, part: slice) -> Matrix:
        """Some of the columns."""
        return Matrix(self.value[:, part], self.precision, self.columns.block(part))


def columns_of(w: Any) -> Columns:
    value = w.value if isinstance(w, Rounded) else w
    lengths = norm(value, 0)
    inexact = isinstance(w, Rounded) and w.inexact
    return Columns(lengths, *squares_of(value, lengths), norm(w.bound, 0) if inexact else None)


def squares_of(x: Array, lengths: Array) -> tuple[Array, float]:
    """The squares of x over that of a scale, and that scale: the largest finite length.

    They are float32, or float64 where x holds numbers so unlike that those of the small ones would be lost: beside a large
    number whose weight is zero they are all that counts.
    """
    scale = float(lengths.max(where=lengths < np.inf, initial=np.finfo(np.float64).smallest_normal))
    scaled = x / scale
    squares = np.square(scaled, dtype=np.float32)
    if np.fmin.reduce(squares, axis=None, initial=1) < FAINT and np.any((squares < FAINT) & (x != 0)):
        squares = np.square(scaled)
    return squares, scale


def exact_matrices(weights: Sequence[Array], precision: Precision) -> list[Any]:
    """The weights, exact numbers, of which the matrices know what a product with them needs of their columns."""
    return [Matrix(one, precision) if one.ndim == 2 else Rounded.exact(one, precision) for one in weights]


def norm(x: Array, axis: int) -> Any:
    """The Euclidean norm, without overflow: of values up to 1e300. Never zero: it may have underflowed."""
    if x.dtype != np.float64:  # squares of whole numbers overflow without a word, those of float32 are soon too small
        x = x.astype(np.float64)
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
