"""Each operation by hand, in a precision so coarse that every number can be checked: u = 1/8, nothing lost below 1/64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from rnnverify.layers.activations import ACTIVATIONS, ERF
from rnnverify.rounding import PRECISIONS, Matrix, Precision, Rounded, Unsure
from rnnverify.rounding.functions import FUNCTION_ULPS, SIGMOID_ULPS, TYPICAL_SIGMOID_ULPS
from rnnverify.rounding.products import norm

COARSE = Precision(unit=1 / 8, smallest=1 / 64)
SQUARE = (1 / 8) ** 2 / 3  # the variance of a rounding of 1
LOST = 1 / 64**2
INF, NAN = math.inf, math.nan


def rounded(values: Any, bounds: Any = 0.0, variances: Any = 0.0) -> Rounded:
    value = np.atleast_1d(np.asarray(values, dtype=np.float64))
    return Rounded(value, np.zeros_like(value) + bounds, np.zeros_like(value) + variances, COARSE)


def is_about(x: Any, value: float, bound: float, variance: float | None = None) -> None:
    np.testing.assert_allclose(x.value, [value], rtol=1e-14)
    np.testing.assert_allclose(x.bound, [bound], rtol=1e-11)
    if variance is not None:
        np.testing.assert_allclose(x.variance, [variance], rtol=1e-11)


def bound_of(function: Any, *operands: Any) -> float:
    with np.errstate(all="ignore"):
        made = function(*operands)
    assert not np.isnan(made.bound).any()
    assert (made.variance >= 0).all()
    return float(made.bound.item())


def test_a_sum_has_both_errors_and_the_rounding_of_their_sum() -> None:
    # 3 +- 0.5 and 1 +- 0.25: 0.75 off, the rounding of up to 4.75 at 1/8 of it, and 1/64 of underflow.
    is_about(rounded(3, 0.5, 0.1) + rounded(1, 0.25, 0.2), 4, 0.75 + 4.75 / 8 + 1 / 64, 0.3 + 16 * SQUARE + LOST)


def test_a_difference_has_both_errors_too() -> None:
    is_about(rounded(3, 0.5, 0.1) - rounded(1, 0.25, 0.2), 2, 0.75 + 2.75 / 8 + 1 / 64, 0.3 + 4 * SQUARE + LOST)


def test_a_product_has_the_errors_of_either_times_the_other_and_their_product() -> None:
    # 3.5 * 2.25 = 7.875 is the furthest from 6.
    variance = 9 * 0.2 + 4 * 0.1 + 0.1 * 0.2 + 36 * SQUARE + LOST
    is_about(rounded(3, 0.5, 0.1) * rounded(2, 0.25, 0.2), 6, 1.875 + 7.875 / 8 + 1 / 64, variance)


def test_a_square_has_the_same_errors_in_both_factors() -> None:
    x = rounded(3, 0.5, 0.1)
    is_about(x * x, 9, 3.25 + 12.25 / 8 + 1 / 64, 4 * 9 * 0.1 + 2 * 0.1**2 + 81 * SQUARE + LOST)
    is_about(x**2, 9, 3.25 + 12.25 / 8 + 1 / 64)


def test_a_product_with_a_power_of_two_is_exact_unless_it_underflows() -> None:
    is_about(rounded(3, 0.5, 0.1) * 2, 6, 1.0, 0.4)
    is_about(rounded(3, 0.5, 0.1) * -0.5, -1.5, 0.25 + 1 / 64, 0.025 + LOST)


def test_a_number_in_the_code_is_rounded_where_the_precision_does_not_hold_it() -> None:
    # 0.6875 = 11/16 needs 4 bits, of which there are 3; 0.625 = 10/16 needs 3.
    is_about(rounded(1) * 0.6875, 0.6875, 0.6875 * (1 / 8 + 9 / 64) + 1 / 64)
    is_about(rounded(1) * 0.625, 0.625, 0.625 / 8 + 1 / 64)


def test_a_quotient_is_off_most_where_the_divisor_is_nearest_to_zero() -> None:
    # 3.5 / 1.75 = 2 is 0.5 from 1.5.
    variance = (0.1 + 1.5**2 * 0.2) / 1.75**2 + 1.5**2 * SQUARE + LOST
    is_about(rounded(3, 0.5, 0.1) / rounded(2, 0.25, 0.2), 1.5, 0.5 + 2 / 8 + 1 / 64, variance)


def test_nothing_is_known_of_a_quotient_whose_divisor_may_be_zero() -> None:
    assert bound_of(np.divide, rounded(1), rounded(0.5, 0.5)) == INF
    assert bound_of(np.divide, rounded(0), rounded(0.5, 0.5)) == INF
    assert bound_of(np.divide, rounded(0), rounded(0)) == INF


def test_a_quotient_by_infinity_is_zero_only_where_the_divisor_is_surely_beyond_all_numbers() -> None:
    assert bound_of(np.divide, rounded(1), rounded(INF)) == pytest.approx(1 / 64)
    assert bound_of(np.divide, 1, exponential(800, 80)) < 1e-30
    assert bound_of(np.divide, 1, exponential(800, 100)) == INF
    with np.errstate(over="ignore"):
        assert bound_of(np.divide, rounded(1e308), rounded(1e200) * rounded(1e109)) > 0.5


def exponential(value: float, bound: float) -> Rounded:
    with np.errstate(all="ignore"):
        grown: Rounded = np.exp(Rounded(np.array([value]), np.array([bound]), np.zeros(1), PRECISIONS["float32"]))
        result: Rounded = 1 + grown
    return result


def test_a_saturated_sigmoid_is_known() -> None:
    for x in (-1e4, -800.0, -400.0, 400.0, 800.0, 1e4):
        sigmoid = ACTIVATIONS["sigmoid"]
        assert bound_of(sigmoid, Rounded.exact(np.array([x]), PRECISIONS["float32"])) < 1e-6


def test_signs_and_sizes_keep_their_errors() -> None:
    is_about(-rounded(3, 0.5, 0.1), -3, 0.5, 0.1)
    is_about(np.abs(rounded(-3, 0.5, 0.1)), 3, 0.5, 0.1)


def test_a_sign_is_unsure_only_within_the_bound_of_zero() -> None:
    assert np.sign(rounded([3, 0.5, 0], [0.5, 0.5, 0])).bound.tolist() == [0, 2, 0]


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


def test_a_quotient_by_a_constant_may_be_a_product_with_its_rounded_reciprocal() -> None:
    roundings = 2 + 1 / 8
    is_about(rounded(3) / 6, 0.5, 0.5 * roundings / 8 + 1 / 64, 0.5**2 * roundings * SQUARE + LOST)
    is_about(rounded(3) / rounded(6), 0.5, 0.5 / 8 + 1 / 64, 0.5**2 * SQUARE + LOST)


def test_what_is_carried_through_time_adds_its_error_up_with_the_new_one() -> None:
    carried = rounded(2, 0.5, 0.04).carried()
    fresh = 9 * SQUARE + LOST + 0.01
    is_about(carried + rounded(1, 0.2, 0.01), 3, 0.7 * 9 / 8 + 3 / 8 + 1 / 64, (0.2 + fresh**0.5) ** 2)
    fresh = 1.5**2 * SQUARE + LOST
    is_about(carried * rounded(0.75), 1.5, 0.5 * 0.75 * 9 / 8 + 1.5 / 8 + 1 / 64, (0.2 * 0.75 + fresh**0.5) ** 2)
    assert (carried + 1).lasting
    assert (carried * rounded(0.75)).lasting


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


def test_a_clipped_number_is_off_by_what_is_left_of_its_error() -> None:
    x = rounded([2.0, 0.75, 0.5, -2.0], 0.5)
    np.testing.assert_allclose(np.clip(x, 0, 1).bound, [0, 0.5, 0.5, 0], atol=1e-15)
    np.testing.assert_allclose(np.maximum(x, 1.75).bound, [0.5, 0, 0, 0], atol=1e-15)
    np.testing.assert_allclose(np.minimum(1.75, x).bound, [0.25, 0.5, 0.5, 0.5], atol=1e-15)


def test_an_error_far_below_float64_s_spacing_is_not_lost_in_clipping() -> None:
    assert np.clip(rounded(1, 1e-30), 0, 2).bound == [1e-30]


@pytest.mark.parametrize("value", [INF, -INF])
def test_what_may_be_infinite_or_not_may_be_anything_within_the_clipped_range(value: float) -> None:
    assert bound_of(lambda x: np.clip(x, 0, 6), rounded(value, INF)) == 6
    assert bound_of(lambda x: np.clip(x, 0, 6), rounded(value)) == 0


def test_the_larger_of_two_is_off_by_the_larger_error() -> None:
    is_about(np.maximum(rounded(1, 0.5, 0.1), rounded(2, 0.25, 0.2)), 2, 0.5, 0.2)
    is_about(np.max(rounded([[1, 2]], [[0.5, 0.25]]), axis=-1), 2, 0.5)


def test_a_comparison_is_unsure_within_the_bounds_and_sure_between_exact_equals() -> None:
    outcome = rounded([3, 3, 3, NAN], [0.5, 1, 0, 1]) > rounded([4, 4, 3, 4], [0.25, 0, 0, 0])
    assert isinstance(outcome, Unsure)
    assert outcome.value.tolist() == [False] * 4
    assert outcome.unsure.tolist() == [False, True, False, True]


def test_a_choice_that_is_unsure_is_off_by_the_distance_to_the_other_candidate() -> None:
    unsure = rounded([1, 3], 0.5) > 1.25
    chosen = np.where(unsure, rounded([10, 10], 0.25), rounded([20, 20], 0.125))
    assert chosen.value.tolist() == [20, 10]
    assert chosen.bound.tolist() == [10.25, 0.25]
    assert np.where([True, False], rounded([1, 2], 0.5), 7).bound.tolist() == [0.5, 0]


def test_a_sure_choice_at_an_exact_tie_has_no_variance_of_the_other_candidate() -> None:
    x = rounded(0.5)
    assert np.where(np.abs(x) > 0.5, x, 0).variance == [0]


def test_a_choice_that_may_fall_on_nan_is_unknown() -> None:
    with np.errstate(all="ignore"):
        assert np.where(rounded(1, 0.5) > 1.25, rounded(NAN), rounded(1)).bound == [INF]


def test_an_inner_product_is_off_by_g_times_the_lengths_and_the_error_of_its_operand() -> None:
    # Lengths 5 and 1, g(2) = (2/8) / (1 - 2/8) = 1/3; the operand's error has length 0.5; 4 results may underflow.
    x = rounded([[3.0, 4.0]], [[0.3, 0.4]], [[0.1, 0.2]])
    made = x @ np.array([[0.0], [1.0]])
    assert made.value == [[4]]
    np.testing.assert_allclose(made.bound, 5 / 3 + 0.5 * 4 / 3 + 4 / 64 * 4 / 3)
    # (n/3 + 1) u^2/3 z^2 with z = 4, (n/6 + 1) u^2/3 times the products' squares 0 and 16, and the second operand's 0.2.
    np.testing.assert_allclose(made.variance, SQUARE * (5 / 3 * 16 + 4 / 3 * 16) + 0.2 + 4 * LOST, rtol=1e-6)


def test_a_bias_rounds_once_more_and_with_a_second_product_any_two_of_the_three_may_be_added_first() -> None:
    x, h = rounded([[3.0, 4.0]]), rounded([[1.0, 2.0, 2.0]])
    biased = x @ np.array([[0.0], [1.0]]) + np.array([2.0])
    # As above; then a rounding of 6, grown by g(1) = 1/7.
    assert biased.value == [[6]]
    np.testing.assert_allclose(biased.bound, 5 / 3 * 8 / 7 + (4 * 4 / 3 + 1) / 64 * 8 / 7 + 6 / 7)
    inner = 5 / 3 * 16 + 4 / 3 * 16
    np.testing.assert_allclose(biased.variance, SQUARE * (inner + 36) + 5 * LOST, rtol=1e-6)
    cancelled = x @ np.array([[0.0], [1.0]]) + np.array([-4.0])
    np.testing.assert_allclose(cancelled.bound, 5 / 3 * 8 / 7 + (4 * 4 / 3 + 1) / 64 * 8 / 7)
    np.testing.assert_allclose(cancelled.variance, SQUARE * inner + 5 * LOST, rtol=1e-6)
    # Lengths 3 and 1, g(3) = (3/8) / (5/8) = 0.6; the two sums are of no more than 4 + 2 + 1, and g(2) = 1/3.
    both = biased + h @ np.array([[-1.0], [0.0], [0.0]])
    assert both.value == [[5]]
    lost = (4 * 4 / 3 + 6 * 1.6 + 2) / 64
    np.testing.assert_allclose(both.bound, (5 / 3 + 3 * 0.6) * 4 / 3 + lost * 4 / 3 + 7 / 3)
    variance = inner + (3 / 3 + 1) * 1 + (3 / 6 + 1) * 1 + 2 * 7**2
    np.testing.assert_allclose(both.variance, SQUARE * variance + 12 * LOST, rtol=1e-6)


def test_a_third_term_that_is_not_exact_brings_its_own_error() -> None:
    x = rounded([[3.0, 4.0]])
    biased = x @ np.array([[0.0], [1.0]]) + np.array([2.0])
    made = biased + rounded([[1.0]], 0.5, 0.25)
    assert (made.bound > biased.bound + 0.5).all()
    assert (made.variance > biased.variance + 0.25).all()
    unsure = x @ np.array([[0.0], [1.0]]) + rounded([2.0], 0.5, 0.25)  # a bias that may be read as zero
    assert (unsure.bound > biased.bound + 0.4).all()
    assert (unsure.variance > biased.variance + 0.24).all()


def test_operands_that_are_rounded_first_have_that_error_too() -> None:
    coarse = Precision(unit=1 / 8, smallest=1 / 64, operands=1 / 4)
    x, w = Rounded.exact(np.array([[3.0]]), coarse), np.array([[2.0]])
    # n = 1: (1/3 + 1) and (1/6 + 1) times u^2/3 of 6^2, and that of either operand's, d^2/3.
    variance = SQUARE * (4 / 3 + 7 / 6) * 36 + 2 * (1 / 4) ** 2 / 3 * 36 + 2 * LOST
    np.testing.assert_allclose((x @ w).variance, [[variance]], rtol=1e-6)
    # g(1) = 1/7; both operands' errors 2/4 + 1/16.
    np.testing.assert_allclose((x @ w).bound, [[6 * (1 / 7 + 9 / 16 * 8 / 7) + 2 / 64 * 8 / 7]])


def test_rows_and_columns_that_are_added_to_each_other_have_their_errors_everywhere() -> None:
    rng = np.random.default_rng(5)
    x, row = rounded(rng.normal(size=(4, 3))), rounded(rng.normal(size=(1, 3)))
    weights = rng.normal(size=(3, 2))
    made = x @ weights + row @ weights
    wide = x @ weights + rounded(np.repeat(row.value, 4, axis=0)) @ weights
    assert made.bound.shape == made.variance.shape == (4, 2)
    np.testing.assert_allclose(made.bound, wide.bound, rtol=0.2)
    shifted = row @ weights + rng.normal(size=(4, 2))
    assert shifted.bound.shape == shifted.variance.shape == shifted.shape == (4, 2)


def test_parts_of_a_matrix_know_their_columns_and_other_parts_are_those_of_any_array() -> None:
    precision = PRECISIONS["float32"]
    tiny = Matrix(np.array([[1.0, 1e-40], [2.0, 1.0]]), precision)
    left, right = np.split(tiny, 2, axis=-1)
    x = Rounded.exact(np.array([[1.0, 1.0], [0.5, -1.0]]), precision)
    for part, column in ((left, 0), (right, 1)):
        assert isinstance(part, Matrix)
        assert np.shares_memory(part.columns.squares, tiny.columns.squares)
        np.testing.assert_allclose((x @ part).bound[:, 0], (x @ tiny).bound[:, column], rtol=1e-6)
        assert (part.columns.unread > 1e-50).all() == (column == 1)
    above, below = np.split(x @ tiny, 2)
    np.testing.assert_allclose(np.concatenate([above.bound, below.bound]), (x @ tiny).bound)
    assert np.split(tiny, 2)[0].shape == (1, 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_bias_far_larger_than_the_products_has_a_known_error_too(dtype: str) -> None:
    precision = PRECISIONS[dtype]
    x = Rounded.exact(np.array([[0.5, -0.25]]), precision)
    weights = np.array([[1.0, 0.5], [0.5, 1.5]])
    bias = np.array([1e25, 0.0])
    made = x @ weights + bias
    rounding = precision.unit * 1e25
    np.testing.assert_allclose(np.sqrt(made.variance[0, 0]), rounding / math.sqrt(3), rtol=1e-6)
    np.testing.assert_allclose(made.bound[0, 0], rounding, rtol=1e-6)
    small = (x @ weights + np.array([1.0, 0.0]))[0, 1]
    np.testing.assert_allclose(made.variance[0, 1], small.variance, rtol=1e-6)
    np.testing.assert_allclose(made.bound[0, 1], small.bound, rtol=1e-6)


def test_a_product_a_thousand_million_times_larger_than_the_other_hides_no_error_of_it() -> None:
    precision = PRECISIONS["float32"]
    rng = np.random.default_rng(3)
    x, h = (Rounded.exact(rng.normal(size=(4, n)), precision) for n in (3, 5))
    kernel, recurrent = rng.normal(size=(3, 2)), rng.normal(size=(5, 2))
    for factor in (1e-9, 1.0, 1e9):
        made = x @ (factor * kernel) + h @ recurrent
        for alone in (x @ (factor * kernel), h @ recurrent):
            assert (made.variance > 0.999 * alone.variance).all()
            assert (made.bound > alone.bound).all()


def test_the_columns_of_a_sum_have_their_own_errors() -> None:
    precision = PRECISIONS["float32"]
    rng = np.random.default_rng(4)
    x, h = (Rounded.exact(rng.normal(size=(4, n)), precision) for n in (3, 5))
    kernel = Matrix(rng.normal(size=(3, 6)), precision)
    recurrent = Matrix(rng.normal(size=(5, 6)) * np.array([1, 1, 1, 1, 1, 100.0]), precision)
    for bias in (rng.normal(size=6), 0.5):
        whole = x @ kernel + bias + h @ recurrent
        parted = np.split(x @ kernel + bias + h @ recurrent, 3, axis=-1)
        by_weights = [
            x @ one + part + h @ two
            for one, two, part in zip(
                np.split(kernel, 3, axis=-1),
                np.split(recurrent, 3, axis=-1),
                np.split(np.broadcast_to(bias, 6), 3),
                strict=True,
            )
        ]
        for parts in (parted, by_weights):
            for name in ("value", "bound", "variance"):
                joined = np.concatenate([getattr(part, name) for part in parts], axis=-1)
                np.testing.assert_allclose(joined, getattr(whole, name), rtol=1e-5)


def test_a_sum_of_inner_products_that_may_overflow_is_infinite_where_it_may() -> None:
    precision = PRECISIONS["float16"]
    x = Rounded.exact(np.array([[1.0], [0.125]]), precision)
    made = x @ np.array([[40000.0]]) + np.array([40000.0])
    assert made.beyond
    both = x @ np.array([[40000.0]]) + x @ np.array([[-40000.0]]) + np.array([40000.0])
    assert both.bound[0, 0] == INF  # two of the three may be added first
    assert both.bound[1, 0] < INF


def test_inner_products_with_zeros_and_infinite_bounds_are_never_nan() -> None:
    x = rounded([[0.0, 0.0], [1e300, 1e300], [1.0, 1.0], [5e-324, 0.0]], [[0, 0], [0, 0], [INF, 0], [0, 0]])
    with np.errstate(all="ignore"):
        made = x @ np.array([[0.0, 1.0, 1e-300], [0.0, 1.0, 1e-300]])
    assert (made.bound >= 0).all()
    assert (made.variance >= 0).all()
    assert (made.bound[2] == INF).all()


def test_a_sum_is_an_inner_product_with_ones() -> None:
    made = np.sum(rounded([[3.0, -4.0]], [[0.3, 0.4]], [[0.1, 0.2]]), axis=-1)
    # 0.7 of error, two sums that may underflow, all this grown by g(2) = 1/3; and 1/3 of 7.
    is_about(made, -1, (0.7 + 2 / 64) * 4 / 3 + 7 / 3, 0.3 + 2 * LOST + SQUARE * (5 / 3 + 4 / 3 * 25))


def test_a_running_sum_is_off_by_all_roundings_before_it_also_where_it_returns_to_zero() -> None:
    made = np.cumsum(rounded([[3.0, -3.0]]), axis=-1)
    np.testing.assert_allclose(made.bound, [[1 + 1 / 64 * 4 / 3, 2 + 2 / 64 * 4 / 3]])
    assert made.variance[0, 1] >= made.variance[0, 0] > 0


@pytest.mark.parametrize("terms", [7, 8, 9, 300])
def test_a_sum_too_long_for_the_precision_is_unknown_not_negative(terms: int) -> None:
    for made in (np.sum(rounded(np.ones((1, terms))), axis=-1), np.cumsum(rounded(np.ones((1, terms))), axis=-1)):
        assert (made.bound > 0).all()
        assert np.isinf(made.bound).all() == (terms >= 8)


def test_a_sorted_number_is_off_by_the_largest_error() -> None:
    made = np.sort(rounded([3.0, 1.0, 2.0], [0.1, 0.2, 0.5]))
    assert made.value.tolist() == [1, 2, 3]
    assert made.bound.tolist() == [0.5] * 3


def test_zero_times_the_unknown_is_unknown_and_no_nan() -> None:
    assert bound_of(np.multiply, rounded(0), rounded(1, INF)) == INF
    assert bound_of(np.multiply, rounded(1e200), rounded(0)) > 0
    assert bound_of(np.matmul, Rounded.exact(np.array([[1e200]]), PRECISIONS["float64"]), np.array([[1e-200]])) < 1


def test_subnormal_numbers_may_be_read_as_zero() -> None:
    for name, subnormal in (("float32", 1e-40), ("bfloat16", 1e-40), ("float64", 1e-310), ("float16", 0.0)):
        x = Rounded.exact(np.array([subnormal, 1.0]), PRECISIONS[name])
        assert x.bound.tolist() == [subnormal, 0]
    assert not Rounded.exact(np.array([0.0, 6e-8]), PRECISIONS["float16"]).inexact


def test_elements_that_move_take_their_errors_with_them() -> None:
    x = rounded([[1.0, 2.0]], [[0.1, 0.2]], [[0.3, 0.4]])
    both = np.concatenate([x, np.zeros((1, 2))], axis=0)
    assert both.bound.tolist() == [[0.1, 0.2], [0, 0]]
    assert np.swapaxes(x, 0, 1).variance.tolist() == [[0.3], [0.4]]
    assert [part.bound.item() for part in np.split(x, 2, axis=-1)] == [0.1, 0.2]


SHORT = Precision(unit=1 / 1024, smallest=1 / 64, largest=100.0)


def short(value: float) -> Any:
    """A number as the result of an operation, in a precision that ends at 100."""
    return Rounded(np.array([value / 2]), np.zeros(1), np.zeros(1), SHORT) * 2


@pytest.mark.parametrize(
    "back",
    [
        lambda x: x - short(40),
        lambda x: short(40) - x,
        lambda x: x * 0.25,
        lambda x: x * short(0.0),
        lambda x: x / 4,
        lambda x: x / (1 + np.abs(x)),
        lambda x: x + -x,
        lambda x: x - x * 1.0,
        lambda x: np.log(x),
        lambda x: np.sqrt(x),
        lambda x: x[np.newaxis] @ np.array([[0.25]]),
        lambda x: np.stack([x, x])[0].reshape(1) - short(40),
        lambda x: np.minimum(x, 200) * 0.25,
    ],
)
def test_nothing_is_known_of_a_number_that_comes_back_from_beyond_the_other_side_s_range(back: Any) -> None:
    assert bound_of(back, short(110)) == INF
    assert bound_of(back, short(-110)) == INF or back(short(110)).value < 100
    assert bound_of(back, short(90)) < INF or back(short(90)).value > 100


def test_a_result_that_is_rounded_may_be_beyond_too() -> None:
    assert bound_of(lambda x, y: (x + y) * 0.25, short(60), short(50)) == INF
    assert bound_of(lambda x, y: (x * y) * 0.25, short(10), short(11)) == INF
    assert bound_of(lambda x, y: (x * y) * 0.25, short(9), short(8)) < 1


def test_infinity_times_what_may_be_zero_is_unknown_however_large_ours_is() -> None:
    assert bound_of(np.multiply, short(1e6), short(0.001)) == INF
    assert bound_of(np.multiply, short(0.001), short(1e6)) == INF
    assert bound_of(np.multiply, short(1e6), short(0.5)) < INF


def test_infinity_less_infinity_is_unknown_however_large_ours_is() -> None:
    assert bound_of(np.subtract, short(1000), short(500)) == INF
    assert bound_of(np.add, short(1000), short(-500)) == INF
    assert bound_of(np.add, short(1000), short(500)) < INF
    assert bound_of(np.subtract, short(1000), short(-500)) < INF


def test_what_is_finite_at_infinity_stays_known() -> None:
    assert bound_of(np.tanh, short(110)) < 0.1
    assert bound_of(lambda x: np.minimum(x, 6), short(110)) == 0
    assert bound_of(lambda x: np.exp(-x), short(110)) < 0.1
    # Divided by infinity 1 gives zero, which is as far from 1/110 as that is large.
    assert 1 / 110 <= bound_of(lambda x: 1 / x, short(110)) < 2 / 110 + 1 / 64
    assert bound_of(lambda x: 1 / x, short(90)) < 1 / 63


def test_a_number_within_its_bound_of_the_range_s_end_may_be_beyond_it() -> None:
    near = Rounded(np.array([49.0]), np.array([2.0]), np.array([0.01]), SHORT) * 2
    assert bound_of(lambda x: x - short(40), near) == INF


def test_a_partial_sum_may_be_beyond_the_range() -> None:
    x = Rounded.exact(np.array([[90.0, 80.0]]), SHORT)
    assert bound_of(np.matmul, x, np.array([[1.0], [-1.0]])) == INF
    assert bound_of(np.matmul, x, np.array([[0.1], [-0.1]])) < 1
    assert bound_of(lambda y: np.sum(y, axis=-1), Rounded.exact(np.array([[90.0, -80.0]]), SHORT)) == INF
    a, b, c = (Rounded.exact(np.array([v]), SHORT) for v in (60.0, 50.0, -70.0))
    assert bound_of(lambda a, b, c: a + c + b, a, b, c) == INF  # 60 - 70 + 50; but 60 + 50 - 70 goes by 110
    assert bound_of(lambda a, b, c: (a + b) / 2 + c, *(one / 4 for one in (a, b, c))) < 1


def test_a_division_that_is_done_after_the_next_product_may_let_that_overflow() -> None:
    # Of (x / 6) y = (x y) / 6 the left is 15, and x y is 90; of twice that it is 180.
    x, y = Rounded.exact(np.array([6.0]), SHORT), Rounded.exact(np.array([15.0]), SHORT)
    assert bound_of(lambda x, y: (x / 6) * y, x, y) < 1
    assert bound_of(lambda x, y: (x / 6) * y, x, y * 2) == INF
    assert bound_of(lambda x, y: (x / short(6)) * y, x, y * 2) < 2


def test_of_three_factors_any_two_may_be_multiplied_before_the_division() -> None:
    # Of (x / 6) (y z) with x = 6 and y z = 3 the product is 3, but x y is 180.
    x, y, z = (Rounded.exact(np.array([v]), SHORT) for v in (6.0, 30.0, 0.1))
    assert bound_of(lambda x, y, z: (x / 6) * (y * z), x, y, z) == INF
    assert bound_of(lambda x, y, z: (y * z) * (x / 6), x, y, z) == INF
    assert bound_of(lambda x, y, z: (x / 6) * (z * y)[np.newaxis][0], x, y, z) == INF
    assert bound_of(lambda x, y, z: (x / 6) * (y * z), x, y / 4, z) < 1
    assert bound_of(lambda x, y, z: (x / 6) * np.split(np.concatenate([y * z, z]), 2)[1], x, y / 4, z) < 1


def test_a_factor_far_within_the_range_is_beyond_it_before_the_division_too() -> None:
    x, y, z = (Rounded.exact(np.array([v]), SHORT) for v in (6.0, 15.0, 0.1))
    assert bound_of(lambda x, y, z: (x / 6) * ((y + y) * (z + z)), x, y, z) == INF
    assert bound_of(lambda x, y, z: (x / 6) * ((y / 2) * (z + z)), x, y, z) < 1


def test_a_sigmoid_that_is_one_or_zero_here_may_be_anything_there() -> None:
    sigmoid, p = ACTIVATIONS["sigmoid"], PRECISIONS["float64"]
    with np.errstate(over="ignore"):
        assert bound_of(sigmoid, Rounded(np.array([40.0]), np.array([38.0]), np.zeros(1), p)) >= 0.1
        assert bound_of(sigmoid, Rounded(np.array([-746.0]), np.array([700.0]), np.zeros(1), p)) >= math.exp(-46)
    assert sigmoid(short(110)).beyond
    assert not sigmoid(short(9)).beyond


def test_no_value_is_beyond_its_reach() -> None:
    rng = np.random.default_rng(0)
    x, y = (Rounded.exact(rng.normal(scale=5, size=(3, 4)), SHORT) for _ in range(2))
    for made in (x + y, x * y, np.tanh(x), np.split(x + y, 2, axis=1)[0], (x * y)[1:], np.concatenate([x + y, x * y])):
        assert np.abs(made.value).max() <= made.reach < 2000
    assert np.concatenate([x + y, np.full((3, 4), 1e9)]).reach == INF


def test_an_infinity_that_was_fed_in_is_the_end_of_the_range() -> None:
    with np.errstate(invalid="ignore"):
        assert np.subtract(*(Rounded.exact(np.array([INF, 1.0]), SHORT) for _ in range(2))).beyond
        assert not np.subtract(*(Rounded.exact(np.array([2.0, 1.0]), SHORT) for _ in range(2))).beyond


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


def test_a_product_near_the_range_s_end_may_be_beyond_it() -> None:
    near, ones = Rounded.exact(np.full((1, 40), 2.45), SHORT), np.ones((40, 1))  # 98, and 4 more at worst
    assert bound_of(lambda x: (x @ ones) * 0.25, near) == INF
    assert bound_of(lambda x: (x @ ones) * 0.25, Rounded.exact(np.full((1, 40), 2.3), SHORT)) < INF


def test_infinite_rows_and_columns_say_nothing_about_the_others() -> None:
    p = PRECISIONS["float32"]
    x, w = np.array([[INF, 1.0, 2.0], [0.3, -0.7, 0.2]]), np.array([[0.5, -INF], [0.25, 3.0], [0.7, 1.0]])
    with np.errstate(invalid="ignore", over="ignore"):
        whole: Any = Rounded.exact(x, p) @ Matrix(w, p)
    alone: Any = Rounded.exact(x[1:], p) @ Matrix(w[:, :1], p)
    np.testing.assert_allclose(whole.variance[1, 0], alone.variance[0, 0], rtol=1e-6)
    np.testing.assert_allclose(whole.bound[1, 0], alone.bound[0, 0], rtol=1e-12)
    assert np.isinf(whole.variance[0]).all()
    assert np.isinf(whole.variance[:, 1]).all()


def test_a_weight_so_small_that_it_may_be_read_as_zero_counts_as_wholly_wrong() -> None:
    p = PRECISIONS["float32"]
    made: Any = Rounded.exact(np.array([[1e30]]), p) @ Matrix(np.array([[1e-40]]), p)
    assert 1e-10 <= made.bound[0, 0] < 1.1e-10
    assert 1e-20 <= made.variance[0, 0] < 1.1e-20


def test_an_inner_product_of_what_is_unknown_is_unknown_though_its_weights_are_zero() -> None:
    unknown = Rounded(np.ones((1, 2)), np.array([[INF, 0.0]]), np.array([[INF, 0.0]]), PRECISIONS["float32"])
    with np.errstate(invalid="ignore"):
        made: Any = unknown @ np.array([[0.0, 1.0], [2.0, 3.0]])
    assert np.isinf(made.bound).all()
    assert np.isinf(made.variance).all()


def test_a_length_is_precise_where_squares_underflow() -> None:
    for size in (1e-140, 1e-160, 1e-300):
        np.testing.assert_allclose(norm(np.full((1, 4), size), -1), [2 * size], rtol=1e-12)
