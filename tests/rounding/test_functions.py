"""A library's functions by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from rnnverify.layers.activations import ACTIVATIONS, ERF
from rnnverify.rounding import PRECISIONS, Rounded
from rnnverify.rounding.functions import FUNCTION_ULPS, SIGMOID_ULPS, TYPICAL_SIGMOID_ULPS
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


def test_exp_grows_by_the_exponential_of_the_bound() -> None:
    # Of log 4 +- log 2 the exponential lies between 2 and 8.
    k = FUNCTION_ULPS[np.exp]
    mean_slope = (8 - 4) / math.log(2)
    variance = mean_slope**2 * 0.01 + 16 * (1 / 8) ** 2 + LOST
    is_about(np.exp(rounded(math.log(4), math.log(2), 0.01)), 4, 4 + 8 * k / 8 + 1 / 64, variance)


def test_exp_of_what_underflows_here_may_be_large_there() -> None:
    tiny = Rounded(np.array([-746.0]), np.array([700.0]), np.zeros(1), PRECISIONS["float64"])
    assert bound_of(np.exp, tiny) >= math.exp(-46)
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


def tanh_errors(t: float) -> tuple[float, float]:
    k, nearest = FUNCTION_ULPS[np.tanh], t - 0.01
    moved = (1 - nearest**2) * 0.01
    return k / 8 * (t + moved) + moved + 1 / 64, (1 - t * t) ** 2 * 1e-7 + (t / 8) ** 2 + LOST


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
