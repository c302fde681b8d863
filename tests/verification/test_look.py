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
