"""Sums, products and quotients by hand."""

from __future__ import annotations

import numpy as np
import pytest

from rnnverify.rounding import PRECISIONS, Rounded
from rnnverify.rounding.arithmetic import plus, times
from rnnverify.rounding.operands import nothing_or, parts
from tests.rounding.coarse import COARSE, INF, LOST, SHORT, SQUARE, bound_of, is_about, rounded, short


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
    is_about(rounded(3, 0.5, 0.1) * 1, 3, 0.5, 0.1)
    is_about(4.0 * rounded(3, 0.5, 0.1), 12, 2.0, 1.6)


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


def test_signs_and_sizes_keep_their_errors() -> None:
    is_about(-rounded(3, 0.5, 0.1), -3, 0.5, 0.1)
    is_about(np.abs(rounded(-3, 0.5, 0.1)), 3, 0.5, 0.1)


def test_a_quotient_by_a_constant_may_be_a_product_with_its_rounded_reciprocal() -> None:
    roundings = 2 + 1 / 8
    is_about(rounded(3) / 6, 0.5, 0.5 * roundings / 8 + 1 / 64, 0.5**2 * roundings * SQUARE + LOST)
    is_about(rounded(3) / rounded(6), 0.5, 0.5 / 8 + 1 / 64, 0.5**2 * SQUARE + LOST)


def test_zero_times_the_unknown_is_unknown_and_no_nan() -> None:
    assert bound_of(np.multiply, rounded(0), rounded(1, INF)) == INF
    assert bound_of(np.multiply, rounded(1e200), rounded(0)) > 0
    assert bound_of(np.matmul, Rounded.exact(np.array([[1e200]]), PRECISIONS["float64"]), np.array([[1e-200]])) < 1


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


def test_of_three_factors_the_product_of_two_counts_and_not_their_quotient() -> None:
    # With x = 3 the quotient is 0.5: of y / 0.5 and 6 the product would be 360, and of 0.5 y and 6 it is 90.
    x, y, z = (Rounded.exact(np.array([v]), SHORT) for v in (3.0, 30.0, 0.1))
    assert bound_of(lambda x, y, z: (x / 6) * (y * z), x, y, z) < 1
    assert bound_of(lambda x, y, z: (y * z) * (x / 6), x, y, z) < 1


def test_a_factor_far_within_the_range_is_beyond_it_before_the_division_too() -> None:
    x, y, z = (Rounded.exact(np.array([v]), SHORT) for v in (6.0, 15.0, 0.1))
    assert bound_of(lambda x, y, z: (x / 6) * ((y + y) * (z + z)), x, y, z) == INF
    assert bound_of(lambda x, y, z: (x / 6) * ((y / 2) * (z + z)), x, y, z) < 1


def test_beside_a_divisor_that_is_infinite_others_have_their_own_errors() -> None:
    with np.errstate(all="ignore"):
        made = rounded([1.0, 3.0], [0.25, 0.5], [0.1, 0.1]) / rounded([INF, 2.0], [0.0, 0.25], [0.0, 0.2])
    assert made.value.tolist() == [0, 1.5]
    np.testing.assert_allclose(made.bound[1], 0.5 + 2 / 8 + 1 / 64)
    np.testing.assert_allclose(made.variance[1], (0.1 + 1.5**2 * 0.2) / 1.75**2 + 1.5**2 * SQUARE + LOST)
    assert made.bound[0] < 0.1
    assert made.variance[0] <= LOST


def test_a_number_in_the_code_may_stand_first() -> None:
    # 1.3 is one that the precision cannot hold: it is off by 1.3/8, and by a third of its square.
    off, spread = 1.3 / 8, (1.3 / 8) ** 2 / 3
    for made, value in ((1.3 + rounded(2, 0.5, 0.1), 3.3), (rounded(2, 0.5, 0.1) + 1.3, 3.3)):
        error = 0.5 + off
        is_about(made, value, error + (value + error) / 8 + 1 / 64, 0.1 + spread + value**2 * SQUARE + LOST)
    for made, value in ((1.3 - rounded(2, 0.5, 0.1), -0.7), (rounded(2, 0.5, 0.1) - 1.3, 0.7)):
        error = 0.5 + off
        is_about(made, value, error + (0.7 + error) / 8 + 1 / 64, 0.1 + spread + 0.49 * SQUARE + LOST)
    product = (2 * off + 0.5 * 1.3) + 0.5 * off
    variance = 4 * spread + 1.69 * 0.1 + 0.1 * spread + 2.6**2 * SQUARE + LOST
    for made in (1.3 * rounded(2, 0.5, 0.1), rounded(2, 0.5, 0.1) * 1.3):
        is_about(made, 2.6, product + (2.6 + product) / 8 + 1 / 64, variance)
    is_about(1.3 / rounded(2.0), 0.65, off / 2 + (0.65 + off / 2) / 8 + 1 / 64, spread / 4 + 0.65**2 * SQUARE + LOST)


def test_a_product_that_ends_at_the_very_end_of_the_range_is_in_it() -> None:
    # (x / 5) y = (x y) / 5: x y is 100, the largest number.
    x, y = Rounded.exact(np.array([5.0]), SHORT), Rounded.exact(np.array([20.0]), SHORT)
    assert bound_of(lambda x, y: (x / 5) * y, x, y) < 1
    assert bound_of(lambda x, y: (x / 5) * y, x, y * 1.01) == INF


def test_a_quotient_by_a_number_that_the_other_side_rounds_is_off_by_that_too() -> None:
    value, error, roundings = 3 / 0.7, 0.7 / 8, 2 + 1 / 8
    bound = value * error / (0.7 - error)
    variance = value**2 * error**2 / 3 / 0.7**2 + value**2 * roundings * SQUARE + LOST
    is_about(rounded(3) / 0.7, value, value * roundings / 8 + bound * (1 + roundings / 8) + 1 / 64, variance)


def test_a_division_by_less_than_two_may_be_done_later_as_well() -> None:
    # Of (x / 1.5) y the left is 80, and x y is 120.
    x, y = Rounded.exact(np.array([6.0]), SHORT), Rounded.exact(np.array([20.0]), SHORT)
    assert bound_of(lambda x, y: (x / 1.5) * y, x, y) == INF
    assert bound_of(lambda x, y: (x / 1.5) * y, x, y / 2) < 1
    assert (x * y).history.postponed == 1


def test_only_a_division_by_a_constant_beyond_one_may_be_done_later() -> None:
    for divisor, postponed in ((4, 4.0), (-4.0, 4.0), (0.5, 1.0), (rounded(4), 1.0), (np.array([4.0]), 1.0)):
        assert (rounded(3) / divisor).history.postponed == postponed


def test_errors_that_share_one_zero_are_none_and_others_stay() -> None:
    for count in (1, 3):
        shared = nothing_or(np.broadcast_to(np.float64(0), (count,)))
        assert isinstance(shared, float)
        assert shared == 0
    for errors in (np.broadcast_to(np.float64(0.5), (3,)), np.broadcast_to(np.float64(1), (3,)), np.zeros(3), 0.25):
        assert nothing_or(errors) is errors
    empty = np.zeros((0, 2))
    assert nothing_or(empty) is empty


def test_no_error_times_infinity_is_none() -> None:
    assert times(np.array([INF, 2.0]), 0.0) == 0
    assert times(np.array([3.0]), 1.0).tolist() == [3]
    assert times(np.array([3.0]), np.array([0.5])).tolist() == [1.5]


def test_to_what_no_error_is_added_it_stays_what_it_is() -> None:
    errors = np.array([0.5, 2.0])
    assert plus(0.0, errors) is plus(errors, 0.0) is errors
    assert plus(1.0, errors).tolist() == plus(errors, 1.0).tolist() == [1.5, 3]
    assert plus(0.0, 0.0) == 0


def test_a_constant_is_off_where_the_other_side_cannot_hold_it_or_flushes_it_to_zero() -> None:
    assert parts(0.6875, COARSE) == (0.6875, 0.6875 / 8, (0.6875 / 8) ** 2 / 3)
    assert parts(1 / 128, COARSE) == (1 / 128, 1 / 128, (1 / 128) ** 2 / 3)
    assert parts(1 / 64, COARSE) == (1 / 64, 0, 0)  # the smallest that there is
