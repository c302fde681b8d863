"""A library's functions by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rnnverify.layers.activations import ACTIVATIONS, ERF
from rnnverify.rounding import PRECISIONS, Precision, Rounded
from rnnverify.rounding.functions import FUNCTION_ULPS, SIGMOID_ULPS, TYPICAL_SIGMOID_ULPS, WAVE_ULPS, wave
from rnnverify.rounding.precision import UNIFORM
from tests.rounding.coarse import INF, LOST, SQUARE, bound_of, is_about, rounded, short


def test_a_saturated_sigmoid_is_known() -> None:
    for x in (-1e4, -800.0, -400.0, 400.0, 800.0, 1e4):
        sigmoid = ACTIVATIONS["sigmoid"]
        assert bound_of(sigmoid, Rounded.exact(np.array([x]), PRECISIONS["float32"])) < 1e-6


def test_tanh_has_its_slope_where_it_is_steepest_within_the_bound() -> None:
    # |tanh| of anything within 0.1 of atanh 0.6 is above 0.6 - 0.1: the slope is at most 1 - 0.5^2.
    k = FUNCTION_ULPS[np.tanh]
    error = 0.75 * 0.1
    is_about(np.tanh(rounded(math.atanh(0.6), 0.1, 0.01)), 0.6, error + k / 8 * (0.6 + error) + 1 / 64)
    assert bound_of(np.tanh, rounded(1000, INF)) < 2 + k / 8 * 3 + 0.1


def test_an_exponential_far_below_the_smallest_number_stays_there_however_far_its_argument_may_be_off() -> None:
    with np.errstate(all="ignore"):
        far = np.exp(rounded([-1e17, -1e17, -800.0], [1e11, INF, 900.0], [1e18, INF, 1.0]))
    assert far.bound[0] <= 1 / 32
    assert far.bound[1] == far.variance[1] == INF
    np.testing.assert_allclose(far.bound[2], math.exp(100) * (1 + FUNCTION_ULPS[np.exp] / 8), rtol=1e-9)
    assert far.variance[0] < 1e-3
    assert far.variance[2] < 1e-3


def test_exp_grows_by_the_exponential_of_the_bound() -> None:
    # Of log 4 +- log 2 the exponential lies between 2 and 8.
    k = FUNCTION_ULPS[np.exp]
    mean_slope = (8 - 4) / math.log(2)
    variance = mean_slope**2 * 0.01 + 16 * (1 / 8) ** 2 + LOST
    is_about(np.exp(rounded(math.log(4), math.log(2), 0.01)), 4, 4 + 8 * k / 8 + 1 / 64, variance)


def test_exp_of_what_underflows_here_may_be_large_there() -> None:
    tiny = Rounded(np.array([-746.0]), np.array([700.0]), np.zeros(1), PRECISIONS["float64"])
    assert bound_of(np.exp, tiny) >= math.exp(-46)
    nearer = Rounded(np.array([-746.0]), np.array([250.0]), np.zeros(1), PRECISIONS["float64"])
    assert bound_of(np.exp, nearer) >= math.exp(-496)
    assert bound_of(np.exp, rounded(-800, 799)) >= math.exp(-1)
    assert bound_of(np.exp, rounded(-746, 740)) >= math.exp(-6)
    assert bound_of(np.exp, rounded(-800, 1)) == pytest.approx(1 / 64)


def test_log_is_off_by_the_bound_over_the_smallest_argument() -> None:
    # log 2 = 0.69..: between log 1.5 and log 2.5, of which 0.5 / 1.5 is further.
    k, error = FUNCTION_ULPS[np.log], 0.5 / 1.5
    is_about(np.log(rounded(2, 0.5, 0.04)), math.log(2), error + k / 8 * (math.log(2) + error) + 1 / 64)
    assert bound_of(np.log, rounded(2, 2)) == INF


def test_sqrt_is_off_by_the_bound_over_the_root_and_near_zero_by_the_root_of_the_bound() -> None:
    k = FUNCTION_ULPS[np.sqrt]
    is_about(np.sqrt(rounded(4, 1, 0.16)), 2, 0.5 + k / 8 * 2.5 + 1 / 64, 0.16 / (2 + 3**0.5) ** 2 + 4 * SQUARE + LOST)
    assert bound_of(np.sqrt, rounded(0, 0.25)) == pytest.approx(0.5 + k / 8 * 0.5 + 1 / 64)
    assert bound_of(np.sqrt, rounded(0)) == pytest.approx(1 / 64)


def test_erf_is_steepest_at_zero() -> None:
    error = 2 / math.sqrt(math.pi) * 0.1
    is_about(ERF(rounded(0, 0.1)), 0, error * (1 + FUNCTION_ULPS[ERF] / 8) + 1 / 64)


def test_softplus_is_off_by_its_argument_s_error_and_by_some_u_of_one() -> None:
    # log(1 + e^0) = log 2; 0.1 off, 8 u of 1 and 8 u of the result.
    is_about(np.logaddexp(rounded(0, 0.1), 0), math.log(2), 1.1 + math.log(2) + 1.1 + 1 / 64)


def test_a_sigmoid_that_is_one_or_zero_here_may_be_anything_there() -> None:
    sigmoid, p = ACTIVATIONS["sigmoid"], PRECISIONS["float64"]
    with np.errstate(over="ignore"):
        assert bound_of(sigmoid, Rounded(np.array([40.0]), np.array([38.0]), np.zeros(1), p)) >= 0.1
        assert bound_of(sigmoid, Rounded(np.array([-746.0]), np.array([700.0]), np.zeros(1), p)) >= math.exp(-46)
    assert sigmoid(short(110)).beyond
    assert not sigmoid(short(9)).beyond


def test_the_variance_of_a_small_error_is_that_of_the_slope() -> None:
    t = math.tanh(0.5)
    is_about(np.tanh(rounded(0.5, 0.01, 1e-7)), t, *tanh_errors(t))
    s = 1 / (1 + math.exp(-0.5))
    made = ACTIVATIONS["sigmoid"](rounded(0.5, 0.01, 1e-7))
    variance = (s * (1 - s)) ** 2 * 1e-7 + (TYPICAL_SIGMOID_ULPS * s / 8) ** 2 + LOST
    np.testing.assert_allclose(made.variance, [variance], rtol=1e-9)


ALIKE = replace(PRECISIONS["float32"], alike=True)


@pytest.mark.parametrize(
    ("function", "at", "most"),
    [
        (np.tanh, 0.5, 7.0),
        (np.exp, 0.5, 8.0),
        (np.log, 0.5, 8.0),
        (np.sqrt, 0.5, UNIFORM),  # which is rounded as sums are, and not to one side
        (ERF, 0.5, 8.0),
        (np.sin, 0.5, 4.0),
        (np.reciprocal, 0.5, 4.0),
        (ACTIVATIONS["sigmoid"], 0.0, math.hypot(1.6 + 3.5, UNIFORM)),
        (ACTIVATIONS["sigmoid"], 20.0, math.hypot(1.6, UNIFORM)),
        (ACTIVATIONS["sigmoid"], -20.0, math.hypot(8.6, UNIFORM)),
    ],
)
def test_functions_whose_errors_may_be_alike_are_off_by_their_most(function: Any, at: float, most: float) -> None:
    made, usual = (function(Rounded.exact(np.array([at]), p)) for p in (ALIKE, PRECISIONS["float32"]))
    assert (made.value, made.bound) == (usual.value, usual.bound)
    assert made.variance >= usual.variance
    assert np.sqrt(made.variance[0]) == pytest.approx(most * 2.0**-24 * abs(made.value[0]), rel=1e-6)


@pytest.mark.parametrize("function", [np.tanh, np.exp, ACTIVATIONS["sigmoid"]])
def test_where_they_are_computed_in_a_wider_precision_that_is_one_rounding(function: Any) -> None:
    made = function(Rounded.exact(np.array([0.5]), replace(PRECISIONS["bfloat16"], alike=True)))
    assert np.sqrt(made.variance[0]) == pytest.approx(2.0**-8 * made.value[0], rel=1e-6)


def test_a_sum_of_exponentials_that_errs_alike_is_off_by_its_most_where_it_is_tiny_too() -> None:
    x, zero = (Rounded.exact(np.array([value]), ALIKE) for value in (-10.0, 0.0))
    made: Any = np.logaddexp(x, zero)
    assert np.sqrt(made.variance[0]) == pytest.approx(8 * 2.0**-24, rel=1e-6)


def tanh_errors(t: float) -> tuple[float, float]:
    k, nearest = FUNCTION_ULPS[np.tanh], t - 0.01
    moved = (1 - nearest**2) * 0.01
    return k / 8 * (t + moved) + moved + 1 / 64, (1 - t * t) ** 2 * 1e-7 + (t / 8) ** 2 + LOST


def test_what_lies_between_two_numbers_is_off_by_their_distance_where_the_bound_says_a_little_more() -> None:
    k = FUNCTION_ULPS[np.tanh]
    assert bound_of(np.tanh, rounded(0, 2.6)) == pytest.approx(2 * (1 + k / 8) + 1 / 64)
    most = 1 + SIGMOID_ULPS / 8
    assert bound_of(ACTIVATIONS["sigmoid"], rounded(0, 2)) == pytest.approx(most + 0.5 * SIGMOID_ULPS / 8 + 1 / 64)


def test_an_exponential_of_several_axes_may_be_infinite_somewhere() -> None:
    with np.errstate(all="ignore"):
        made: Any = np.exp(Rounded.exact(np.array([[800.0, 1.0], [2.0, 3.0]]), PRECISIONS["float64"]))
    assert made.history.beyond
    assert np.isfinite(made.bound[1]).all()


def test_what_lies_between_two_numbers_is_never_off_by_more_than_their_distance() -> None:
    for name, distance in (("sigmoid", 1.0), ("tanh", 2.0)):
        with np.errstate(over="ignore"):
            made: Any = ACTIVATIONS[name](rounded([-3.0, 0.1, 9.0], 1e3, 1e4))
        assert (made.variance <= distance**2 + (TYPICAL_SIGMOID_ULPS / 8) ** 2 + LOST).all()
        assert (made.bound <= distance + (1 + distance) * SIGMOID_ULPS / 8 + 1 / 64).all()


def test_a_function_is_as_steep_as_within_the_limit_of_its_argument_not_within_the_bound() -> None:
    made = np.tanh(rounded(5, 1e3, 0.04))  # 12 times 0.2 nearer to zero is 2.6
    variance = (1 - math.tanh(2.6) ** 2) ** 2 * 0.04 + (math.tanh(5) / 8) ** 2 + LOST
    np.testing.assert_allclose(made.variance, [variance], rtol=1e-9)


NAMED = {"tanh": np.tanh, "exp": np.exp, "log": np.log, "erf": ERF, "sigmoid": ACTIVATIONS["sigmoid"]}


@pytest.mark.parametrize("name", NAMED)
def test_computed_in_a_wider_precision_a_function_is_rounded_once(name: str) -> None:
    for summed, typical in ((None, 1.3 if name == "sigmoid" else 1.0), (1 / 4096, 0.8)):
        precision = Precision(unit=1 / 8, smallest=1 / 64, summed=summed)
        made = NAMED[name](Rounded.exact(np.array([0.3, 2.0]), precision))
        np.testing.assert_allclose(made.variance, (typical * made.value / 8) ** 2 + LOST, rtol=1e-12)
        assert made.precision is precision


@pytest.mark.parametrize("summed", [None, 1 / 4096])
def test_softplus_varies_by_its_argument_s_variance_and_by_a_u_of_one(summed: float | None) -> None:
    precision = Precision(unit=1 / 8, smallest=1 / 64, summed=summed)
    x = Rounded(np.array([0.5]), np.array([0.1]), np.array([0.01]), precision)
    typical = 1.0 if summed is None else 0.8
    value = math.log(1 + math.exp(0.5))
    made = np.logaddexp(x, 0)
    np.testing.assert_allclose(made.variance, [0.01 + 1 / 64 + (typical * value / 8) ** 2 + LOST], rtol=1e-12)
    # Between two numbers that are off either error may be there; 1.3 is one that the precision cannot hold.
    y = Rounded(np.array([0.5]), np.array([0.3]), np.array([0.02]), precision)
    for one, other, bound, variance in ((x, y, 0.3, 0.03), (y, x, 0.3, 0.03)):
        made = np.logaddexp(one, other)
        value = math.log(2 * math.exp(0.5))
        np.testing.assert_allclose(made.bound, [bound + 1 + value + bound + 1 + 1 / 64], rtol=1e-12)
        np.testing.assert_allclose(made.variance, [variance + 1 / 64 + (typical * value / 8) ** 2 + LOST], rtol=1e-12)
    for made in (np.logaddexp(x, 1.3), np.logaddexp(1.3, x)):
        value = math.log(math.exp(0.5) + math.exp(1.3))
        np.testing.assert_allclose(made.value, [value], rtol=1e-12)
        error = 1.3 / 8 + 1
        np.testing.assert_allclose(made.bound, [error + value + error + 1 / 64], rtol=1e-12)
        variance = 0.01 + (1.3 / 8) ** 2 / 3 + 1 / 64 + (typical * value / 8) ** 2 + LOST
        np.testing.assert_allclose(made.variance, [variance], rtol=1e-12)


def test_erf_varies_by_its_slope_and_never_by_more_than_the_whole_of_it() -> None:
    slope = 2 / math.sqrt(math.pi) * math.exp(-0.25)
    made = ERF(rounded(0.5, 0.01, 1e-7))
    np.testing.assert_allclose(made.variance, [slope**2 * 1e-7 + (math.erf(0.5) / 8) ** 2 + LOST], rtol=1e-9)
    steepest = 2 / math.sqrt(math.pi) * math.exp(-(0.49**2))
    np.testing.assert_allclose(made.bound, [steepest * 0.01 * 2 + math.erf(0.5) + 1 / 64], rtol=1e-9)
    far = ERF(rounded([0.0, 1.0], 1e3, 1e4))
    np.testing.assert_allclose(far.variance, 4 + (far.value / 8) ** 2 + LOST, rtol=1e-12)
    np.testing.assert_allclose(far.bound, 2 + np.abs(far.value) + 2 + 1 / 64, rtol=1e-12)


def test_no_function_is_off_by_more_than_its_range() -> None:
    far = np.tanh(rounded([0.0, 0.5], 1e3, 1e4))
    np.testing.assert_allclose(far.bound, 2 + 7 / 8 * (np.tanh([0.0, 0.5]) + 2) + 1 / 64, rtol=1e-12)
    np.testing.assert_allclose(far.variance, 4 + (far.value / 8) ** 2 + LOST, rtol=1e-12)
    far = ACTIVATIONS["sigmoid"](rounded([0.0, 0.5], 100.0, 1e4))
    np.testing.assert_allclose(far.bound, 1 + 11 / 8 * (far.value + 1) + 1 / 64, rtol=1e-12)
    np.testing.assert_allclose(far.variance, 1 + (1.3 * far.value / 8) ** 2 + LOST, rtol=1e-12)


def test_sigmoid_is_off_by_its_slope_and_by_how_that_may_grow() -> None:
    s = 1 / (1 + math.exp(-1.0))
    made = ACTIVATIONS["sigmoid"](rounded(1.0, 0.5, 0.04))
    moved = s * (1 - s) * (math.exp(0.5) - 1)
    np.testing.assert_allclose(made.bound, [moved + 11 / 8 * (s + moved) + 1 / 64], rtol=1e-12)
    # 12 deviations of 0.2 are more than the bound of a half: as near to zero as a half.
    nearest = 1 / (1 + math.exp(-0.5))
    variance = (nearest * (1 - nearest)) ** 2 * 0.04 + (1.3 * s / 8) ** 2 + LOST
    np.testing.assert_allclose(made.variance, [variance], rtol=1e-12)
    small = ACTIVATIONS["sigmoid"](rounded(1.0, 0.005, 0.0))
    moved = s * (1 - s) * 0.005 * 1.005  # e^b - 1 is at most b + b^2
    np.testing.assert_allclose(small.bound, [moved + 11 / 8 * (s + moved) + 1 / 64], rtol=1e-12)


def test_of_a_log_the_nearest_likely_argument_counts() -> None:
    made = np.log(rounded(2.0, 0.5, 0.0001))  # 12 times 0.01
    np.testing.assert_allclose(made.variance, [0.0001 / 1.88**2 + (math.log(2) / 8) ** 2 + LOST], rtol=1e-12)
    made = np.log(rounded(2.0, 0.1, 0.04))  # no farther than the bound
    np.testing.assert_allclose(made.variance, [0.04 / 1.9**2 + (math.log(2) / 8) ** 2 + LOST], rtol=1e-12)


def test_of_a_root_the_nearest_likely_argument_counts() -> None:
    made = np.sqrt(rounded(4.0, 1.0, 0.0001))
    np.testing.assert_allclose(made.variance, [0.0001 / (2 + math.sqrt(3.88)) ** 2 + 4 * SQUARE + LOST], rtol=1e-12)
    made = np.sqrt(rounded(0.01, 1.0, 4.0))
    np.testing.assert_allclose(
        made.variance, [2.0 + 0.01 * SQUARE + LOST], rtol=1e-12
    )  # the root of 4, not 4 over 0.01


def test_exp_varies_as_it_grows_over_the_likely_distance() -> None:
    made = np.exp(rounded(1.0, 0.3, 0.04))  # 12 times 0.2 is more than the bound
    slope = math.exp(1) * (math.exp(0.3) - 1) / 0.3
    np.testing.assert_allclose(made.variance, [slope**2 * 0.04 + (math.exp(1) / 8) ** 2 + LOST], rtol=1e-12)
    made = np.exp(rounded(1.0, 0.3, 0.0001))
    slope = math.exp(1) * (math.exp(0.12) - 1) / 0.12
    np.testing.assert_allclose(made.variance, [slope**2 * 0.0001 + (math.exp(1) / 8) ** 2 + LOST], rtol=1e-12)
    made = np.exp(rounded(1.0, 0.005, 1e-7))
    np.testing.assert_allclose(made.variance, [math.exp(2) * 1e-7 + (math.exp(1) / 8) ** 2 + LOST], rtol=1e-12)


def test_an_exponential_that_is_surely_beyond_all_numbers_is_infinity_there_too() -> None:
    with np.errstate(all="ignore"):
        assert bound_of(np.exp, rounded(800, 80)) < INF
        assert bound_of(np.exp, rounded(800, 95)) == INF


@pytest.mark.parametrize(("function", "other"), [(np.sin, math.cos), (np.cos, math.sin)])
def test_a_wave_has_its_slope_and_what_that_may_become(function: Any, other: Any) -> None:
    made = function(rounded([0.7], 0.01, 1e-8))
    steepest = abs(other(0.7)) + min(0.01, 12 * 1e-4)
    assert made.value.item() == function(0.7)
    assert 0.01 < made.bound.item() < 0.01 + 5 / 8
    assert made.variance.item() >= steepest**2 * 1e-8
    assert made.variance.item() <= steepest**2 * 1e-8 + 2 * (abs(made.value.item()) / 8) ** 2 + LOST
    far = function(rounded([0.7], 1e3, 1e4))
    assert far.bound.item() < 2 + 5 / 8 * 3 + 0.1
    assert far.variance.item() < 4 + 2 * (3 / 8) ** 2


def test_a_slope_of_zero_is_not_taken_for_none() -> None:
    made = np.cos(rounded([0.0], 0.1, 1e-4))  # 12 times 0.01 away the slope is 0.12, at most 0.1 as the bound has it
    assert made.variance.item() >= 0.1**2 * 1e-4


@pytest.mark.parametrize("summed", [None, 1 / 4096])
def test_a_wave_is_as_steep_as_it_may_become_and_never_steeper_than_one(summed: float | None) -> None:
    precision = Precision(unit=1 / 8, smallest=1 / 64, summed=summed)
    # The slope is cos 0.7 and changes by 0.05; at zero it is one; and of the last nothing is known.
    x = Rounded(np.array([0.7, 0.0, 0.7]), np.array([0.05, 0.05, 1e3]), np.array([1e-4, 1e-4, 1e4]), precision)
    made = wave(np.sin, np.cos)(precision, x)
    size, typical = np.sin([0.7, 0.0, 0.7]), 1.0 if summed is None else 0.8
    np.testing.assert_array_equal(made.value, size)
    share = WAVE_ULPS / 8
    np.testing.assert_allclose(made.bound, share * size + np.array([0.05, 0.05, 2]) * (1 + share) + 1 / 64, rtol=1e-12)
    moved = [(math.cos(0.7) + 0.05) ** 2 * 1e-4, 1e-4, 4]
    np.testing.assert_allclose(made.variance, moved + (typical * size / 8) ** 2 + LOST, rtol=1e-12)
    assert made.precision is precision
    with np.errstate(invalid="ignore"):
        assert wave(np.cos, np.sin)(precision, Rounded.exact(np.array([INF]), precision)).beyond
