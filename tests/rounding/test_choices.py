"""Extrema, comparisons and choices by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rnnverify.rounding import Rounded, Unsure
from rnnverify.rounding.choices import comparison, extremum, may_be_largest, sort, take
from rnnverify.rounding.history import History
from tests.rounding.coarse import COARSE, INF, NAN, bound_of, is_about, rounded

UP_TO_1000 = replace(COARSE, largest=1000.0)


def test_a_sign_is_unsure_only_within_the_bound_of_zero() -> None:
    assert np.sign(rounded([3, 0.5, 0], [0.5, 0.5, 0])).bound.tolist() == [0, 2, 0]


def test_a_clipped_number_is_off_by_what_is_left_of_its_error() -> None:
    x = rounded([2.0, 0.75, 0.5, -2.0], 0.5)
    np.testing.assert_allclose(np.clip(x, 0, 1).bound, [0, 0.5, 0.5, 0], atol=1e-15)
    np.testing.assert_allclose(np.maximum(x, 1.75).bound, [0.5, 0, 0, 0], atol=1e-15)
    np.testing.assert_allclose(np.minimum(1.75, x).bound, [0.25, 0.5, 0.5, 0.5], atol=1e-15)


def test_an_error_far_below_float64_s_spacing_is_not_lost_in_clipping() -> None:
    assert np.clip(rounded(1, 1e-30), 0, 2).bound == [1e-30]


def test_a_clipped_number_varies_only_within_the_range() -> None:
    # 2 is 100 deviations beyond it, 1.05 five, and 0.5 far within.
    made = np.clip(rounded([2.0, 1.05, 0.5, -2.0, -0.05], 0.5, 1e-4), 0, 1)
    assert made.variance.tolist() == [0, 1e-4, 1e-4, 0, 1e-4]
    assert np.clip(rounded(1e10, 1e-30), 0, 1e20).bound == [1e-30]


@pytest.mark.parametrize("value", [INF, -INF])
def test_what_may_be_infinite_or_not_may_be_anything_within_the_clipped_range(value: float) -> None:
    assert bound_of(lambda x: np.clip(x, 0, 6), rounded(value, INF)) == 6
    assert bound_of(lambda x: np.clip(x, 0, 6), rounded(value)) == 0
    # Of which nothing is known at all may be NaN.
    assert bound_of(lambda x: np.clip(x, 0, 6), rounded(value, INF, INF)) == INF


def test_the_larger_of_two_is_off_by_the_larger_error() -> None:
    is_about(np.maximum(rounded(1, 0.5, 0.1), rounded(2, 0.25, 0.2)), 2, 0.5, 0.2)
    is_about(np.max(rounded([[1.5, 2]], [[0.5, 0.25]]), axis=-1), 2, 0.5)
    is_about(np.max(rounded([[1, 2]], [[0.5, 0.25]]), axis=-1), 2, 0.25)  # the first is at most 1.5
    is_about(np.max(rounded([[-1e9, 2]], [[64, 0.25]], [[32, 0.01]]), axis=-1), 2, 0.25, 0.01)


def test_clipped_at_a_number_that_the_other_side_rounds_it_is_off_by_that() -> None:
    made = np.clip(rounded([-3.0, 0.25, 3.0]), -0.7, 2)  # u is 1/8, and 0.7 no multiple of it
    np.testing.assert_allclose(made.value, [-0.7, 0.25, 2])
    np.testing.assert_allclose(made.bound, [0.7 / 8, 0, 0])
    np.testing.assert_allclose(made.variance, [(0.7 / 8) ** 2 / 3, 0, 0])
    is_about(np.clip(rounded(0.5, 0.25, 0.01), -1, 0.7), 0.5, 0.25, 0.01)  # it may be, and is off by more itself
    is_about(np.clip(rounded(0.625, 1 / 64, 1e-6), -1, 0.7), 0.625, 0.7 / 8, (0.7 / 8) ** 2 / 3)


def test_a_comparison_is_unsure_within_the_bounds_and_sure_between_exact_equals() -> None:
    outcome = rounded([3, 3, 3, NAN], [0.5, 1, 0, 1]) > rounded([4, 4, 3, 4], [0.25, 0, 0, 0])
    assert isinstance(outcome, Unsure)
    assert outcome.value.tolist() == [False] * 4
    assert outcome.unsure.tolist() == [False, True, False, True]


def test_two_numbers_of_which_the_other_side_may_make_the_same_infinity_are_unsure() -> None:
    """In a precision whose largest number is 1,000 each of these pairs is compared, either way round."""
    unsure = {
        (1200.0, 1500.0): True,
        (-1200.0, -1500.0): True,
        (1200.0, INF): True,
        (1200.0, -1500.0): False,  # of two signs
        (900.0, 1500.0): False,  # one of them is surely a number
        (1000.0, 1500.0): False,  # and is the largest there is
        (1500.0, 1000.0): False,
        (INF, INF): False,  # the same here, too
    }
    for (left, right), expected in unsure.items():
        for x, y in ((left, right), (right, left)):
            with np.errstate(invalid="ignore"):  # as throughout a check
                outcome = greater(large(x), large(y))
            assert (outcome.unsure.item(), outcome.likely.item()) == (expected, expected), (x, y)
            assert outcome.value == (x > y)


def test_what_may_be_off_by_enough_to_be_infinite_counts_as_if_it_were() -> None:
    for x, y in (((950, 60), (1500, 0)), ((1500, 0), (950, 60))):
        assert greater(large(*x), large(*y)).unsure
    assert not greater(large(950, 40), large(1500)).unsure
    assert not greater(large(1500), large(950, 40)).unsure
    mine, yours = Rounded.exact(np.array([900.0, 1500.0]), UP_TO_1000), large(1200)
    assert greater(mine, yours).unsure.tolist() == [False, True]  # it is enough that one of them has overflowed
    assert greater(yours, mine).unsure.tolist() == [False, True]


def test_numbers_far_from_the_largest_are_compared_as_they_are() -> None:
    outcome = rounded([3.0, 900.0], 0) > rounded([2.0, 950.0], 0)
    assert outcome.unsure.tolist() == [False, False]


def greater(x: Rounded, y: Rounded) -> Unsure:
    return comparison(np.greater)(UP_TO_1000, x, y)


def large(value: float, bound: float = 0.0) -> Rounded:
    """A number that may have overflowed, as its history says."""
    return Rounded(np.array(value), np.array(bound), np.array(bound**2), UP_TO_1000, History(beyond=True))


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


def test_a_sorted_number_is_off_by_the_largest_error() -> None:
    made = np.sort(rounded([3.0, 1.0, 2.0], [0.1, 0.2, 0.5]))
    assert made.value.tolist() == [1, 2, 3]
    assert made.bound.tolist() == [0.5] * 3


def test_a_sign_varies_only_where_a_few_deviations_reach_zero() -> None:
    # 0.5 is 5 deviations of 0.1 from zero, and exactly 8 of 0.0625; 0.75 is 12 of them; of the third no deviation is known.
    made = np.sign(rounded([0.5, -0.5, 0.75, 2.0], [1.0, 1.0, 1.0, 1.0], [0.01, 0.0625**2, 0.0625**2, 1.0]))
    assert isinstance(made, Rounded)
    assert made.value.tolist() == [1, -1, 1, 1]
    assert made.bound.tolist() == [2, 2, 2, 0]
    assert made.variance.tolist() == [4, 4, 0, 0]
    assert made.precision is COARSE


@pytest.mark.parametrize(("ufunc", "values"), [(np.maximum, [2.0, 5.0]), (np.minimum, [1.0, -3.0])])
def test_of_two_numbers_that_are_off_either_error_may_be_there(ufunc: np.ufunc, values: list[float]) -> None:
    x, y = rounded([1.0, 5.0], [0.5, 0.25], [0.1, 0.2]), rounded([2.0, -3.0], [0.25, 0.75], [0.3, 0.1])
    made = extremum(ufunc)(COARSE, x, y)
    assert made.value.tolist() == values
    assert made.bound.tolist() == [0.5, 0.75]
    assert made.variance.tolist() == [0.3, 0.2]
    assert made.precision is COARSE
    assert not made.beyond
    assert extremum(ufunc)(COARSE, x, Rounded.exact(np.array([INF, 1.0]), COARSE)).beyond


def test_of_a_number_and_a_plain_one_an_error_is_cut_off_at_that() -> None:
    x = rounded([1.0, 3.0], 0.5, 0.01)
    for made in (extremum(np.maximum)(COARSE, x, 1.25), extremum(np.maximum)(COARSE, 1.25, x)):
        assert made.value.tolist() == [1.25, 3]
        np.testing.assert_allclose(made.bound, [0.25, 0.5], rtol=1e-12)
        assert made.variance.tolist() == [0.01, 0.01]
    # 1.3 is one that the precision cannot hold, and is off itself: by 1.3/8 and a third of its square.
    for made in (extremum(np.maximum)(COARSE, x, 1.3), extremum(np.maximum)(COARSE, 1.3, x)):
        assert made.value.tolist() == [1.3, 3]
        assert made.bound.tolist() == [0.5, 0.5]
        np.testing.assert_allclose(made.variance, [0.01, 0.01])
    far = extremum(np.minimum)(COARSE, rounded([9.0], 0.1, 0.001), 1.3)
    np.testing.assert_allclose((far.value, far.bound), ([1.3], [1.3 / 8]))
    np.testing.assert_allclose(far.variance, (1.3 / 8) ** 2 / 3)


def test_what_is_within_a_few_deviations_is_likely_to_turn_out_otherwise() -> None:
    x = rounded([1.0, 1.0, 1.0, 1.0, 3.0], [1.0, 1.0, 1.0, 0.0, 1.0], [0.01, 1e-4, 1 / 64, 0.0, 9.0])
    y = rounded([1.5, 1.5, 3.0, 1.0, 6.0], [0.5, 0.0, 1.0, 0.0, 1.0], [0.01, 0.0, 3 / 64, 0.0, 9.0])
    # Gaps of 0.5, 0.5, 2, 0 and 3, bounds of 1.5, 1, 2, 0 and 2, and 8 deviations of 1.13, 0.08, 2, 0 and 34.
    for ufunc, value in ((np.less, [1, 1, 1, 0, 1]), (np.greater_equal, [0, 0, 0, 1, 0]), (np.equal, [0, 0, 0, 1, 0])):
        made = comparison(ufunc)(COARSE, x, y)
        assert made.value.tolist() == value
        assert made.unsure.tolist() == [True, True, True, False, False]
        assert made.likely.tolist() == [True, False, True, False, False]
    plain = comparison(np.less)(COARSE, x, np.full(5, 1.5))
    assert plain.unsure.tolist() == [True, True, True, False, False]
    # 1.3 is a number that the precision cannot hold: it may be 1.3/8 off itself.
    for made in (
        comparison(np.less)(COARSE, rounded([1.15, 1.1]), 1.3),
        comparison(np.less)(COARSE, 1.3, rounded([1.15, 1.1])),
    ):
        assert made.unsure.tolist() == made.likely.tolist() == [True, False]
    assert comparison(np.less)(COARSE, np.full(5, 1.5), x).value.tolist() == [False, False, False, False, True]


def test_rows_are_sorted_by_themselves_and_columns_too() -> None:
    x = rounded([[3.0, 1.0], [2.0, 4.0]], [[0.1, 0.2], [0.5, 0.3]], [[1, 2], [3, 4]])
    for made in (sort(x), np.sort(x, axis=1)):
        assert made.value.tolist() == [[1, 3], [2, 4]]
        assert made.bound.tolist() == [[0.2, 0.2], [0.5, 0.5]]
        assert made.variance.tolist() == [[2, 2], [4, 4]]
    down = sort(x, axis=0)
    assert down.value.tolist() == [[2, 1], [3, 4]]
    assert down.bound.tolist() == [[0.5, 0.3], [0.5, 0.3]]
    assert down.precision is COARSE


def test_what_is_taken_at_a_place_that_is_unsure_may_be_its_neighbour() -> None:
    x = rounded([[1.0, 2.0, 4.0, 8.0], [0.25, 0.5, 0.5, 0.5]], [[0.1, 0.2, 0.3, 0.4], [0, 0.5, 0, 0]], 0.5)
    index = Unsure(np.array([[1], [0]]), np.array([[1], [0]]), np.array([[0], [1]]))
    made = take(x, index, -1)
    assert made.value.tolist() == [[2], [0.25]]
    # One place to either side: 4 is 2 away and off by 0.3 itself. At the other place none is unsure.
    np.testing.assert_allclose(made.bound, [[2.3], [0]])
    # At the first none is likely, and the second may be 0.5: a quarter away.
    np.testing.assert_allclose(made.variance, [[0.5], [0.25**2 + 0.5]])
    assert made.precision is COARSE


def test_where_a_choice_is_likely_to_fall_otherwise_it_varies_by_the_distance() -> None:
    unsure = Unsure(np.array([True, True, False]), np.array([True, True, False]), np.array([True, False, False]))
    made = np.where(unsure, rounded([1.0, 1.0, 1.0], 0.1, 0.01), rounded([3.0, 4.0, 5.0], 0.2, 0.02))
    assert made.value.tolist() == [1, 1, 5]
    np.testing.assert_allclose(made.bound, [2.2, 3.2, 0.2])
    np.testing.assert_allclose(made.variance, [4.02, 0.01, 0.02])
    plain = np.where(np.array([True, False]), rounded([1.0, 1.0], 0.1, 0.01), rounded([3.0, 4.0], 0.2, 0.02))
    np.testing.assert_allclose(plain.variance, [0.01, 0.02])
    # 1.3 is one that the precision cannot hold.
    np.testing.assert_allclose(np.where(np.array([False]), rounded(1.0), 1.3).bound, [1.3 / 8])
    np.testing.assert_allclose(np.where(np.array([True]), 1.3, rounded(1.0)).variance, [(1.3 / 8) ** 2 / 3])


def test_how_many_are_true_is_counted_along_an_axis_with_those_that_are_unsure() -> None:
    outcome = rounded([[3.0, 3.0, 1.0], [2.0, 5.0, 6.0]], [[0.0, 1.0, 1.0], [0.0, 0.0, 0.0]], 1.0) > 2.5
    for keepdims in (False, True):
        counted = np.sum(outcome, axis=-1, keepdims=keepdims)
        assert counted.value.ravel().tolist() == [2, 2]
        assert counted.unsure.ravel().tolist() == [1, 0]
        assert counted.likely.ravel().tolist() == [1, 0]
        assert counted.value.shape == ((2, 1) if keepdims else (2,))
    less = outcome.sum(axis=0) - 1
    assert less.value.tolist() == [0, 1, 0]
    assert less.unsure.tolist() == [0, 1, 0]


def test_an_end_that_is_rounded_counts_as_far_as_both_errors_reach_together() -> None:
    # -0.7 may be 0.0875 off, and x 1/64: -0.62 is 0.08 away. 0.5625 may be off by 9/128, and 63/128 is just that away.
    is_about(np.clip(rounded(-0.62, 1 / 64, 1e-6), -0.7, 1), -0.62, 0.7 / 8, (0.7 / 8) ** 2 / 3)
    is_about(np.clip(rounded(63 / 128), -1, 0.5625), 63 / 128, 9 / 128, (9 / 128) ** 2 / 3)


def test_the_largest_may_be_each_of_those_that_tie_and_none_that_is_surely_below() -> None:
    nothing = np.zeros(2)
    for value in (0.0, 1.0):
        assert may_be_largest(np.full(2, value), nothing, -1).tolist() == [True, True]
    assert may_be_largest(np.array([1e-30, 1.0]), nothing, -1).tolist() == [False, True]
    assert may_be_largest(np.array([1.0, 2.0]), np.array([0.5, 0.5]), -1).tolist() == [True, True]
    assert may_be_largest(np.array([1.0, 2.0]), np.array([0.5, 0.25]), -1).tolist() == [False, True]


def test_what_may_be_the_largest_beside_an_infinity_is_found_without_a_warning() -> None:
    with np.errstate(all="raise"):
        assert may_be_largest(np.array([INF, 1.0]), np.array([INF, 0.0]), -1).tolist() == [True, True]
