"""What is known of numbers that come back from beyond the other side's range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnverify.rounding import Rounded
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
