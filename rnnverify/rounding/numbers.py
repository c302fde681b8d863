"""The array type, and what its operations are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from rnnverify.layers.activations import ERF
from rnnverify.layers.arrays import Array
from rnnverify.observation.precision import LARGEST as LARGEST_OF

# How many standard deviations a number may be off before that is no rounding any more. Over 10,002 random right models
# (benchmarks/results/soundness.txt) the largest residual was 7.1; 12 leaves room for more, and what it costs in sharpness is
# less than a factor of two.
LIMIT = 12.0

LARGEST = float(np.finfo(np.float64).max)
OWN_ROUNDING = 1 + 2.0**-40  # what a bound may have lost by being computed in float64: counts where two nearly cancel
SURELY_WITHIN = 0.9  # of the largest number: rounded, it is still below that
UNIFORM = 3.0**-0.5  # the standard deviation of one rounding, in u


@dataclass(frozen=True)
class Precision:
    """What the other side computes in."""

    unit: float  # unit roundoff: half the spacing of numbers just above 1
    smallest: float  # results below it may be flushed to zero
    largest: float = LARGEST  # beyond it there is only infinity
    unread: float = 0.0  # numbers below it may be read as zero, even where they are fed in
    operands: float = 0.0  # how far the operands of an inner product are rounded before it, relatively (TF32)


# Flushing subnormal results to zero, as TensorFlow does, makes an error of up to the smallest normal number; its silu gives
# zero for a factor of up to a little over twice that, in float32. In float64 the replay's own rounding is as large as the
# other side's: one place where that counts, so its unit is twice as large. TensorFlow reads subnormal numbers as zero, too:
# as measured, relu(1e-40) is 0 on a CPU. Only those of float16 are left alone.
PRECISIONS: Mapping[str, Precision] = {
    "float64": Precision(2.0**-52, smallest=2.0**-1022, unread=2.0**-1022),
    "float32": Precision(2.0**-24, smallest=2.0**-124, largest=LARGEST_OF["float32"], unread=2.0**-126),
    "float16": Precision(2.0**-11, smallest=2.0**-14, largest=LARGEST_OF["float16"]),
    "bfloat16": Precision(2.0**-8, smallest=2.0**-124, largest=LARGEST_OF["bfloat16"], unread=2.0**-126),
}


class Rounded(NDArrayOperatorsMixin):
    """An array of values with, for each, a worst-case bound and a variance of its absolute error."""

    __slots__ = (
        "beyond",
        "bound",
        "factors",
        "lasting",
        "postponed",
        "precision",
        "reach",
        "terms",
        "value",
        "variance",
    )

    def __init__(self, value: Array, bound: Array, variance: Array, precision: Precision) -> None:
        self.value = value
        self.bound = bound
        self.variance = variance
        self.precision = precision
        self.terms: tuple[Array, ...] = ()  # of a sum: what was added, see `add`
        self.factors: tuple[Array, ...] = ()  # of a product: what was multiplied, where some of it is large
        self.reach = math.inf  # no value is larger
        self.beyond = False  # whether some numbers may be beyond the other side's range, so that it has infinity there
        self.postponed = 1.0  # a division that may be done later, see `divide`
        self.lasting = False  # whether it is carried through time, so that the errors of its steps add up: see `keep`

    @classmethod
    def exact(cls, value: Array, precision: Precision) -> Any:
        """Numbers that both sides have exactly: what was fed in, or what the other side emitted. But see `unread`.

        They stand in for a plain array wherever the replay takes one, hence the type.
        """
        value = np.asarray(value, dtype=np.float64)
        size = np.abs(value)
        bound = variance = np.broadcast_to(np.float64(0), value.shape)
        if np.any((size < precision.unread) & (size > 0)):
            bound = np.where(size < precision.unread, size, 0)
            variance = bound * bound
        made = cls(value, bound, variance, precision)
        made.beyond = not size.max(initial=0) <= LARGEST  # the other side's range has ended already
        return made

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

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        """The values alone, a copy: for code that asks for a plain array, as one that writes into it must."""
        return np.array(self.value, dtype=dtype)

    def __getitem__(self, index: Any) -> Rounded:
        return self.mapped(lambda part: part[index])

    def reshape(self, *shape: Any) -> Rounded:
        return self.mapped(lambda part: part.reshape(*shape))

    def astype(self, dtype: Any) -> Rounded:
        return self  # the value stays float64: the other side's precision is in the error, not in the value

    def mapped(self, function: Callable[[Array], Array]) -> Rounded:
        """The same rearrangement of all parts."""
        made = Rounded(function(self.value), function(self.bound), function(self.variance), self.precision)
        made.terms = tuple(function(np.broadcast_to(term, self.shape)) for term in self.terms)
        made.factors = tuple(function(np.broadcast_to(factor, self.shape)) for factor in self.factors)
        made.lasting, made.beyond, made.postponed = self.lasting, self.beyond, self.postponed
        made.reach = self.reach
        return made

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        handler = UFUNCS.get((ufunc, method))
        if handler is None or options.get("out") is not None:
            return NotImplemented
        made = handler(precision_of(inputs), *inputs, **options)
        if isinstance(made, Rounded) and any(isinstance(x, Rounded) and x.beyond for x in inputs):
            if ufunc not in FINITE_AT_INFINITY:
                unknown_beyond(made, ufunc, inputs)
            made.beyond = True
        return made

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in FUNCTIONS:
            return FUNCTIONS[function](*args, **kwargs)
        if function in REARRANGEMENTS:
            return rearranged(function, args, kwargs)
        return NotImplemented


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


# Of infinity these give what they give of any number that is large enough.
FINITE_AT_INFINITY = {np.tanh, np.exp, ERF, np.negative, np.absolute, np.sign, np.maximum, np.minimum}


def unknown_beyond(made: Rounded, ufunc: np.ufunc, inputs: Sequence[Any]) -> None:
    """Nothing is known where the other side has had infinity in place of a number, and ours is back in its range.

    Nor where that made infinity less infinity, or zero times infinity. But a number divided by infinity is zero.
    """
    largest = made.precision.largest
    values = [x.value if isinstance(x, Rounded) else np.asarray(x) for x in inputs]
    bounds = [x.bound if isinstance(x, Rounded) else 0.0 for x in inputs]
    lost: list[Any] = [np.abs(value) + bound > largest for value, bound in zip(values, bounds, strict=True)]
    if ufunc is np.matmul:
        lost = [lost[0].any(axis=-1, keepdims=True), lost[1].any(axis=0, keepdims=True)]
    unknown = np.abs(made.value) <= largest
    if ufunc in (np.add, np.subtract):
        x, y = values
        unknown |= lost[0] & lost[1] & ((np.sign(x) == np.sign(y)) == (ufunc is np.subtract))
    elif ufunc is np.multiply:
        zero = [maybe_zero(x, made.precision) for x in inputs]
        unknown |= (lost[0] & zero[1]) | (lost[1] & zero[0])
    for place, where in enumerate(lost):
        error = np.abs(made.value) if ufunc is np.divide and place == 1 else np.inf
        made.bound = np.where(where & unknown, made.bound + error, made.bound)
        made.variance = np.where(where & unknown, made.variance + error * error, made.variance)


def maybe_zero(x: Any, p: Precision) -> Any:
    """Where the other side may have zero."""
    return np.abs(x.value) <= x.bound + p.smallest if isinstance(x, Rounded) else np.abs(x) <= p.smallest


def growth(n: int, u: float) -> float:
    """g(n) = n u / (1 - n u): how far a sum of n terms, or a product of n factors, is off relatively."""
    return n * u / (1 - n * u) if n * u < 1 else np.inf


Handler = Callable[..., Any]
UFUNCS: dict[tuple[Any, str], Handler] = {}
FUNCTIONS: dict[Any, Handler] = {}

# Functions that only move elements: they are applied to the three parts alike.
REARRANGEMENTS = {np.concatenate, np.stack, np.repeat, np.swapaxes, np.reshape}


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
    return Rounded(value, without_nan(bound), without_nan(variance), p)


def without_nan(errors: Array) -> Array:
    """Infinity for NaN. To look for one costs a fifth of replacing it."""
    return np.fmin(errors, np.inf) if np.isnan(errors.max(initial=0)) else errors


def farthest(x: Rounded) -> Array:
    """How far x may be off where all is right."""
    far: Array = np.minimum(LIMIT * np.sqrt(x.variance), x.bound)
    return far


def not_negative(x: Array) -> Array:
    """Zero for what is below zero. To look for it costs a fifth of replacing it."""
    return x if x.min(initial=0) >= 0 else np.maximum(x, 0)


def stored(
    value: Array, bound: Any, variance: Any, p: Precision, worst: float = 1.0, typical: float = UNIFORM
) -> Rounded:
    """A result as the other side stores it: its error so far, and a rounding on top.

    Args:
        worst: how many u that rounding is at most.
        typical: its standard deviation, in u.
    """
    noise = np.abs(value)
    farther = 1 + worst * p.unit  # the other side rounds its own result, which may be as much larger as the bound says
    noise *= worst * p.unit / farther
    square = noise * noise
    square *= (typical * farther / worst) ** 2
    square += variance
    square += p.smallest**2
    top = square.max(initial=0)
    if top < np.inf:
        reach = math.sqrt(top / (typical * p.unit) ** 2)  # the values' squares are in it
    else:
        reach = np.fmax.reduce(np.abs(value), axis=None, initial=0)  # of those that are numbers
        square = np.fmin(square, np.inf)
        noise = np.minimum(noise, LARGEST * (worst * p.unit / farther))  # of an infinite value: see the module
    noise += bound
    noise *= farther
    noise += p.smallest
    made = Rounded(value, without_nan(noise), square, p)
    made.reach = reach
    made.beyond = bool(reach > SURELY_WITHIN * p.largest)
    return made


@replaces(np.zeros_like)
def zeros_like(x: Rounded) -> Array:
    return np.zeros(x.shape)


def rearranged(function: Any, args: Any, kwargs: Any) -> Any:
    """Apply a function that moves elements to values, bounds and variances alike."""
    given = [x for arg in args for x in (arg if isinstance(arg, list | tuple) else [arg])]
    found = [x for x in given if isinstance(x, Rounded)]

    plain = any(isinstance(x, np.ndarray) for x in given)

    def whole(value: Array, bound: Array, variance: Array) -> Rounded:
        made = Rounded(value, bound, variance, found[0].precision)
        made.beyond = any(x.beyond for x in found)
        made.reach = math.inf if plain else max(x.reach for x in found)
        return made

    values, bounds, variances = (function(*(part_of(arg, index) for arg in args), **kwargs) for index in range(3))
    if isinstance(values, list):
        return [whole(*three) for three in zip(values, bounds, variances, strict=True)]
    return whole(values, bounds, variances)


def part_of(x: Any, index: int) -> Any:
    """The values, bounds or variances of an argument, or of the numbers listed in it."""
    if isinstance(x, Rounded):
        return (x.value, x.bound, x.variance)[index]
    if isinstance(x, np.ndarray) and x.dtype.kind == "f":
        return x if index == 0 else np.zeros_like(x)
    return [part_of(item, index) for item in x] if isinstance(x, list | tuple) else x
