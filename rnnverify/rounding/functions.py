"""Functions of a library: the exponential and its kin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rnnverify.layers.activations import ERF, sigmoid
from rnnverify.layers.arrays import Array
from rnnverify.rounding.arithmetic import divide
from rnnverify.rounding.numbers import Rounded
from rnnverify.rounding.operands import farthest, parts
from rnnverify.rounding.precision import EPSILON, LIMIT, OWN_ROUNDING, UNIFORM, Precision
from rnnverify.rounding.storage import at_most, not_negative, sizes_in, stored

# How many u a library's functions are off, at worst. Measured over float32 on TensorFlow's CPU kernels
# (benchmarks/library_functions.py): tanh 5.4, sigmoid 8.2, exp 2.0, log 3.6, sqrt 1.0, erf 5.9, softplus 7.6, sin and cos 3.0,
# log1p 4.7, expm1 5.5, rsqrt 3.1 (of these three see `verification.merged`).
# Rounded up, and exp by more, for libraries that have a fast one.
FUNCTION_ULPS: Mapping[np.ufunc, float] = {np.tanh: 7.0, np.exp: 8.0, np.log: 8.0, np.sqrt: 2.0, ERF: 8.0}
WAVE_ULPS = 4.0  # of sin and cos
SOFTPLUS_ULPS = 8.0
RECIPROCAL_ULPS = 4.0  # 3.5 over all float32 numbers from 1 to 2, of Eigen's vectors; elsewhere it is one rounding
SIGMOID_ULPS, TYPICAL_SIGMOID_ULPS = 11.0, 1.3  # as of 1 / (1 + exp(-x)), with the errors of exp, 1 + and 1 /
SMALLEST = 2.0**-1022  # of float64's normal numbers
SMALL = 0.01  # no function here bends within that
FAR = 300.0  # e to this, and its square, are numbers still
EXP_OVERFLOWS = 710.0  # exp of this is beyond LARGEST, by a quarter
TYPICAL_ULPS = 1.0  # what those functions' errors are like in practice, as a standard deviation in u: 0.4 to 0.8
# What a sigmoid is off by at worst where it is near 1, and how much more where it is near 0 (as measured: 1.5, and 8.1).
SIGMOID_NEAR_ONE, SIGMOID_NEAR_ZERO = 1.6, 7.0
TYPICAL_OF_WIDER = 0.8  # where they are computed in a wider precision, and rounded once: 0.1 to 0.8


def typical(p: Precision, worst: float, otherwise: float = TYPICAL_ULPS) -> float:
    """The standard deviation of a function's own error, in u; or what it is off by at worst, where that may be all alike."""
    if p.summed is not None:
        return 1.0 if p.alike else TYPICAL_OF_WIDER
    return worst if p.alike else otherwise


def tanh(p: Precision, x: Rounded) -> Rounded:
    value = np.tanh(x.value)
    size = sizes_in(x.bound.dtype, value)
    most = one_and_more(size.dtype)
    nearest = not_negative(size - x.bound)  # |tanh| changes by no more than its argument: the slope is largest there
    slope = most - size * size
    bound = (most - nearest * nearest) * x.bound
    if not bound.max(initial=0) <= 2:
        bound = at_most(bound, 2, x)
    variance = variance_of(x, slope, lambda nearest: 1 - np.tanh(nearest) ** 2, 4)
    return stored(value, bound, variance, p, (x,), FUNCTION_ULPS[np.tanh], typical(p, FUNCTION_ULPS[np.tanh]))


def variance_of(x: Rounded, slope: Array, slope_at: Callable[[Array], Array], most: float) -> Array:
    """Of a function that is the steeper the nearer to zero, and never off by more than the root of `most`.

    Where x may be so far off that the slope is another, the largest that there may be is what counts.
    """
    if linear(x):
        made = slope * slope
        made *= x.variance
        return made
    steepest = slope_at(np.fmax(np.abs(x.value) - farthest(x), 0))
    return at_most(steepest * steepest * x.variance, most, x)


def linear(x: Rounded) -> bool:
    """Whether no number is so far off that a function's slope changes on the way."""
    return bool(x.variance.max(initial=0) < (SMALL / LIMIT) ** 2)


def exp(p: Precision, x: Rounded) -> Rounded:
    value = np.exp(x.value)
    bound = risen(x, value, x.bound)
    if value.max(initial=0) == np.inf:
        bound = np.where(x.value - x.bound > EXP_OVERFLOWS, 0, bound)
    variance = x.variance
    if not linear(x):
        far = farthest(x)
        spread = variance * np.square(risen(x, value, far) / np.maximum(far, SMALLEST))
    else:
        spread = value * (value * variance)
    return stored(value, bound, spread, p, (x,), FUNCTION_ULPS[np.exp], typical(p, FUNCTION_ULPS[np.exp]))


def risen(x: Rounded, value: Array, far: Array) -> Array:
    """By how much e^x, the value, grows at most when x does so far. One that has underflowed is anything below SMALLEST."""
    made: Array = (value if value.min(initial=1) >= SMALLEST else np.maximum(value, SMALLEST)) * growth_of_exp(far)
    if far.max(initial=0) > FAR:  # the growth may overflow where what has grown does not
        top = x.value + far + EPSILON * (np.abs(x.value) + far)
        made = np.where(far > FAR, np.maximum(np.exp(top), SMALLEST), made)
    return made


def one_and_more(kind: np.dtype[Any]) -> float:
    """1 and what a number just below it may have lost by being rounded."""
    return 1 + 4 * float(np.finfo(kind).eps)


def growth_of_exp(bound: Array) -> Array:
    """At least e^b - 1; of a small bound that is at most b + b^2."""
    return bound * (1 + bound) if bound.max(initial=0) < SMALL else np.expm1(bound)


def logistic(x: Rounded) -> Rounded:
    """The sigmoid s, as one function: its slope s (1 - s) changes by no more than e^b within a distance b."""
    value = sigmoid(x.value)
    size = value.astype(x.bound.dtype)
    if not value.min(initial=1) >= SMALLEST:
        size = np.maximum(size, SMALLEST)
    slope = one_and_more(size.dtype) - size
    slope *= size
    bound = slope * growth_of_exp(x.bound)
    if not bound.max(initial=0) < 1:
        bound = at_most(bound, 1, x)
    variance = variance_of(x, slope, lambda nearest: sigmoid(nearest) * sigmoid(-nearest), 1)
    p, own = x.precision, typical(x.precision, UNIFORM, TYPICAL_SIGMOID_ULPS)
    if p.alike and p.summed is None:
        most = p.unit * (SIGMOID_NEAR_ONE + SIGMOID_NEAR_ZERO * (1 - size)) * size
        variance = variance + most * most
    return stored(value, bound, variance, p, (x,), SIGMOID_ULPS, own)


def log(p: Precision, x: Rounded) -> Rounded:
    nearest = np.maximum(x.value - OWN_ROUNDING * x.bound, 0)
    likely = np.maximum(x.value - farthest(x), 0)
    bound, variance = x.bound / nearest, x.variance / likely / likely
    return stored(np.log(x.value), bound, variance, p, (x,), FUNCTION_ULPS[np.log], typical(p, FUNCTION_ULPS[np.log]))


def sqrt(p: Precision, x: Rounded) -> Rounded:
    value = np.sqrt(x.value)
    # |sqrt a - sqrt b| is |a - b| / (sqrt a + sqrt b), and at most sqrt |a - b|.
    bound = np.fmin(x.bound / value, np.sqrt(x.bound))
    likely = value + np.sqrt(np.maximum(x.value - farthest(x), 0))
    variance = np.fmin(x.variance / (likely * likely), np.sqrt(x.variance))
    return stored(value, bound, variance, p, (x,), FUNCTION_ULPS[np.sqrt])


def reciprocal(p: Precision, x: Rounded) -> Rounded:
    return divide(p, 1.0, x, (RECIPROCAL_ULPS, typical(p, RECIPROCAL_ULPS)))


def erf(p: Precision, x: Rounded) -> Rounded:
    value = np.asarray(ERF(x.value), dtype=np.float64)
    nearest = np.maximum(np.abs(x.value) - x.bound, 0)
    bound = at_most(slope_of_erf(nearest) * x.bound, 2, x)
    variance = variance_of(x, slope_of_erf(x.value), slope_of_erf, 4)
    return stored(value, bound, variance, p, (x,), FUNCTION_ULPS[ERF], typical(p, FUNCTION_ULPS[ERF]))


def wave(function: np.ufunc, derivative: np.ufunc) -> Callable[[Precision, Rounded], Rounded]:
    """A sine or cosine: its slope is at most 1, and changes by no more than its argument does."""

    def waved(p: Precision, x: Rounded) -> Rounded:
        steepest = np.fmin(np.abs(derivative(x.value)) + farthest(x), 1)
        bound = at_most(x.bound, 2, x)
        variance = at_most(steepest * steepest * x.variance, 4, x)
        return stored(function(x.value), bound, variance, p, (x,), WAVE_ULPS, typical(p, WAVE_ULPS))

    return waved


def slope_of_erf(x: Array) -> Array:
    made: Array = 2 / np.sqrt(np.pi) * np.exp(-x * x)
    return made


def logaddexp(p: Precision, x: Any, y: Any) -> Rounded:
    """log(e^x + e^y): libraries go by way of 1 + e^x, so that there is an error of some u where the result is tiny."""
    (xv, xb, xs), (yv, yb, ys) = parts(x, p), parts(y, p)
    value = np.logaddexp(xv, yv)
    bound = np.maximum(xb, yb) + SOFTPLUS_ULPS * p.unit
    own = typical(p, SOFTPLUS_ULPS)
    return stored(value, bound, xs + ys + (p.unit * max(own, 1)) ** 2, p, (x, y), SOFTPLUS_ULPS, own)
