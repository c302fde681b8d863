"""What a second look at rows beyond their limits excuses, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnverify.rounding import PRECISIONS, Rounded
from rnnverify.rounding.history import History
from rnnverify.verification.look import beyond_numbers, fits, looked_at_again
from rnnverify.verification.resolution import Seen, seen_in
from rnnverify.verification.tally import Tally

FLOAT32 = PRECISIONS["float32"]


def numbers(values: Any, bounds: Any, deviations: Any) -> Rounded:
    value = np.array(values, dtype=np.float64)
    return Rounded(value, np.zeros_like(value) + bounds, np.square(np.zeros_like(value) + deviations), FLOAT32)


def tally_of(keras: Any, expected: Rounded, again: Any, widens: bool = False) -> Tally:
    found = Tally("layer", 3.4e38)
    found.add(np.array(keras), expected, again=again, widens=widens)
    return found


def test_only_what_is_beyond_its_limit_and_not_its_bound_is_looked_at_again() -> None:
    asked: list[Any] = []

    def again(over: Any) -> Any:
        asked.append(over)
        return (np.array([np.argmax(over.max(axis=1))]),), numbers([[0.0, 0.0]], 1.0, 1.0)

    # Limits of 12 deviations of 0.01, bounds of 1: residuals of 0.1, 0.24 and 3.
    expected = numbers([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]], 1.0, 0.01)
    found = tally_of([[0.1, 0.1], [0.24, 0.0], [0.0, 3.0]], expected, again)
    np.testing.assert_allclose(asked, [[[0, 0], [2, 0], [0, 0]]])
    assert found.first is not None
    assert (found.first.sample, found.first.unit, found.first.certain) == (2, 1, True)
    assert tally_of([[0.1, 0.1], [0.24, 0.0], [0.0, 0.0]], expected, again).first is None
    asked.clear()
    assert tally_of([[0.1, 0.1], [0.1, 0.0], [0.0, 3.0]], expected, again).first is not None
    assert asked == []
    widened = tally_of([[0.1, 0.1], [0.1, 0.0], [0.0, 3.0]], expected, again, widens=True)
    np.testing.assert_allclose(asked, [[[0, 0], [0, 0], [0, 25]]])
    assert widened.first is not None


def test_a_layer_that_is_wrong_already_is_not_looked_at_again() -> None:
    found = Tally("layer", 3.4e38)
    found.add(np.array([[5.0]]), numbers([[0.0]], 1.0, 0.01))

    def never(over: Any) -> Any:
        raise AssertionError(over)

    found.add(np.array([[0.5]]), numbers([[0.0]], 1.0, 0.01), again=never)
    assert found.first is not None
    assert found.first.residual == 5


def test_a_second_look_widens_limits_and_never_narrows_them() -> None:
    over = np.array([[2.0, 0.0], [1.5, 0.0], [0.0, 0.0]])
    residual = np.array([[0.24, 0.1], [0.18, 0.0], [0.1, 0.1]])
    bound, deviation = np.full((3, 2), 0.5), np.full((3, 2), 0.01)
    allowed = 12 * deviation
    given = numbers([[0.0, 0.0]], [[0.6, 0.4]], [[0.03, 0.001]])
    made = looked_at_again(lambda _: ((np.array([0]),), given), over, residual, allowed, bound, deviation)
    bounds, limits, deviations = made
    np.testing.assert_allclose(bounds, [[0.6, 0.5], [0.5, 0.5], [0.5, 0.5]])
    np.testing.assert_allclose(deviations, [[0.03, 0.01], [0.01, 0.01], [0.01, 0.01]])
    # The worst row is excused, so the other one that was not looked at is: it is off by less.
    np.testing.assert_allclose(limits, [[0.36, 0.12], [0.18, 0.12], [0.12, 0.12]])
    assert allowed[0, 0] == 0.12  # a copy was widened
    narrow = numbers([[0.0, 0.0]], [[0.6, 0.4]], [[0.015, 0.001]])
    _, limits, _ = looked_at_again(lambda _: ((np.array([0]),), narrow), over, residual, allowed, bound, deviation)
    np.testing.assert_allclose(limits, [[0.18, 0.12], [0.12, 0.12], [0.12, 0.12]])
    wide = numbers([[0.0, 0.0]], [[0.2, 0.4]], [[1.0, 1.0]])
    _, limits, _ = looked_at_again(lambda _: ((np.array([0]),), wide), over, residual, allowed, bound, deviation)
    np.testing.assert_allclose(limits, [[0.5, 0.5], [0.18, 0.12], [0.12, 0.12]])  # never beyond the bound


def test_where_all_is_infinitely_far_off_there_is_nothing_to_look_at() -> None:
    def never(over: Any) -> Any:
        raise AssertionError(over)

    over = np.array([[np.inf, 0.0]])
    given = (np.array([[9.0, 0.0]]), np.zeros((1, 2)), np.ones((1, 2)), np.ones((1, 2)))
    residual, allowed, bound, deviation = given
    made = looked_at_again(never, over, residual, allowed, bound, deviation)
    assert made == (bound, allowed, deviation)


def test_a_change_is_seen_where_it_is_beyond_the_limit_of_a_number_in_range() -> None:
    value = np.array([[1.0, 10.0, 100.0, 1000.0, 10_000.0]])
    seen = seen_in(value, np.full((1, 5), 1.0), False, 5000.0)
    assert (seen.elements, seen.changes) == (5, (0, 1, 2))
    seen = seen_in(value, np.full((1, 5), 0.5), False, 1e5)
    assert (seen.elements, seen.changes) == (5, (2, 3, 4))
    seen = seen_in(value, np.full((1, 5), 0.5), np.array([[False, False, False, True, True]]), 1e5)
    assert (seen.elements, seen.changes) == (5, (0, 1, 2))
    assert seen_in(np.array([[np.nan, 2.0]]), np.zeros((1, 2)), False, 1e5).changes == (1, 1, 1)
    assert seen_in(np.array([[-5000.0]]), np.zeros((1, 1)), False, 5000.0).changes == (1, 1, 1)
    assert seen_in(np.array([[-5000.0, np.inf]]), np.zeros((1, 2)), False, 5000.0).changes == (1, 1, 1)


def infinite(keras: float, value: float, bound: float, largest: float = 100.0) -> float:
    residual = np.abs(np.array([keras]) - np.array([value]))
    made = beyond_numbers(np.array([keras]), np.array([value]), np.array([bound]), residual, largest)
    return float(made[0])


def test_an_infinity_is_right_where_the_number_may_be_beyond_the_range() -> None:
    assert infinite(np.inf, 99.0, 2.0) == 0
    assert infinite(np.inf, 99.0, 1.0) == np.inf  # 100 is still a number
    assert infinite(np.inf, 101.0, 2.0) == 0
    assert infinite(-np.inf, 101.0, 2.0) == np.inf
    assert infinite(-np.inf, -101.0, 0.0) == 0
    assert infinite(5.0, 101.0, 2.0) == 96  # a number that is no infinity is off by what it is off
    with np.errstate(invalid="ignore"):
        assert infinite(np.nan, np.nan, 0.0) == 0
        assert infinite(np.inf, np.inf, 0.0) == 0
        assert infinite(np.nan, 101.0, 2.0) == np.inf


def lost(values: Any, bounds: Any) -> Rounded:
    """Numbers on whose way the other side's range has ended."""
    made = numbers(values, bounds, 0.1)
    return Rounded(made.value, made.bound, made.variance, FLOAT32, History(beyond=True))


def test_where_the_range_has_ended_nan_is_excused_where_nothing_is_known_and_on_a_long_way_anywhere() -> None:
    expected = lost([[1.0, 2.0]], [[np.inf, 1.0]])
    expected.variance[0, 0] = np.inf
    for value in (np.nan, np.inf):
        assert first_unit([[value, 2.01]], expected) is None
        assert first_unit([[value, 3.5]], expected) == 1
        assert first_unit([[value, np.nan]], expected) == 1
        assert first_unit([[value, np.nan]], expected, widens=True) is None
        assert first_unit([[value, 3.5]], expected, widens=True) == 1
    assert first_unit([[np.nan, 2.0]], numbers([[1.0, 2.0]], [[1.0, 1.0]], 0.1), widens=True) == 0


def first_unit(keras: Any, expected: Rounded, widens: bool = False) -> int | None:
    found = Tally("layer", 3.4e38)
    found.add(np.array(keras), expected, widens=widens)
    return None if found.first is None else found.first.unit


def test_what_was_seen_of_two_tensors_adds_up() -> None:
    assert Seen(4, (1, 2, 3)).and_of(Seen(3, (0, 1, 3))) == Seen(7, (1, 3, 6))


def same(keras: Any, expected: Rounded) -> bool:
    with np.errstate(invalid="ignore"):  # infinity less infinity
        return fits(keras, expected)


def test_numbers_fit_where_each_is_within_its_limit_or_the_same() -> None:
    expected = numbers([[1.0, 2.0, np.inf, np.nan]], [[2**-19, 1.0, 0.0, 0.0]], [[1.0, 2**-20, 0.0, 0.0]])
    right = np.array([[1 + 2**-19, 2 + 11.9 * 2**-20, np.inf, np.nan]])
    assert same(right, expected)
    for unit, value in enumerate((1 + 2.0**-18, 2 + 12.1 * 2**-20, -np.inf, 0.0)):
        wrong = right.copy()
        wrong[0, unit] = value
        assert not same(wrong, expected)
    for unit in (0, 1, 2):
        wrong = right.copy()
        wrong[0, unit] = np.nan
        assert not same(wrong, expected)
    assert not same(right[0], expected)
    assert not same(right[np.newaxis], expected)
