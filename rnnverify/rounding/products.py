"""Inner products, and what is added to them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from rnnverify.layers.arrays import Array, equal_parts
from rnnverify.rounding.correlation import handed_on
from rnnverify.rounding.history import merged
from rnnverify.rounding.matrices import FAINT, Columns, Matrix, columns_of, norm, squares_of
from rnnverify.rounding.moves import rearranged
from rnnverify.rounding.numbers import Rounded
from rnnverify.rounding.operands import parts
from rnnverify.rounding.orders import squares_of_partial_sums
from rnnverify.rounding.pairs import matmul_of_two
from rnnverify.rounding.precision import LARGEST, SURELY_WITHIN, Precision, growth
from rnnverify.rounding.single import holds, slack
from rnnverify.rounding.storage import known, sizes_in

COUNTS = 1e-6  # the share of a variance that need not be added to it
SMALLEST_SCALE = 1e-300  # of inner products that are all zero: something to divide by
ORDINARY = (
    1e25  # float32 holds inner products of up to this scale and from its reciprocal on, with what is added to them
)
LOST_IN_FLOAT32 = 1e-43  # more than what sizes below its range lose
ALIKE = 1e6  # up to so many times the scale of the inner products, float32 has the squares of what is added to them


class InnerProducts(NamedTuple):
    """x @ w, x (..., n) and w (n, M), with what its errors depend on."""

    value: Array  # (..., M)
    lengths: Array  # of x, (..., 1)
    squares: Array  # of x, over the square of its scale, (..., n)
    columns: Columns  # of w
    scale: float  # no finite value is larger
    terms: tuple[Array, Array] | None = None  # x and w, where the order of their products matters

    @property
    def n(self) -> int:
        """How many products each of them sums."""
        return int(self.squares.shape[-1])

    def block(self, part: slice) -> InnerProducts:
        """Those with some of the columns."""
        terms = None if self.terms is None else (self.terms[0], self.terms[1][:, part])
        return InnerProducts(
            self.value[..., part], self.lengths, self.squares, self.columns.block(part), self.scale, terms
        )

    def worst(self, p: Precision) -> float:
        """How far they are off at worst, in |x| |w|."""
        summed, d = growth(self.n, p.unit), p.operands
        return summed + (2 * d + d * d) * (1 + summed) if d else summed  # infinite where there are too many, and no NaN


class Sum(Rounded):
    """Inner products and plain numbers, added up; at first the inner products alone.

    Its errors are worked out when they are asked for, of all that was added at once: that takes a third of the passes over
    the array which it would take after each operation.
    """

    __slots__ = ("plain", "products")

    def __init__(
        self,
        value: Array,
        products: tuple[InnerProducts, ...],
        plain: tuple[Array, ...],
        precision: Precision,
        of: Iterable[Any],
    ) -> None:
        # Bound and variance are not known yet, see __getattr__.
        self.value, self.precision = value, precision
        self.products, self.plain = products, plain
        self.history = merged(
            of,
            terms=(*(product.value for product in products), *plain),
            sums=sum(product.n for product in products),
            reach=sum(product.scale for product in products) + sum(largest(term) for term in plain),
        )

    def __getattr__(self, name: str) -> Any:
        """Bound and variance, when they are first asked for."""
        if name not in ("bound", "variance"):
            raise AttributeError(name)
        self.bound, self.variance = errors_of(self)
        return getattr(self, name)

    def off_by(self, bound: Array, variance: Array) -> Sum:
        """The same sum with other errors; what is added to it is a sum of these inner products still."""
        made = Sum(self.value, self.products, self.plain, self.precision, (self,))
        made.bound, made.variance = bound, variance
        return made

    def block(self, part: slice) -> Sum:
        """Some of the columns."""
        products = tuple(one.block(part) for one in self.products)
        plain = tuple(term[..., part] if term.ndim else term for term in self.plain)
        return Sum(self.value[..., part], products, plain, self.precision, (self,))


def largest(x: Array) -> float:
    return float(np.abs(x).max(initial=0))


def sum_of(p: Precision, x: Any, y: Any) -> Sum | None:
    """x + y where one is such a sum, and the other is one or exact, such as a bias. None where their sizes are too unlike."""
    sums = [one for one in (x, y) if isinstance(one, Sum)]
    values = [one.value if isinstance(one, Rounded) else np.asarray(one) for one in (x, y)]
    exact = [value for value, one in zip(values, (x, y), strict=True) if not isinstance(one, Sum)]
    shape = np.broadcast_shapes(*(value.shape for value in values))
    if any(one.shape != shape for one in sums):
        return None
    if any(np.any(parts(one, p)[1]) for one in (x, y) if not isinstance(one, Sum)):
        return None
    products = tuple(product for one in sums for product in one.products)
    if any(not largest(term) < ALIKE * max(one.scale for one in products) for term in exact):
        return None
    made = Sum(np.add(*values), products, (*(term for one in sums for term in one.plain), *exact), p, (x, y))
    return made if made.history.reach < SURELY_WITHIN * p.largest else None


def errors_of(x: Sum) -> tuple[Array, Array]:
    """Bound and variance.

    Inner products of n terms, summed in any order, are off by at most g(n) |x|.|w| <= g(n) ||x|| ||w||, which needs no
    second product. The variance is that of the partial sums' roundings where the terms p come in an order that has nothing
    to do with their values: of the k-th partial sum E s_k^2 = (k/n)^2 z^2 + k (n-k) / n^2 ||p||^2, summed over k (where the
    terms have an order of their own, what `orders` finds); z^2 more for a bias that is added, ||p||^2 more for the products'
    own roundings. What is added to them after that is added in any order, too: no partial sum is larger than the sizes of
    all terms together; of two terms there is one, the sum itself. (If it is what a sum begins with, it is in each of the
    partial sums: see `Precision.fused`.) Where inner products are added up in a wider precision the
    roundings on the way are those of that one, and one rounding of the result is left.
    """
    p, additions = x.precision, len(x.history.terms) - 1
    if p.fused and additions:
        additions += sum(one.n for one in x.products)  # every partial sum has it in it
    u = p.unit
    grown = growth(additions, u)
    scale = min(max(SMALLEST_SCALE, *(one.scale for one in x.products)), LARGEST)
    # Every product and every sum may underflow.
    lost = (sum(2 * one.n * (1 + growth(one.n, u)) for one in x.products) + additions) * p.smallest
    flushed = (sum(2 * one.n for one in x.products) + additions) * p.smallest**2
    rows, columns = [], []
    narrow = 1 / ORDINARY < scale < ORDINARY and all(
        one.squares.dtype == np.float32 and (one.scale / scale) ** 2 > FAINT for one in x.products
    )
    kind = np.float32 if narrow else np.float64  # four digits of an error would do, and it takes half as long
    squares: Any = kind(0)  # the variance in u^2 scale^2 / 3
    sizes = [sizes_in(kind, one.value) for one in x.products]
    for one, size in zip(x.products, sizes, strict=True):
        rows.append(one.lengths * (one.worst(p) * (1 + grown)))
        columns.append(one.columns.lengths)
        inside = p.wider**2
        drawn = inside * one.n if one.terms is None else 0.0  # the order, as if by lot: else see `orders`
        each = drawn / 6 + inside + 2 * (p.operands / u) ** 2
        own = (one.squares * kind(each * (one.scale / scale) ** 2)) @ one.columns.squares
        own += squared(size, math.sqrt(drawn / 3 + 1) / scale)
        if one.terms is not None:
            x_terms, w_terms = one.terms
            own = own + inside * squares_of_partial_sums(x_terms / scale, w_terms)
        own += squares
        squares = own
    rows.append(np.full_like(rows[0], lost * (1 + grown) + (LOST_IN_FLOAT32 * grown if narrow and additions else 0.0)))
    columns.append(np.ones_like(columns[0]))
    if additions == 1:
        partial = sizes_in(kind, x.value)
    elif additions:
        partial = reduce(np.add, [*sizes, *(sizes_in(kind, term) for term in x.plain)])
    if additions:
        squares += squared(partial, math.sqrt(additions) / scale)
    unit = u * scale * (u * scale) / 3
    least, most = float(squares.min(initial=np.inf)), float(squares.max(initial=0))
    single = narrow and p.single and holds(min(unit, unit * least), max(unit, unit * most))
    if single:
        squares *= kind(unit)
        variance: Array = squares
    elif 0 < unit < np.inf:
        variance = squares.astype(np.float64)
        variance *= unit
    else:  # beyond what float64 holds of squares
        variance = np.where(squares > 0, np.fmax(unit, np.where(np.isinf(squares), np.inf, 0)), 0)
    if not flushed <= COUNTS * unit * least:
        variance += flushed
    by_row, by_column = np.concatenate(rows, axis=-1), np.stack(columns)
    by_row *= slack(variance.dtype)
    bound: Array = by_row.astype(variance.dtype) @ by_column.astype(variance.dtype)
    if additions:
        short = growth(len(x.history.terms), float(np.finfo(kind).eps) / 2)  # as sums of such numbers may fall
        partial = partial.astype(variance.dtype, copy=False)
        partial *= grown * (1 + short) * slack(variance.dtype)
        bound += partial
    return bound, variance


def squared(x: Array, factor: float) -> Array:
    """The square of x times a factor."""
    made: Array = x * x.dtype.type(factor)
    made *= made
    return made


def matmul(p: Precision, x: Any, w: Any) -> Rounded:
    """Inner products. Where x is not exact, or a number may not be read, that is added to `errors_of` them."""
    (xv, xb, xs), (wv, *_) = parts(x, p), parts(w, p)
    if wv.ndim > 2:
        return matmul_of_two(p, x, w)
    lengths = norm(xv, -1)[..., np.newaxis]
    columns = w.columns if isinstance(w, Matrix) else columns_of(w)
    squares, scale = squares_of(xv, lengths)
    value = xv @ wv
    products = InnerProducts(value, lengths, squares, columns, scale * columns.scale, (xv, wv) if p.ordered else None)
    made = Sum(value, (products,), (), p, (x, w))
    inexact = isinstance(x, Rounded) and x.inexact
    overflows = not lengths.max(initial=0) * columns.lengths.max(initial=0) < SURELY_WITHIN * p.largest
    if not inexact and not overflows and columns.unread is None:
        return made
    worst, (bound, variance) = products.worst(p), (error.astype(np.float64) for error in errors_of(made))
    if columns.unread is not None:
        lost = lengths * columns.unread
        bound += lost * (1 + worst)
        variance += lost * lost
    if inexact:
        bound += norm(xb, -1)[..., np.newaxis] * columns.lengths * (1 + worst)
        variance += handed_on(xs, xv, wv, p.in_common)
    if overflows:  # a partial sum may end in infinity
        beyond = lengths * columns.lengths > p.largest
        bound, variance = (np.where(beyond, np.inf, error) for error in (bound, variance))
    return known(value, bound, variance, p, (x, w), beyond=overflows, sums=products.n)


def split(x: Rounded, count: int, axis: int = 0) -> list[Rounded]:
    """Equal parts; of the columns of a product or a matrix, with what is known of them.

    Of a product that comes from beyond the range, its own errors are not all there is to know: it is split like any array.
    """
    if axis == -1 and (isinstance(x, Matrix) or (isinstance(x, Sum) and not x.beyond)):
        return [x.block(part) for part in equal_parts(x.shape[-1], count)]
    parted: list[Rounded] = rearranged(np.split)(x, count, axis=axis)
    return parted
