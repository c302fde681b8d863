"""Numbers that carry their rounding: a value, how far it can be off at worst, and how far it is off in practice.

A `Rounded` array goes through the replay's own expressions in place of a plain one: NumPy's ufuncs and functions are
dispatched here, so one piece of code computes the float64 value, a bound that no order of summation can exceed, and the
variance of the rounding errors that the other implementation, in its own precision, makes on the way.

The model is the standard one (Higham, Accuracy and Stability of Numerical Algorithms, 2002, ch. 2 and 3): every
operation returns its exact result times 1 + d, |d| <= u. An inner product of n terms, summed in any order, with or
without fused multiply-adds, is off by at most g(n) |x|.|w|, g(n) = n u / (1 - n u). For the variance the d are
independent and uniform on [-u, u], so that of one rounding is u^2/3 of the result's square; see `matmul`.

The model knows underflow, but no overflow: a bound says nothing of another side whose own range ended on the way. Where
float64's range ends, the value is infinite; a finite bound then means that the other side has at least LARGEST less that
bound, so that a quotient by it is known. Where nothing is known the bound is infinite. Neither part is ever NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from rnnverify.replay.activations import ERF
from rnnverify.replay.arrays import Array

# How many u a library's functions are off, at worst. Measured over float32 on TensorFlow's CPU kernels
# (benchmarks/library_functions.py): tanh 5.1, sigmoid 8.2 (here 2 of its own and what exp has), exp 2.0 by itself,
# softplus 7.7. Rounded up.
FUNCTION_ULPS: Mapping[np.ufunc, float] = {np.tanh: 7.0, np.exp: 8.0, np.log: 8.0, np.sqrt: 2.0, ERF: 8.0}
SOFTPLUS_ULPS = 8.0
LARGEST = float(np.finfo(np.float64).max)
EPSILON = float(np.finfo(np.float64).eps)
SMALLEST = 2.0**-1022  # of float64's normal numbers
EXP_OVERFLOWS = 710.0  # exp of this is beyond LARGEST, by a quarter
OWN_ROUNDING = 1 + 2.0**-40  # what a bound may have lost by being computed in float64: counts where two nearly cancel
LIKELY = 8.0  # standard deviations within which a comparison may turn out otherwise in practice
SPREAD_FLOOR = 1e-30  # what may have been lost to underflow in the float32 squares, relatively
UNIFORM = 3.0**-0.5  # the standard deviation of one rounding, in u
TYPICAL_ULPS = 1.0  # what those functions' errors are like in practice, as a standard deviation in u: 0.5 to 1.1


@dataclass(frozen=True)
class Precision:
    """What the other side computes in."""

    unit: float  # unit roundoff: half the spacing of numbers just above 1
    accumulation: float  # the same for the sums inside an inner product
    smallest: float  # results below it may be flushed to zero
    unread: float = 0.0  # numbers below it may be read as zero, even where they are fed in
    operands: float = 0.0  # how far the operands of an inner product are rounded before it, relatively (TF32)


# Flushing subnormal results to zero, as TensorFlow does, makes an error of up to the smallest normal number. In float64
# the replay's own rounding is as large as the other side's: one place where that counts, so its unit is twice as large.
# It reads subnormal numbers as zero, too: as measured, relu(1e-40) is 0 on a CPU. Only those of float16 are left alone.
PRECISIONS: Mapping[str, Precision] = {
    "float64": Precision(unit=2.0**-52, accumulation=2.0**-52, smallest=2.0**-1022, unread=2.0**-1022),
    "float32": Precision(unit=2.0**-24, accumulation=2.0**-24, smallest=2.0**-126, unread=2.0**-126),
    "float16": Precision(unit=2.0**-11, accumulation=2.0**-11, smallest=2.0**-14),
    "bfloat16": Precision(unit=2.0**-8, accumulation=2.0**-8, smallest=2.0**-126, unread=2.0**-126),
}


class Rounded(NDArrayOperatorsMixin):
    """An array of values with, for each, a worst-case bound and a variance of its absolute error."""

    __slots__ = ("bound", "lasting", "precision", "terms", "value", "variance")

    def __init__(self, value: Array, bound: Array, variance: Array, precision: Precision) -> None:
        self.value = value
        self.bound = bound
        self.variance = variance
        self.precision = precision
        self.terms: tuple[int, Array] | None = None  # of a sum: how many terms it has, and how large they are together
        self.lasting = False  # whether it is carried through time, so that the errors of its steps add up: see `keep`

    @classmethod
    def exact(cls, value: Array, precision: Precision) -> Any:
        """Numbers that both sides have exactly: what was fed in, or what the other side emitted. But see `unread`.

        They stand in for a plain array wherever the replay takes one, hence the type.
        """
        value = np.asarray(value, dtype=np.float64)
        nothing = np.broadcast_to(np.float64(0), value.shape)
        size = np.abs(value)
        if np.any((size < precision.unread) & (size > 0)):
            unread = np.where(size < precision.unread, size, 0)
            return cls(value, unread, unread * unread, precision)
        return cls(value, nothing, nothing, precision)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def ndim(self) -> int:
        return self.value.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.value.dtype

    @property
    def inexact(self) -> bool:
        """Whether it may be off at all."""
        return bool(self.bound.any())

    def carried(self) -> Rounded:
        """The same numbers, about to be carried through time."""
        made = self.mapped(lambda part: part)
        made.lasting = True
        return made

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, index: Any) -> Rounded:
        return self.mapped(lambda part: part[index])

    def reshape(self, *shape: Any) -> Rounded:
        return self.mapped(lambda part: part.reshape(*shape))

    def astype(self, dtype: Any) -> Rounded:
        return self  # the value stays float64: the other side's precision is in the error, not in the value

    def mapped(self, function: Callable[[Array], Array]) -> Rounded:
        """The same rearrangement of all parts."""
        made = Rounded(function(self.value), function(self.bound), function(self.variance), self.precision)
        made.terms = None if self.terms is None else (self.terms[0], function(self.terms[1]))
        made.lasting = self.lasting
        return made

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        handler = UFUNCS.get((ufunc, method))
        if handler is None or options.get("out") is not None:
            return NotImplemented
        return handler(precision_of(inputs), *inputs, **options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in FUNCTIONS:
            return FUNCTIONS[function](*args, **kwargs)
        if function in REARRANGEMENTS:
            return rearranged(function, args, kwargs)
        return NotImplemented


class Matrix(Rounded):
    """An exact matrix of weights. What a product with it needs to know of its columns is computed once."""

    __slots__ = ("columns",)

    def __init__(self, value: Array, precision: Precision) -> None:
        exact = Rounded.exact(value, precision)
        super().__init__(exact.value, exact.bound, exact.variance, precision)
        self.columns = columns_of(exact)


@dataclass(frozen=True)
class Unsure:
    """The outcome of a comparison: true or false, and where the other side may find the opposite."""

    value: Array
    unsure: Array  # where that is possible
    likely: Array  # where a few standard deviations suffice for it

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return self.value

    def sum(self, axis: int, out: None = None, keepdims: bool = False) -> Unsure:
        """How many are true; and how many of those counted may turn out otherwise. NumPy's sum comes here."""
        return Unsure(*(np.sum(part, axis=axis, keepdims=keepdims) for part in (self.value, self.unsure, self.likely)))

    def __sub__(self, number: int) -> Unsure:
        return Unsure(self.value - number, self.unsure, self.likely)


Handler = Callable[..., Any]
UFUNCS: dict[tuple[Any, str], Handler] = {}
FUNCTIONS: dict[Any, Handler] = {}

# Functions that only move elements: they are applied to the three parts alike.
REARRANGEMENTS = {np.concatenate, np.stack, np.split, np.repeat, np.swapaxes, np.reshape}


def handles(*ufuncs: Any, method: str = "__call__") -> Callable[[Handler], Handler]:
    """Register what NumPy's ufuncs do to Rounded arrays."""

    def register(handler: Handler) -> Handler:
        UFUNCS.update({(ufunc, method): handler for ufunc in ufuncs})
        return handler

    return register


def replaces(*functions: Any) -> Callable[[Handler], Handler]:
    """Register what NumPy's functions do to Rounded arrays."""

    def register(handler: Handler) -> Handler:
        FUNCTIONS.update(dict.fromkeys(functions, handler))
        return handler

    return register


def precision_of(inputs: Sequence[Any]) -> Precision:
    return next(x.precision for x in inputs if isinstance(x, Rounded))


def parts(x: Any, p: Precision) -> tuple[Any, Any, Any]:
    """Value, bound and variance. A plain array is exact, and so is a number in the code that the other side can hold."""
    if isinstance(x, Rounded):
        return x.value, x.bound, x.variance
    if type(x) is float and math.isfinite(x):
        error = abs(x) if abs(x) < p.smallest else p.unit * abs(x)
        if abs(x) < p.smallest or not (math.frexp(x)[0] / p.unit).is_integer():
            return x, error, error**2 / 3
    return x, 0.0, 0.0


def known(value: Array, bound: Array, variance: Array, p: Precision) -> Rounded:
    """A result whose bound and variance may have become NaN, as 0 times infinity: nothing is known then."""
    return Rounded(value, np.fmin(bound, np.inf), np.fmin(variance, np.inf), p)


def stored(
    value: Array, bound: Any, variance: Any, p: Precision, worst: float = 1.0, typical: float = UNIFORM
) -> Rounded:
    """A result as the other side stores it: its error so far, and a rounding on top.

    Args:
        worst: how many u that rounding is at most.
        typical: its standard deviation, in u.
    """
    noise = np.minimum(np.abs(value), LARGEST)
    noise *= p.unit
    square = noise * noise
    square *= typical * typical
    square += variance
    square += p.smallest**2
    noise *= worst
    noise += bound * (1 + worst * p.unit)
    noise += p.smallest
    return known(value, noise, square, p)


def is_power_of_two(x: Any) -> bool:
    """Whether x is a number by which multiplying does not round."""
    return isinstance(x, int | float) and bool(np.frexp(abs(x))[0] == 0.5)


@handles(np.add)
def add(p: Precision, x: Any, y: Any) -> Rounded:
    """A sum. Of n terms the other side may add others first: n - 2 partial sums, each perhaps as large as all of them."""
    (xv, xb, xs), (yv, yb, ys) = parts(x, p), parts(y, p)
    (m, x_size), (n, y_size) = terms(x), terms(y)
    size, bound, variance = x_size + y_size, xb + yb, xs + ys
    if m + n > 2:
        noise = growth(m + n - 2, p.unit) * size
        bound, variance = bound + noise, variance + noise * noise / 3
    made = stored(xv + yv, bound, variance, p)
    made.terms = m + n, size
    for one, variance in ((x, xs), (y, ys)):
        if isinstance(one, Rounded) and one.lasting:
            keep(made, np.sqrt(variance))
    return made


def terms(x: Any) -> tuple[int, Any]:
    """How many terms a sum has, and how large they are together; a number that is no sum is its own term."""
    if isinstance(x, Rounded):
        return (1, np.abs(x.value)) if x.terms is None else x.terms
    return 1, np.abs(x)


@handles(np.subtract)
def subtract(p: Precision, x: Any, y: Any) -> Rounded:
    (xv, xb, xs), (yv, yb, ys) = parts(x, p), parts(y, p)
    return stored(xv - yv, xb + yb, xs + ys, p)


@handles(np.multiply)
def multiply(p: Precision, x: Any, y: Any) -> Rounded:
    (xv, xb, xs), (yv, yb, ys) = parts(x, p), parts(y, p)
    bound = np.abs(xv) * yb + np.abs(yv) * xb + xb * yb
    variance = xv * (xv * ys) + yv * (yv * xs) + xs * ys
    if x is y:  # the same errors in both
        variance *= 2
    if is_power_of_two(x) or is_power_of_two(y):
        lost = p.smallest if min(abs(k) for k in (x, y) if is_power_of_two(k)) < 1 else 0.0
        return known(xv * yv, bound + lost, variance + lost**2, p)
    made = stored(xv * yv, bound, variance, p)
    for one, variance_of_one, factor in ((x, xs, yv), (y, ys, xv)):
        if isinstance(one, Rounded) and one.lasting:
            keep(made, np.abs(factor) * np.sqrt(variance_of_one))
    return made


def keep(made: Rounded, carried: Array) -> None:
    """Let the error that a number carried through time had already (its standard deviation) add up with the new one.

    The errors of its steps may be the same at every step, where the data are, so that independence must not be assumed.
    """
    new = np.sqrt(np.fmax(made.variance - carried * carried, 0))
    made.variance = np.fmin((carried + new) ** 2, made.bound * made.bound)
    made.lasting = True


@handles(np.divide)
def divide(p: Precision, x: Any, y: Any) -> Rounded:
    (xv, xb, xs), (yv, yb, ys) = parts(x, p), parts(y, p)
    value = np.asarray(xv / yv)
    size = np.minimum(np.abs(yv), LARGEST)
    nearest = np.maximum(size - OWN_ROUNDING * yb, 0)  # as near to zero as the other side's divisor may come
    finite = np.isfinite(yv)
    bound = (xb + np.where(finite, np.abs(value) * yb, np.abs(xv))) / nearest  # by infinity our own quotient is zero
    variance = np.where(finite, (xs + value * (value * ys)) / size / size, 0)
    # By a constant the other side may multiply instead, by the reciprocal that it has rounded: TensorFlow's graphs do.
    roundings = 2 + p.unit if isinstance(y, int | float) else 1.0
    # Where squares overflow, the bound is what is known of the variance.
    return stored(value, bound, np.fmin(variance, bound * bound), p, roundings, UNIFORM * math.sqrt(roundings))


@handles(np.power)
def power(p: Precision, x: Any, exponent: Any) -> Any:
    return multiply(p, x, x) if isinstance(exponent, int) and exponent == 2 else NotImplemented


@handles(np.negative)
def negative(p: Precision, x: Rounded) -> Rounded:
    return Rounded(-x.value, x.bound, x.variance, p)


@handles(np.absolute)
def absolute(p: Precision, x: Rounded) -> Rounded:
    return Rounded(np.abs(x.value), x.bound, x.variance, p)


@handles(np.sign)
def sign(p: Precision, x: Rounded) -> Rounded:
    unsure = np.abs(x.value) <= x.bound
    likely = unsure & (np.abs(x.value) <= LIKELY * np.sqrt(x.variance))
    return Rounded(np.sign(x.value), 2.0 * (unsure & (x.bound > 0)), 4.0 * likely, p)


@handles(np.tanh)
def tanh(p: Precision, x: Rounded) -> Rounded:
    value = np.tanh(x.value)
    size = np.abs(value)
    nearest = np.maximum(size - x.bound, 0)  # |tanh| changes by no more than its argument: the slope is largest there
    slope = 1 - value * value
    bound = np.minimum((1 - nearest * nearest) * x.bound, 2)
    return stored(value, bound, slope * slope * x.variance, p, FUNCTION_ULPS[np.tanh], TYPICAL_ULPS)


@handles(np.exp)
def exp(p: Precision, x: Rounded) -> Rounded:
    value = np.exp(x.value)
    bound = np.maximum(value, SMALLEST) * np.expm1(x.bound)  # a value that has underflowed is anything below SMALLEST
    if np.isinf(value).any():
        bound = np.where(x.value - x.bound > EXP_OVERFLOWS, 0, bound)
    return stored(value, bound, value * (value * x.variance), p, FUNCTION_ULPS[np.exp], TYPICAL_ULPS)


@handles(np.log)
def log(p: Precision, x: Rounded) -> Rounded:
    nearest = np.maximum(x.value - OWN_ROUNDING * x.bound, 0)
    bound, variance = x.bound / nearest, x.variance / x.value / x.value
    return stored(np.log(x.value), bound, variance, p, FUNCTION_ULPS[np.log], TYPICAL_ULPS)


@handles(np.sqrt)
def sqrt(p: Precision, x: Rounded) -> Rounded:
    value = np.sqrt(x.value)
    # |sqrt a - sqrt b| is |a - b| / (sqrt a + sqrt b), and at most sqrt |a - b|.
    bound = np.fmin(x.bound / value, np.sqrt(x.bound))
    variance = np.fmin(x.variance / (4 * x.value), np.sqrt(x.variance))
    return stored(value, bound, variance, p, FUNCTION_ULPS[np.sqrt])


@handles(ERF)
def erf(p: Precision, x: Rounded) -> Rounded:
    value = np.asarray(ERF(x.value), dtype=np.float64)
    nearest = np.maximum(np.abs(x.value) - x.bound, 0)
    slope = 2 / np.sqrt(np.pi) * np.exp(-x.value * x.value)
    bound = np.minimum(2 / np.sqrt(np.pi) * np.exp(-nearest * nearest) * x.bound, 2)
    return stored(value, bound, slope * slope * x.variance, p, FUNCTION_ULPS[ERF], TYPICAL_ULPS)


@handles(np.logaddexp)
def logaddexp(p: Precision, x: Any, y: Any) -> Rounded:
    """log(e^x + e^y): libraries go by way of 1 + e^x, so that there is an error of some u where the result is tiny."""
    (xv, xb, xs), (yv, yb, ys) = parts(x, p), parts(y, p)
    value = np.logaddexp(xv, yv)
    bound = np.maximum(xb, yb) + SOFTPLUS_ULPS * p.unit
    return stored(value, bound, xs + ys + p.unit**2, p, SOFTPLUS_ULPS, TYPICAL_ULPS)


def monotone(function: Callable[[Array], Array], x: Rounded) -> Rounded:
    """A function that never falls, rises no faster than its argument, and does not round: max, min, clip."""
    value = function(x.value)
    reach = x.bound + EPSILON * np.abs(x.value)  # no less than the bound after the rounding of x.value +- reach
    highest, lowest = np.fmin(x.value + reach, np.inf), np.fmax(x.value - reach, -np.inf)  # inf - inf: anything
    bound = np.fmin(np.fmax(function(highest) - value, value - function(lowest)), x.bound)
    likely = LIKELY * np.sqrt(x.variance)
    flat = (function(x.value + likely) == value) & (function(x.value - likely) == value)
    return known(value, bound, np.where(flat, 0, x.variance), x.precision)


def extremum_of(ufunc: np.ufunc) -> Handler:
    def handler(p: Precision, x: Any, y: Any) -> Rounded:
        (xv, xb, xs), (yv, yb, ys) = parts(x, p), parts(y, p)
        if not isinstance(y, Rounded) and yb == 0:
            return monotone(lambda part: ufunc(part, yv), x)
        if not isinstance(x, Rounded) and xb == 0:
            return monotone(lambda part: ufunc(xv, part), y)
        return Rounded(ufunc(xv, yv), np.maximum(xb, yb), np.maximum(xs, ys), p)

    return handler


UFUNCS[(np.maximum, "__call__")] = extremum_of(np.maximum)
UFUNCS[(np.minimum, "__call__")] = extremum_of(np.minimum)


@replaces(np.clip)
def clip(x: Rounded, low: Any, high: Any) -> Rounded:
    return monotone(lambda part: np.clip(part, low, high), x)


def comparison(ufunc: np.ufunc) -> Handler:
    def handler(p: Precision, x: Any, y: Any) -> Unsure:
        (xv, xb, xs), (yv, yb, ys) = parts(x, p), parts(y, p)
        gap = np.abs(xv - yv)
        # Where both are exact a gap of zero is certain too; a gap that is NaN never is.
        unsure = ~((gap > xb + yb) | (xb + yb == 0))
        return Unsure(ufunc(xv, yv), unsure, unsure & ~(gap > LIKELY * np.sqrt(xs + ys)))

    return handler


for compare in (np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal):
    UFUNCS[(compare, "__call__")] = comparison(compare)


@replaces(np.where)
def where(condition: Any, x: Any, y: Any) -> Rounded:
    """A choice; where the other side may choose otherwise, the two candidates' distance is part of the error."""
    p = precision_of([x, y])
    (xv, xb, xs), (yv, yb, ys) = parts(x, p), parts(y, p)
    if not isinstance(condition, Unsure):
        made = known(np.where(condition, xv, yv), np.where(condition, xb, yb), np.where(condition, xs, ys), p)
        made.lasting = any(isinstance(one, Rounded) and one.lasting for one in (x, y))
        return made
    chosen = condition.value
    gap = np.abs(np.subtract(xv, yv))
    bound = np.where(condition.unsure, gap + np.maximum(xb, yb), np.where(chosen, xb, yb))
    variance = np.where(condition.likely, gap * gap + np.maximum(xs, ys), np.where(chosen, xs, ys))
    return known(np.where(chosen, xv, yv), bound, variance, p)


def growth(n: int, u: float) -> float:
    """g(n) = n u / (1 - n u): how far a sum of n terms, or a product of n factors, is off relatively."""
    return n * u / (1 - n * u) if n * u < 1 else np.inf


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
    length = norm(xv, -1)[..., np.newaxis]
    width, column_squares, unread = w.columns if isinstance(w, Matrix) else columns_of(w)
    size = length * width
    spread = np.square(xv / length, dtype=np.float32) @ column_squares
    squares = (spread + SPREAD_FLOOR) * (size * size)
    u, d = p.accumulation, p.operands
    summed = growth(n, u)
    worst = summed + (2 * d + d * d) * (1 + summed)
    bound = worst * size + 2 * n * p.smallest * (1 + summed)  # n products and n sums may underflow
    own, others = (n / 3 + 1) * u * u / 3, ((n / 6 + 1) * u * u + 2 * d * d) / 3
    variance = own * (value * value) + others * squares + 2 * n * p.smallest**2
    if unread is not None:
        lost = length * unread
        bound += lost * (1 + worst)
        variance += lost * lost
    if isinstance(x, Rounded) and x.inexact:
        bound += norm(xb, -1)[..., np.newaxis] * width * (1 + worst)
        variance += xs @ (wv * wv)
    if p.accumulation == p.unit:
        return known(value, bound, variance, p)
    return stored(value, bound, variance, p)


def columns_of(w: Any) -> tuple[Array, Array, Array | None]:
    """Of a matrix's columns the lengths, the squares at length one, and the lengths of what may be read as zero.

    The squares fit into float32, whatever the columns' scale, and float32 is precise enough for a variance.
    """
    value = w.value if isinstance(w, Rounded) else w
    width = norm(value, 0)
    inexact = isinstance(w, Rounded) and w.inexact
    return width, np.square(value / width, dtype=np.float32), norm(w.bound, 0) if inexact else None


def norm(x: Array, axis: int) -> Any:
    """The Euclidean norm, without overflow: of values up to 1e300. Never zero: it may have underflowed."""
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
    squares = np.sum(x.value * x.value, axis=axis, keepdims=keepdims)
    worst = growth(n, p.unit)
    bound = (np.sum(x.bound, axis=axis, keepdims=keepdims) + n * p.smallest) * (1 + worst) + worst * size
    variance = np.sum(x.variance, axis=axis, keepdims=keepdims) + n * p.smallest**2
    variance = variance + (p.unit**2 / 3) * ((n / 3 + 1) * (value * value) + (n / 6 + 1) * squares)
    return known(value, bound, variance, p)


@replaces(np.max)
def largest(x: Rounded, axis: int, keepdims: bool = False) -> Rounded:
    return x.mapped(lambda part: np.max(part, axis=axis, keepdims=keepdims))


@replaces(np.sort)
def sort(x: Rounded, axis: int = -1) -> Rounded:
    worst, spread = (np.max(part, axis=axis, keepdims=True) for part in (x.bound, x.variance))
    value = np.sort(x.value, axis=axis)
    return Rounded(value, np.broadcast_to(worst, value.shape), np.broadcast_to(spread, value.shape), x.precision)


@replaces(np.cumsum)
def cumulate(x: Rounded, axis: int) -> Rounded:
    p, n = x.precision, x.shape[axis]
    value = np.cumsum(x.value, axis=axis)
    worst = growth(n, p.unit)
    bound = np.cumsum((x.bound + p.smallest) * (1 + worst) + worst * np.abs(x.value), axis=axis)
    return known(value, bound, np.cumsum(x.variance + (p.unit * value) ** 2, axis=axis), p)


@replaces(np.take_along_axis)
def take(x: Rounded, index: Unsure, axis: int) -> Rounded:
    """The elements at places that were counted; where the other side may count otherwise, its elements' distance counts."""
    value = np.take_along_axis(x.value, index.value, axis)
    gap, away = np.abs(x.value - value), np.abs(np.arange(x.shape[axis]) - index.value)  # the axis is the last
    bound = np.max(np.where(away <= index.unsure, gap + x.bound, 0), axis=axis, keepdims=True)
    variance = np.max(np.where(away <= index.likely, gap * gap + x.variance, 0), axis=axis, keepdims=True)
    return known(value, bound, variance, x.precision)


@replaces(np.zeros_like)
def zeros_like(x: Rounded) -> Array:
    return np.zeros(x.shape)


def rearranged(function: Any, args: Any, kwargs: Any) -> Any:
    """Apply a function that moves elements to values, bounds and variances alike."""
    found = [x for arg in args for x in (arg if isinstance(arg, list | tuple) else [arg]) if isinstance(x, Rounded)]

    def part(index: int) -> Any:
        def pick(x: Any) -> Any:
            if isinstance(x, Rounded):
                return (x.value, x.bound, x.variance)[index]
            if isinstance(x, np.ndarray) and x.dtype.kind == "f":
                return x if index == 0 else np.zeros_like(x)
            return [pick(item) for item in x] if isinstance(x, list | tuple) else x

        return function(*map(pick, args), **kwargs)

    values, bounds, variances = part(0), part(1), part(2)
    p = found[0].precision
    if isinstance(values, list):
        return [Rounded(*three, p) for three in zip(values, bounds, variances, strict=True)]
    return Rounded(values, bounds, variances, p)
