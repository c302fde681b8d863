"""Inner products of two operands that are both off, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnverify.rounding import Precision, Rounded
from rnnverify.rounding.orders import in_any_order
from rnnverify.rounding.pairs import squares_in_order
from tests.rounding.coarse import COARSE, LOST, SHORT, SQUARE


def pair(values: Any, bounds: Any = 0.0, variances: Any = 0.0, precision: Precision = COARSE) -> Rounded:
    value = np.array(values, dtype=np.float64)
    return Rounded(value, np.zeros_like(value) + bounds, np.zeros_like(value) + variances, precision)


X, Y = [[[3.0, 4.0]]], [[[0.5], [-1.0]]]  # 1.5 - 4


def test_exact_pairs_are_off_by_their_roundings() -> None:
    made: Any = pair(X) @ pair(Y)
    assert made.value.tolist() == [[[-2.5]]]
    # g(2) = 1/3 of 1.5 + 4, and two products and two sums that may underflow.
    np.testing.assert_allclose(made.bound, [[[5.5 / 3 + 4 * 4 / 3 / 64]]])
    squares = 1.5**2 + 4**2
    np.testing.assert_allclose(made.variance, [[[SQUARE * (5 / 3 * 2.5**2 + 4 / 3 * squares) + 4 * LOST]]])
    assert made.history.sums == 2
    assert made.precision is COARSE
    assert not made.beyond


def test_the_errors_of_either_are_handed_on_and_their_product() -> None:
    exact: Any = pair(X) @ pair(Y)
    made: Any = pair(X, [[[0.1, 0.2]]], [[[0.01, 0.02]]]) @ pair(Y, [[[0.3], [0.4]]], [[[0.03], [0.04]]])
    error = (0.1 * 0.5 + 0.2 * 1) + (3.1 * 0.3 + 4.2 * 0.4)
    np.testing.assert_allclose(made.bound, exact.bound + error * 4 / 3)
    variance = (0.01 * 0.25 + 0.02 * 1) + (9.01 * 0.03 + 16.02 * 0.04)
    np.testing.assert_allclose(made.variance, exact.variance + variance)


def test_operands_that_are_rounded_first_have_that_error_too() -> None:
    coarse = Precision(unit=1 / 8, smallest=1 / 64, operands=1 / 4)
    made: Any = pair(X, precision=coarse) @ pair(Y, precision=coarse)
    worst = 1 / 3 + (2 / 4 + 1 / 16) * 4 / 3
    np.testing.assert_allclose(made.bound, [[[worst * 5.5 + 4 * 4 / 3 / 64]]])
    squares = 1.5**2 + 4**2
    np.testing.assert_allclose(made.variance, [[[SQUARE * (5 / 3 * 2.5**2 + (4 / 3 + 2 * 4) * squares) + 4 * LOST]]])


def test_in_a_wider_precision_only_the_result_is_rounded() -> None:
    wider = Precision(unit=1 / 8, smallest=1 / 64, summed=1 / 64)
    made: Any = pair(X, precision=wider) @ pair(Y, precision=wider)
    squares, share = 1.5**2 + 4**2, 1 / 64
    variance = (2 * share / 3 + 1) * 2.5**2 + (2 * share / 6 + share) * squares
    np.testing.assert_allclose(made.variance, [[[SQUARE * variance + 4 * LOST]]])


def test_ordered_terms_have_the_partial_sums_that_they_have() -> None:
    ordered = Precision(unit=1 / 8, smallest=1 / 64, ordered=True)
    made: Any = pair([[[1.0, 1.0, 1.0], [2.0, 0.0, 0.0]]], precision=ordered) @ pair(
        [[[3.0, 1.0], [-2.0, 0.0], [5.0, 0.0]]], precision=ordered
    )
    # In two lanes: 3, 8 and -2, then 8 and 6; the products, and the result. Of the others one term is all there is.
    first = 9 + 64 + 4 + 4 + 64 + 36 + 38 + 36
    alone = [(36 + 36 + 36 + 36) + 36 + 36, (1 + 1 + 1 + 1) + 1 + 1, (4 + 4 + 4 + 4) + 4 + 4]
    expected = np.array([[first, alone[1]], [alone[0], alone[2]]])
    np.testing.assert_allclose(made.variance[0], SQUARE * expected + 6 * LOST)


def test_ordered_terms_of_operands_that_are_rounded_first_have_that_error_too() -> None:
    both = Precision(unit=1 / 8, smallest=1 / 64, ordered=True, operands=1 / 4)
    made: Any = pair(X, precision=both) @ pair(Y, precision=both)
    in_order = 1.5**2 + 2.5**2 + 2.5**2  # two terms, one after the other, and the whole
    expected = in_order + (1 + 2 * 4) * (1.5**2 + 4**2) + 2.5**2
    np.testing.assert_allclose(made.variance, [[[SQUARE * expected + 4 * LOST]]])


@pytest.mark.parametrize(
    ("size", "beyond", "infinite"), [(8.0, False, False), (9.2, True, False), (10.0, True, False), (10.2, True, True)]
)
def test_pairs_near_the_range_s_end_may_be_beyond_it(size: float, beyond: bool, infinite: bool) -> None:
    made: Any = pair([[[size]], [[1.0]]], precision=SHORT) @ pair([[[10.0]], [[1.0]]], precision=SHORT)
    assert made.beyond == beyond
    assert np.isinf(made.bound).ravel().tolist() == np.isinf(made.variance).ravel().tolist() == [infinite, False]


def test_every_batch_has_products_of_its_own() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 4, 5))
    made: Any = pair(x, 0.1, 0.01) @ pair(y, 0.2, 0.02)
    assert made.shape == (2, 3, 5)
    for batch in range(2):
        one: Any = pair(x[batch : batch + 1], 0.1, 0.01) @ pair(y[batch : batch + 1], 0.2, 0.02)
        for name in ("value", "bound", "variance"):
            np.testing.assert_allclose(getattr(made, name)[batch], getattr(one, name)[0])


@pytest.mark.parametrize("ordered", [False, True])
def test_the_rounding_of_the_operands_counts_by_its_square(ordered: bool) -> None:
    precision = Precision(unit=1 / 8, smallest=1 / 64, operands=3 / 8, ordered=ordered)
    made: Any = pair(X, precision=precision) @ pair(Y, precision=precision)
    squares = 1.5**2 + 4**2
    # In order 1.5 and -2.5, and -2.5 once more for the parts' total; both products, the result, and 3 u for either operand.
    own = 1.5**2 + 2.5**2 + 2.5**2 + squares + 2.5**2 if ordered else 5 / 3 * 2.5**2 + 4 / 3 * squares
    np.testing.assert_allclose(made.variance, [[[SQUARE * (own + 2 * 3**2 * squares) + 4 * LOST]]])


def test_of_no_pairs_there_are_no_products() -> None:
    made: Any = pair(np.zeros((0, 2, 3))) @ pair(np.zeros((0, 3, 4)))
    assert made.shape == made.bound.shape == made.variance.shape == (0, 2, 4)


@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
def test_every_product_of_ordered_terms_has_sums_of_its_own(batch: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(*batch, 4, 5)), rng.normal(size=(*batch, 5, 6))
    made = squares_in_order(x, y)
    assert made.shape == (*batch, 4, 6)
    for *head, row, column in np.ndindex(made.shape):
        terms = x[(*head, row)] * y[(*head, slice(None), column)]
        np.testing.assert_allclose(made[(*head, row, column)], in_any_order(terms[:, np.newaxis])[0], rtol=1e-12)
