"""A look at a part of what Keras emitted, taken by itself and counted later: the same as all at once."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from rnnverify.rounding import PRECISIONS, Rounded
from rnnverify.verification.look import Look
from rnnverify.verification.tally import Tally

FLOAT32 = dataclasses.replace(PRECISIONS["float32"], single=True)
RNG = np.random.default_rng(20261130)
VALUE = RNG.normal(size=(3, 8, 4))
DEVIATION = 1e-7 * (1 + RNG.random(VALUE.shape))
KERAS = VALUE + DEVIATION * RNG.normal(size=VALUE.shape)


def expected(part: slice = slice(None), kind: Any = np.float64) -> Rounded:
    bound, variance = 40 * DEVIATION[:, part], np.square(DEVIATION[:, part])
    return Rounded(VALUE[:, part], bound.astype(kind), variance.astype(kind), FLOAT32)


def counted(tally: Tally) -> dict[str, Any]:
    """All that is found, with the sums for each unit."""
    made = {name: getattr(tally, name) for name in ("max_residual", "worst_ratio", "worst_deviation", "first", "seen")}
    sides = {tensor: (one.steps, one.products, one.squares, one.variances) for tensor, one in tally.sides.items()}
    return {**made, "sides": sides}


def tallied(keras: Any, parts: list[slice], looked: bool, kind: Any = np.float64) -> Tally:
    made = Tally("lstm", FLOAT32.largest)
    looks: list[Any] = [expected(part, kind) for part in parts]
    if looked:
        looks = [made.looked(keras[:, part], look, 1) for part, look in zip(parts, looks, strict=True)]
    for part, look in zip(parts, looks, strict=True):
        made.add(keras[:, part], look, part.start, (0, 0), thin=1)
    return made


@pytest.mark.parametrize("wrong", [False, True])
def test_what_was_looked_at_before_is_counted_as_what_is_looked_at_now(wrong: bool) -> None:
    keras = KERAS.copy()
    keras[1, 5, 2] += 1e-3 if wrong else 0
    halves = [slice(0, 4), slice(4, 8)]
    before, now = counted(tallied(keras, halves, True)), counted(tallied(keras, halves, False))
    assert (before["first"] is not None) == wrong
    np.testing.assert_equal(before, now)
    if wrong:
        assert (before["first"].sample, before["first"].timestep, before["first"].unit) == (1, 5, 2)


def test_parts_add_up_to_the_whole() -> None:
    parts, whole = (tallied(KERAS, cut, True) for cut in ([slice(0, 3), slice(3, 4), slice(4, 8)], [slice(0, 8)]))
    one, other = counted(parts), counted(whole)
    for name in ("max_residual", "worst_ratio", "worst_deviation", "seen"):
        assert one[name] == other[name]
    for found, known in zip(one["sides"][0, 0], other["sides"][0, 0], strict=True):
        np.testing.assert_allclose(found, known, rtol=1e-12)
    assert parts.sides[0, 0].samples == 3
    np.testing.assert_array_equal(parts.sides[0, 0].last, (KERAS[2, 7], VALUE[2, 7]))


def test_numbers_within_their_limits_are_forgotten_and_others_are_not() -> None:
    tally = Tally("lstm", FLOAT32.largest)
    right = tally.looked(KERAS, expected())
    assert right.within.all()
    for name in ("keras", "value", "told", "bound", "deviation", "allowed", "residual", "ratio", "unknown"):
        assert not hasattr(right, name)
    wrong = tally.looked(KERAS + 1.0, expected())
    assert wrong.doubtful
    assert not wrong.within.any()
    np.testing.assert_allclose(wrong.residual, 1, rtol=1e-6)


def test_errors_in_float32_give_the_same_ratios_but_for_some_digits() -> None:
    for keras in (KERAS, KERAS + 1e-3):
        single, wide = (Look(keras, expected(kind=kind), FLOAT32.largest, 1) for kind in (np.float32, np.float64))
        assert single.allowed.dtype == single.ratio.dtype == np.float32
        assert single.farthest == wide.farthest
        np.testing.assert_allclose(single.ratio, wide.ratio, rtol=1e-6)
        np.testing.assert_array_equal(single.within, wide.within)
        assert single.deviations == pytest.approx(wide.deviations, rel=1e-6)
        assert single.seen == wide.seen
        assert single.sides is not None
        assert wide.sides is not None
        np.testing.assert_allclose(single.sides.products, wide.sides.products, rtol=1e-4, atol=1e-2)
        np.testing.assert_array_equal(single.sides.last, wide.sides.last)
        np.testing.assert_allclose(single.sides.squares, wide.sides.squares, rtol=1e-5)
        np.testing.assert_allclose(single.sides.variances, wide.sides.variances, rtol=1e-5)


def exactly(values: Any, bound: float = 0.0, variance: float = 0.0) -> Rounded:
    value = np.asarray(values, dtype=np.float64)
    return Rounded(value, np.full(value.shape, bound), np.full(value.shape, variance), FLOAT32)


def test_truth_values_are_told_apart_whichever_they_are() -> None:
    truths = np.array([[True, False, True, False]])
    made = Look(truths, truths.copy(), FLOAT32.largest)
    assert (made.worst, made.farthest, made.seen.changes) == (0.0, 0.0, (4, 4, 4))
    other = Look(truths, ~truths, FLOAT32.largest)
    assert not other.within.any()
    numbers = Look(truths.astype(np.float32), truths.astype(np.float64), FLOAT32.largest)
    assert numbers.seen.changes == (2, 2, 2)  # a change of 0 is none


def test_another_shape_is_no_number_anywhere() -> None:
    made = Look(np.ones((2, 3)), exactly(np.ones((2, 3, 1)), 1e-3, 1e-8), FLOAT32.largest)
    assert made.residual.shape == (2, 3)
    assert not made.within.any()
    assert (made.farthest, made.worst) == (np.inf, np.inf)
    assert np.isnan(made.value).all()
    assert (made.bound == 0).all()
    assert (made.deviation == 1e-150).all()
    assert made.seen.changes == (0, 0, 0)


def test_a_difference_that_is_beyond_float64_is_infinite_without_a_word() -> None:
    made = Look(np.array([[1e308, -1e308]]), exactly([[-1e308, -1e308]], 1e300, 1e300), np.finfo(np.float64).max)
    assert made.farthest == np.inf
    assert made.within.tolist() == [[False, True]]


def test_what_is_the_same_and_no_number_is_not_off() -> None:
    same = np.array([[np.nan, np.inf, -np.inf]])
    made = Look(same, exactly(same), FLOAT32.largest)
    assert (made.farthest, made.worst, made.deviations) == (0.0, 0.0, 0.0)
    assert made.within.all()
    other = Look(np.array([[2.0]]), exactly([[np.nan]], np.inf, np.inf), FLOAT32.largest)
    assert other.allowed.tolist() == [[0.0]]
    assert not other.within.any()


def test_what_is_not_off_is_no_deviation_off() -> None:
    assert Look(VALUE, expected(), FLOAT32.largest).deviations == 0.0
    half = Look(VALUE + 0.5 * DEVIATION, expected(), FLOAT32.largest)
    assert half.deviations == pytest.approx(0.5, rel=1e-6)


def test_a_place_is_certain_from_beyond_its_bound_on() -> None:
    for residual, certain in ((0.25, False), (0.375, True)):
        tally = Tally("lstm", FLOAT32.largest)
        tally.add(np.array([[1.0 + residual]]), exactly([[1.0]], 0.25, 1e-8))
        assert tally.first is not None
        assert (tally.first.residual, tally.first.certain) == (residual, certain)


def test_a_second_look_excuses_no_more_than_the_bound_unless_it_is_at_another_way() -> None:
    def again(over: Any) -> Any:
        return (np.array([0]),), exactly([[1.0]], 9.0, 1.0)

    for widens, excused in ((None, False), (False, False), (True, True)):
        tally = Tally("lstm", FLOAT32.largest)
        options = {} if widens is None else {"widens": widens}
        tally.add(np.array([[2.0]]), exactly([[1.0]], 0.25, 1e-8), again=again, **options)
        assert (tally.first is None) == excused
