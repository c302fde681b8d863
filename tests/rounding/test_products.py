"""Inner products by hand, and what is added to them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rnnverify.rounding import PRECISIONS, Matrix, Precision, Rounded
from rnnverify.rounding.products import Sum, largest
from tests.rounding.coarse import COARSE, INF, LOST, SHORT, SQUARE, bound_of, rounded


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


def test_a_product_near_the_range_s_end_may_be_beyond_it() -> None:
    near, ones = Rounded.exact(np.full((1, 40), 2.45), SHORT), np.ones((40, 1))  # 98, and 4 more at worst
    assert bound_of(lambda x: (x @ ones) * 0.25, near) == INF
    assert bound_of(lambda x: (x @ ones) * 0.25, Rounded.exact(np.full((1, 40), 2.3), SHORT)) < INF


def test_an_inner_product_of_what_is_unknown_is_unknown_though_its_weights_are_zero() -> None:
    unknown = Rounded(np.ones((1, 2)), np.array([[INF, 0.0]]), np.array([[INF, 0.0]]), PRECISIONS["float32"])
    with np.errstate(invalid="ignore"):
        made: Any = unknown @ np.array([[0.0, 1.0], [2.0, 3.0]])
    assert np.isinf(made.bound).all()
    assert np.isinf(made.variance).all()


def test_small_numbers_keep_their_errors_beside_what_is_no_number() -> None:
    p = PRECISIONS["float32"]
    w = np.random.default_rng(0).normal(size=(3, 2))
    alone = Rounded.exact(np.array([[1.0, 2.0, 3.0]]), p) @ Matrix(w, p)
    with np.errstate(all="ignore"):
        beside = Rounded.exact(np.array([[1.0, 2.0, 3.0], [1e38, 1e38, 1e38], [np.nan, np.inf, 0.0]]), p) @ Matrix(w, p)
        np.testing.assert_allclose(beside.variance[0], alone.variance[0], rtol=1e-5)


def test_a_sum_with_other_errors_is_the_same_sum() -> None:
    made = Rounded.exact(np.array([[1.0, 2.0]]), PRECISIONS["float32"]) @ np.array([[3.0], [4.0]])
    other: Any = made.off_by(made.bound * 2, made.variance * 3)
    assert other.precision is made.precision
    assert (other.value == made.value).all()
    assert (other.bound == made.bound * 2).all()
    assert (other.variance == made.variance * 3).all()
    assert other.history.terms == made.history.terms
    assert other.history.sums == made.history.sums == 2


FUSED = Precision(unit=1 / 8, smallest=1 / 64, fused=True)
WIDER = Precision(unit=1 / 8, smallest=1 / 64, summed=1 / 64)


def test_what_a_sum_begins_with_is_in_every_partial_sum() -> None:
    # As without it 3 or 4 times 0 and 1; but the bias of 2 is in both of its partial sums: g(3) = 0.6, of 4 + 2.
    x = Rounded.exact(np.array([[3.0, 4.0]]), FUSED)
    made = x @ np.array([[0.0], [1.0]]) + np.array([2.0])
    lost = (4 * 4 / 3 + 3) / 64
    np.testing.assert_allclose(made.bound, [[5 / 3 * 1.6 + lost * 1.6 + 0.6 * 6]])
    inner = 5 / 3 * 16 + 4 / 3 * 16
    np.testing.assert_allclose(made.variance, [[SQUARE * (inner + 3 * 36) + 7 * LOST]], rtol=1e-6)
    alone = x @ np.array([[0.0], [1.0]])
    np.testing.assert_allclose(alone.variance, [[SQUARE * inner + 4 * LOST]], rtol=1e-6)


def test_a_number_that_is_off_and_that_a_sum_begins_with_is_in_every_partial_sum_too() -> None:
    x = Rounded.exact(np.array([[3.0, 4.0]]), FUSED)
    alone = x @ np.array([[0.0], [1.0]])
    one = Rounded(np.array([1.0]), np.array([0.5]), np.array([0.25]), FUSED)
    for made in (alone + one, one + alone):
        # Two partial sums of 4 + 1: g(2) = 1/3 of it; then a rounding of 5 and of what it is off.
        error = alone.bound + 0.5 + 5 / 3
        np.testing.assert_allclose(made.bound, error + (5 + error) / 8 + 1 / 64)
        variance = alone.variance + 0.25 + 2 / 3 * (5 / 8) ** 2 + 25 * SQUARE + LOST
        np.testing.assert_allclose(made.variance, variance)
        assert made.history.sums == 2


def test_in_a_wider_precision_only_the_result_is_rounded() -> None:
    made = Rounded.exact(np.array([[3.0, 4.0]]), WIDER) @ np.array([[0.0], [1.0]])
    share = (1 / 8) ** 2  # of the roundings inside, beside the one of the result
    inner = (2 * share / 3 + 1) * 16 + (2 * share / 6 + share) * 16
    np.testing.assert_allclose(made.variance, [[SQUARE * inner + 4 * LOST]], rtol=1e-6)
    np.testing.assert_allclose(made.bound, [[5 / 3 + 4 * 4 / 3 / 64]])  # the worst case does not rely on it


def test_ordered_terms_have_the_partial_sums_that_they_have() -> None:
    precision = Precision(unit=1 / 8, smallest=1 / 64, ordered=True)
    made = Rounded.exact(np.array([[1.0, 1.0, 1.0]]), precision) @ np.array([[3.0], [-2.0], [5.0]])
    # In two lanes: 3, 8 and -2, then 8 and 6; the products, and the result.
    in_lanes = 9 + 64 + 4 + 4 + 64 + 36
    np.testing.assert_allclose(made.variance, [[SQUARE * (in_lanes + 38 + 36) + 6 * LOST]], rtol=1e-6)
    biased = made + np.array([4.0])
    np.testing.assert_allclose(biased.variance, [[SQUARE * (in_lanes + 38 + 36 + 100) + 7 * LOST]], rtol=1e-6)


def test_a_weight_that_may_be_read_as_zero_is_off_by_itself_in_every_product() -> None:
    precision = Precision(unit=1 / 8, smallest=1 / 64, unread=1 / 4)
    made = Rounded.exact(np.array([[3.0, 4.0]]), precision) @ np.array([[0.125], [1.0]])
    exact: Any = Rounded.exact(np.array([[3.0, 4.0]]), precision) @ Rounded.exact(np.array([[0.125], [1.0]]), precision)
    plain = Rounded.exact(np.array([[3.0, 4.0]]), Precision(unit=1 / 8, smallest=1 / 64)) @ np.array([[0.125], [1.0]])
    np.testing.assert_allclose(made.bound, plain.bound)  # of a plain array nothing is known
    np.testing.assert_allclose(exact.bound, plain.bound + 5 * 0.125 * 4 / 3)
    np.testing.assert_allclose(exact.variance, plain.variance + (5 * 0.125) ** 2)


def test_a_sum_of_three_that_are_off_may_be_added_in_any_order() -> None:
    x, y, z = rounded(3.0, 0.5, 0.1), rounded(-2.0, 0.25, 0.2), rounded(4.0, 0.125, 0.3)
    made = (x + y) + z
    first = 0.75 + (1 + 0.75) / 8 + 1 / 64
    # Any two of the three may be added first, and that is no more than 9: g(1) = 1/7.
    error = first + 0.125 + 9 / 7
    np.testing.assert_allclose(made.bound, [error + (5 + error) / 8 + 1 / 64])
    variance = 0.3 + SQUARE + LOST + 0.3 + (9 / 7) ** 2 / 3 + 25 * SQUARE + LOST
    np.testing.assert_allclose(made.variance, [variance])
    assert [float(term[0]) for term in made.history.terms] == [3, -2, 4]


@pytest.mark.parametrize(("last", "infinite"), [(-19.0, False), (-21.0, True)])
def test_three_of_which_two_may_end_the_range_are_unknown(last: float, infinite: bool) -> None:
    a, b, c = (Rounded.exact(np.array([value]), SHORT) for value in (40.0, 40.0, last))
    assert np.isinf(((a + b) + c).bound).tolist() == [infinite]


def test_only_what_is_exact_is_collected_with_inner_products() -> None:
    made = rounded([[3.0, 4.0]]) @ np.array([[0.0], [1.0]])
    assert isinstance(made, Sum)
    assert isinstance(made + np.array([2.0]), Sum)
    assert isinstance(made + 1.25, Sum)
    assert not isinstance(made + 1.3, Sum)  # which the precision cannot hold
    off: Any = made + rounded([2.0], 0.5)
    assert not isinstance(off, Sum)
    error = made.bound + 0.5
    np.testing.assert_allclose(off.bound, error + (6 + error) / 8 + 1 / 64)
    assert isinstance(made + rounded([2.0]), Sum)
    assert not isinstance(made + np.ones((3, 1)), Sum)  # of another shape


def test_the_largest_of_some_numbers_and_of_none() -> None:
    assert largest(np.array([0.25, -0.5])) == 0.5
    assert largest(np.zeros((0, 2))) == 0


def test_what_is_chosen_or_added_up_is_no_inner_product() -> None:
    x = rounded([[3.0, 4.0]])
    assert (x @ np.ones((2, 2))).history.sums == 2
    for made in (np.max(x, axis=-1), np.sum(x, axis=-1), np.clip(x, 0, 1), x * 2, x + x, np.tanh(x), np.sort(x)):
        assert made.history.sums == 0


def test_beside_a_large_number_whose_weight_is_zero_a_small_one_keeps_its_variance() -> None:
    precision = PRECISIONS["float32"]
    w = np.array([[0.0], [1.0]])
    alone: Any = Rounded.exact(np.array([[0.0, 1e-8]]), precision) @ w
    beside: Any = Rounded.exact(np.array([[1e15, 1e-8]]), precision) @ w
    np.testing.assert_allclose(beside.variance, alone.variance, rtol=1e-5)
    np.testing.assert_allclose(alone.variance, [[(2.0**-24 * 1e-8) ** 2 / 3 * (2 / 3 + 1 + 2 / 6 + 1)]], rtol=1e-5)


def test_products_far_within_the_range_are_not_beyond_it_however_short_one_side_is() -> None:
    for x, w in ((0.5, 95.0), (95.0, 0.5)):
        made = Rounded.exact(np.array([[x]]), SHORT) @ np.array([[w]])
        assert isinstance(made, Sum)
        assert not made.beyond
    assert (Rounded.exact(np.array([[1.0]]), SHORT) @ np.array([[95.0]])).beyond


def test_a_product_of_three_axes_is_split_along_its_last() -> None:
    x = Rounded.exact(np.arange(24.0).reshape(3, 2, 4), PRECISIONS["float32"])
    products: Any = x @ Matrix(np.arange(24.0).reshape(4, 6), PRECISIONS["float32"])
    parts = np.split(products, 3, axis=-1)
    for index, part in enumerate(parts):
        columns = slice(2 * index, 2 * index + 2)
        np.testing.assert_array_equal(part.value, products.value[..., columns])
        np.testing.assert_allclose(part.variance, products.variance[..., columns], rtol=1e-6)


def test_too_many_products_are_infinitely_far_off_and_no_nan() -> None:
    made: Any = Rounded.exact(np.ones((1, 8)), COARSE) @ Matrix(np.ones((8, 1)), COARSE)
    (products,) = made.products
    assert products.worst(COARSE) == INF  # 8 u are 1


def test_a_sum_has_no_attribute_that_no_number_has() -> None:
    made: Any = Rounded.exact(np.ones((1, 2)), COARSE) @ Matrix(np.ones((2, 1)), COARSE)
    with pytest.raises(AttributeError, match=r"^another$"):
        _ = made.another


FLOAT64, FLOAT32 = PRECISIONS["float64"], replace(PRECISIONS["float32"], single=True)


def test_what_float64_does_not_hold_of_variances_is_infinite_and_of_zeros_it_is_zero() -> None:
    x, w = np.array([[1e90]]), np.array([[1e90, 1e89, 0.0]])
    made: Any = Rounded.exact(x, FLOAT64) @ w
    assert made.variance.tolist() == [[np.inf, np.inf, 0.0]]
    tiny: Any = Rounded.exact(x * 1e-170, FLOAT64) @ (w * 1e-170)
    assert tiny.variance.max() <= 4 * FLOAT64.smallest**2


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e7])
def test_ordinary_numbers_have_their_errors_in_float32(scale: float) -> None:
    x, w = np.full((2, 4), scale), np.full((4, 3), 1.0)
    one: Any = Rounded.exact(x, FLOAT32) @ w
    assert one.variance.dtype == one.bound.dtype == np.float32
    both: Any = one + Rounded.exact(x * 1e-7, FLOAT32) @ w
    assert both.variance.dtype == both.bound.dtype == np.float32


def test_numbers_whose_squares_float32_does_not_hold_have_not() -> None:
    x, w = np.full((2, 64), 1.2e23), np.full((64, 3), 1.0)
    made: Any = Rounded.exact(x, FLOAT32) @ w
    assert made.variance.dtype == np.float64
    assert made.variance.max() > 1e36 > (2.0**-24 * 64 * 1.2e23) ** 2 / 3


def test_beside_large_products_small_ones_keep_their_errors() -> None:
    rng = np.random.default_rng(4)
    large, small = np.full((2, 3), 1e9), 1e-8 * rng.uniform(0.5, 1, (2, 3)) * np.array([[1.0], [1e-4]])
    w = rng.uniform(0.001, 1, (3, 2))
    alone: Any = Rounded.exact(small, FLOAT64) @ w
    both: Any = Rounded.exact(large, FLOAT64) @ np.array([[1.0, 0.0]] * 3) + Rounded.exact(small, FLOAT64) @ w
    of_sum = np.square(alone.value * FLOAT64.unit) / 3
    np.testing.assert_allclose(both.variance[:, 1], (alone.variance + of_sum)[:, 1], rtol=1e-6)


def test_the_error_of_an_operand_is_as_long_as_the_columns_make_it() -> None:
    # Lengths 5 and 2, g(2) = 1/3; the operand's error has length 0.5.
    made: Any = rounded([[3.0, 4.0]], [[0.3, 0.4]], [[0.1, 0.2]]) @ np.array([[0.0], [2.0]])
    np.testing.assert_allclose(made.bound, 10 / 3 + 0.5 * 2 * 4 / 3 + 4 / 64 * 4 / 3)
    assert made.history.sums == 2


def test_bounds_in_float32_have_room_for_its_own_roundings() -> None:
    x, w, bias = np.full((1, 2), 1.0), np.full((2, 1), 1e-3), np.array([100.0])
    narrow, wide = (Rounded.exact(x, p) @ w + bias for p in (FLOAT32, PRECISIONS["float32"]))
    assert (narrow.bound.dtype, wide.bound.dtype) == (np.float32, np.float64)
    assert narrow.bound.item() / wide.bound.item() > 1 + 2.0**-21
