"""Extrema, comparisons and choices by hand."""

from __future__ import annotations

import numpy as np
import pytest

from rnnverify.rounding import Unsure
from tests.rounding.coarse import INF, NAN, bound_of, is_about, rounded


def test_a_sign_is_unsure_only_within_the_bound_of_zero() -> None:
    assert np.sign(rounded([3, 0.5, 0], [0.5, 0.5, 0])).bound.tolist() == [0, 2, 0]


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


def test_a_sorted_number_is_off_by_the_largest_error() -> None:
    made = np.sort(rounded([3.0, 1.0, 2.0], [0.1, 0.2, 0.5]))
    assert made.value.tolist() == [1, 2, 3]
    assert made.bound.tolist() == [0.5] * 3
