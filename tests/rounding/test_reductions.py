"""Sums over an axis by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rnnverify.layers.arrays import sum_over
from rnnverify.rounding import Precision, Rounded
from tests.rounding.coarse import COARSE, LOST, SHORT, SQUARE, is_about, rounded


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


def test_a_running_sum_varies_by_all_that_was_added_and_a_whole_rounding_of_each() -> None:
    made = np.cumsum(rounded([[3.0, 1.0], [-2.0, 4.0]], 0.0, [[0.1, 0.2], [0.3, 0.4]]), axis=1)
    u = 1 / 8
    expected = [[0.1 + (3 * u) ** 2, 0.3 + (3 * u) ** 2 + (4 * u) ** 2], [0.3 + (2 * u) ** 2, 0.7 + (2 * u) ** 2 * 2]]
    np.testing.assert_allclose(made.variance, expected, rtol=1e-12)
    down = np.cumsum(rounded([[3.0, 1.0], [-2.0, 4.0]]), axis=0)
    assert down.value.tolist() == [[3, 1], [1, 5]]


@pytest.mark.parametrize("too", [False, True])
def test_a_sum_over_an_axis_is_added_up_in_the_wider_precision_where_the_other_side_does(too: bool) -> None:
    precision = Precision(unit=1 / 8, smallest=1 / 64, summed=1 / 64, totals_too=too)
    made = np.sum(Rounded.exact(np.array([[3.0, -4.0], [1.0, 1.0]]), precision), axis=-1)
    inside = 2 / 64 if too else 2
    expected = [(inside / 3 + 1) * 1 + (inside / 6 + 1) * 25, (inside / 3 + 1) * 4 + (inside / 6 + 1) * 2]
    np.testing.assert_allclose(made.variance, SQUARE * np.array(expected) + 2 * LOST, rtol=1e-12)
    kept = np.sum(Rounded.exact(np.array([[3.0, -4.0], [1.0, 1.0]]), precision), axis=0, keepdims=True)
    assert kept.value.tolist() == [[4, -3]]
    assert kept.bound.shape == kept.variance.shape == (1, 2)


def test_a_sum_whose_terms_have_an_order_of_their_own_varies_as_its_partial_sums_do() -> None:
    u = 1 / 8
    ordered = replace(COARSE, ordered=True)
    nothing = np.zeros((1, 4))
    made = np.sum(Rounded(np.array([[1.0, 1.0, -1.0, 3.0]]), nothing, nothing, ordered), axis=-1)
    # In this order 1, 2, 1, 4, whose squares are 22, and 16 of the total; in two lanes (1, 1), (0, 4), of which 18, and 0 + 16.
    assert made.variance[0] == pytest.approx(u**2 / 3 * (22 + 16 + 16 + 12) + 4 * COARSE.smallest**2)


def test_a_sum_that_may_end_in_infinity_on_the_way_is_unknown() -> None:
    """Where the largest number is 100: of the second row a partial sum may be 120, in some order."""
    made: Any = np.sum(Rounded.exact(np.array([[40.0, -50.0], [60.0, -60.0]]), SHORT), axis=1)
    assert np.isfinite(made.bound).tolist() == np.isfinite(made.variance).tolist() == [True, False]
    running: Any = np.cumsum(Rounded.exact(np.array([40.0, -50.0, 30.0]), SHORT), axis=0)
    assert np.isfinite(running.bound).tolist() == np.isfinite(running.variance).tolist() == [True, True, False]


def test_a_sum_over_two_axes_is_of_all_terms_in_any_order() -> None:
    x = rounded(np.ones((2, 3, 2)))
    both = sum_over(x, [1, 2])
    assert both.shape == (2, 1, 1)
    assert both.value.tolist() == [[[6]], [[6]]]
    # Six terms of 1, which may underflow each: g(6) = (6 / 8) / (1 - 6 / 8) = 3.
    np.testing.assert_allclose(both.bound, 6 / 64 * 4 + 3 * 6)
    np.testing.assert_allclose(sum_over(np.arange(12.0).reshape(2, 3, 2), [0, 2]), [[[14], [22], [30]]])


def test_every_sum_of_ordered_terms_has_partial_sums_of_its_own() -> None:
    ordered = replace(COARSE, ordered=True)
    x = Rounded.exact(np.array([[3.0, 0.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]]), ordered)
    made = np.sum(x, axis=-1)
    # In order 3 is all four partial sums, and the total, and 2 the last two; beside them the squares of value and terms.
    np.testing.assert_allclose(made.variance, SQUARE * np.array([9 * 5 + 9 + 9, 4 * 3 + 4 + 4]) + 4 * LOST)
    np.testing.assert_allclose(np.sum(Rounded.exact(x.value.T, ordered), axis=0).variance, made.variance)


def test_a_mean_is_a_sum_and_a_division_by_its_length() -> None:
    x = rounded([[3.0, -4.0]], [[0.3, 0.4]], [[0.1, 0.2]])
    made = np.mean(x, axis=-1)
    # The sum as above; divided by 2, or multiplied by what 1/2 is rounded to: 2 u and a little, each a third as a variance.
    bound, variance = (0.7 + 2 / 64) * 4 / 3 + 7 / 3, 0.3 + 2 * LOST + SQUARE * (5 / 3 + 4 / 3 * 25)
    roundings = 2 + 1 / 8
    off = 0.5 * roundings / 8 + bound / 2 * (1 + roundings / 8) + 1 / 64
    is_about(made, -0.5, off, variance / 4 + 0.5**2 * roundings * SQUARE + LOST)
    for keepdims, shape in ((False, (1,)), (True, (1, 1))):
        assert np.mean(x, axis=-1, keepdims=keepdims).shape == shape
