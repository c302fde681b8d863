"""What is known of numbers that come back from beyond the other side's range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnverify.rounding import Rounded
from rnnverify.rounding.history import History
from rnnverify.rounding.infinity import unknown_beyond
from tests.rounding.coarse import INF, SHORT, bound_of, short


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


def test_a_number_that_was_fed_in_is_what_both_sides_have_however_large_it_is() -> None:
    x = Rounded.exact(np.array([101.0]), SHORT)
    assert (x * 0.93).beyond
    assert bound_of(lambda x: x * 0.93, x) < 1


def many(values: Any, bounds: Any = 0.0) -> Any:
    """Numbers as the results of an operation, in a precision that ends at 100; of some its range has ended."""
    value = np.asarray(values, dtype=np.float64)
    return Rounded(value / 2, np.zeros(value.shape) + np.asarray(bounds) / 2, np.zeros(value.shape), SHORT) * 2


def unknown(made: Any) -> list[bool]:
    """Of which nothing is known: neither how far they are off nor how far they are off in practice."""
    assert np.array_equal(np.isinf(made.bound), np.isinf(made.variance))
    found: list[bool] = np.isinf(made.bound).tolist()
    return found


def test_only_numbers_whose_own_operands_may_be_infinite_are_unknown() -> None:
    assert unknown(many([150.0, 10.0]) * 0.25) == [True, False]
    assert unknown(many([150.0, 10.0]) - np.array([100.0, 5.0])) == [True, False]
    assert unknown(np.array([100.0, 5.0]) - many([150.0, 10.0])) == [True, False]
    assert unknown(many([99.0, 10.0, 150.0], [2.0, 0.0, 0.0]) * 0.25) == [True, False, True]
    # One that is infinite there if it is beyond 100 at all, and 100 is still a number.
    assert unknown(many([98.0, 10.0, 150.0], [2.0, 0.0, 0.0]) * 0.25) == [False, False, True]


def test_a_plain_number_is_beyond_the_range_only_if_it_is_that_itself() -> None:
    assert unknown(many([0.0, 150.0]) * np.array([99.5, 0.3])) == [False, True]
    assert unknown(many([0.0, 150.0]) * np.array([150.0, 0.3])) == [True, True]


def test_a_result_at_the_very_end_of_the_range_is_back_in_it() -> None:
    assert unknown(many([200.0, 10.0]) * 0.5) == [True, False]
    assert unknown(many([300.0, 10.0]) * 0.5) == [False, False]  # which is infinite on both sides


def test_infinity_and_a_number_of_another_sign_are_infinity() -> None:
    assert unknown(many([1.0, 150.0]) + np.array([-250.0, 0.0])) == [False, False]
    assert unknown(many([150.0, 150.0]) + np.array([-300.0, -1.0])) == [True, False]
    assert unknown(many([1.0, 150.0]) - np.array([250.0, 0.0])) == [False, False]


def test_infinity_times_a_number_that_is_surely_not_zero_is_infinity() -> None:
    assert unknown(many([2.0, 150.0]) * many([150.0, 2.0])) == [False, False]
    assert unknown(many([0.5, 150.0], [0.6, 0.0]) * many([1500.0, 2.0])) == [True, False]
    # A bound and what may be flushed, 1/64, reach zero; a little less does not.
    for size, reached in ((0.5 + 1 / 64, True), (0.51 + 1 / 64, False)):
        assert unknown(many([size, 150.0], [0.5, 0.0]) * many([1500.0, 2.0])) == [reached, False]
    for size, reached in ((1 / 64, True), (1 / 63, False)):
        assert unknown(many([1e6, 150.0]) * np.array([size, 2.0])) == [reached, False]


def test_of_rows_and_columns_only_those_with_infinity_are_unknown() -> None:
    rows = many([[150.0, 1.0, 1.0], [1.0, 2.0, 3.0]])
    made = rows @ (0.125 * np.ones((3, 2)))
    assert unknown(made) == [[True, True], [False, False]]


def test_a_sum_over_an_axis_is_unknown_only_if_a_part_of_it_may_be_beyond() -> None:
    for last, infinite in ((-40.0, False), (-40.5, True)):
        made = np.sum(Rounded.exact(np.array([[60.0, last]]), SHORT), axis=-1)
        assert np.isinf(made.bound).tolist() == [infinite]


def test_of_inner_products_of_two_only_those_with_a_lost_factor_are_unknown() -> None:
    x = np.array([[[110.0, 1.0, 2.0], [1.0, 2.0, 3.0]]])  # (1, 2, 3): the first row has lost a number
    y = np.full((1, 3, 2), 0.1)
    nothing, history = np.zeros_like, History(beyond=True)
    with np.errstate(all="ignore"):
        found = Rounded(x, nothing(x), nothing(x), SHORT, history) @ Rounded(y, nothing(y), nothing(y), SHORT, history)
        y[0, 1, 1] = 110.0  # and now the second column, too
        both = Rounded(x, nothing(x), nothing(x), SHORT, history) @ Rounded(y, nothing(y), nothing(y), SHORT, history)
    assert np.isinf(found.bound).tolist() == [[[True, True], [False, False]]]
    assert np.isfinite(both.bound[0, 1, 0])


def test_of_each_batch_the_columns_that_were_beyond_are_unknown_and_no_others() -> None:
    rows = Rounded.exact(np.full((2, 2, 1), 0.25), SHORT)
    beyond = Rounded(np.array([[[200.0, 8.0]], [[8.0, 8.0]]]), np.zeros((2, 1, 2)), np.zeros((2, 1, 2)), SHORT)
    made: Any = unknown_beyond(rows @ beyond, np.matmul, (rows, beyond))
    assert np.isinf(made.bound).tolist() == [[[True, False]] * 2, [[False, False]] * 2]
    turned = [x.mapped(lambda part: np.swapaxes(part, -1, -2)) for x in (beyond, rows)]
    made = unknown_beyond(turned[0] @ turned[1], np.matmul, turned)
    assert np.isinf(made.bound).tolist() == [[[True, True], [False, False]], [[False, False]] * 2]


def test_numbers_that_are_both_infinite_there_may_compare_otherwise() -> None:
    x, y = many([150.0, 150.0, -150.0, 150.0, 90.0]), many([200.0, -200.0, -200.0, 50.0, 80.0])
    assert (x > y).unsure.tolist() == (x > y).likely.tolist() == [True, False, True, False, False]
    assert (x == y).unsure.tolist() == [True, False, True, False, False]
    with np.errstate(invalid="ignore"):
        assert not (Rounded.exact(np.array([INF]), SHORT) > np.array([INF])).unsure.any()  # fed in so


def test_a_partial_sum_of_a_running_sum_may_be_beyond_the_range() -> None:
    made = np.cumsum(Rounded.exact(np.array([[60.0, 30.0, 20.0, -90.0]]), SHORT), axis=-1)
    assert np.isinf(made.bound).tolist() == [[False, False, True, True]]


def test_a_factor_that_may_come_last_leaves_a_product_that_may_overflow_before() -> None:
    assert bound_of(lambda x: (0.5 * x) * short(1.9), short(60)) == INF  # 60 times 1.9 is 114
    assert bound_of(lambda x: (0.5 * x) * short(1.9), short(50)) < 1
    assert bound_of(lambda x: (2 * x) * short(1.9), short(20)) < 1
    # And after one more product: 60 times 1.9 may come first, though times 1/16 it is small.
    assert bound_of(lambda x: (0.5 * x) * short(1 / 16) * short(1.9), short(60)) == INF
    assert bound_of(lambda x: (0.5 * x) * short(1 / 16) * short(1.9), short(50)) < 1
