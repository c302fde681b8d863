"""Keras's numbers beside those expected, by hand: what is within rounding, what is not, and where it is first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnverify.observation.precision import LARGEST
from rnnverify.results import Divergence
from rnnverify.rounding import LIMIT, PRECISIONS, Rounded
from rnnverify.verification.tally import Tally

FLOAT32 = PRECISIONS["float32"]


def new_tally() -> Tally:
    return Tally("layer", LARGEST["float32"])


def rounded(value: Any, bound: float, deviation: float) -> Rounded:
    """Numbers that may be off by so much, and usually are by a deviation."""
    value = np.array(value, dtype=np.float64)
    return Rounded(value, np.full(value.shape, bound), np.full(value.shape, deviation**2), FLOAT32)


def tally_of(keras: Any, value: Any, bound: float, deviation: float) -> Tally:
    found = new_tally()
    found.add(np.array(keras, ndmin=2), rounded(np.array(value, ndmin=2), bound, deviation))
    return found


def first_of(tally: Tally) -> Divergence:
    assert tally.first is not None
    return tally.first


def test_a_residual_up_to_the_limit_passes_and_beyond_it_does_not() -> None:
    assert tally_of(1.0 + 0.99 * LIMIT * 2**-20, 1.0, 1.0, 2**-20).first is None
    beyond = first_of(tally_of(1.0 + 1.01 * LIMIT * 2**-20, 1.0, 1.0, 2**-20))
    assert not beyond.certain


def test_the_limit_never_exceeds_the_worst_case() -> None:
    first = first_of(tally_of(1.0 + 2**-18, 1.0, 2**-19, 1.0))
    assert (first.allowed, first.certain) == (2**-19, True)


def test_a_residual_of_the_whole_bound_passes() -> None:
    at_the_bound = tally_of(1.0 + 2**-19, 1.0, 2**-19, 1.0)
    assert (at_the_bound.first, at_the_bound.max_residual, at_the_bound.worst_ratio) == (None, 2**-19, 1.0)


def test_where_nothing_rounds_every_bit_must_be_the_same() -> None:
    found = new_tally()
    found.add(np.array([[1.0, 0.1]]), np.array([[1.0, 0.1]]))
    assert (found.first, found.max_residual, found.worst_ratio) == (None, 0.0, 0.0)
    found.add(np.array([[1.0, 0.1]]), np.array([[1.0, np.nextafter(0.1, 1)]]))
    first = first_of(found)
    assert (first.sample, first.unit, first.allowed, first.certain) == (0, 1, 0.0, True)
    assert found.worst_ratio == np.inf


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_only_the_same_infinity_or_nan_is_no_residual(value: float) -> None:
    assert tally_of(value, value, 0.0, 0.0).first is None
    for keras, expected in [(value, 1.0), (1.0, value)]:
        assert first_of(tally_of(keras, expected, 0.1, 0.1)).residual == np.inf


def test_the_other_infinity_is_an_infinite_residual() -> None:
    assert first_of(tally_of(np.inf, -np.inf, 0.1, 0.1)).residual == np.inf


def test_what_is_beyond_the_largest_number_may_be_infinite() -> None:
    assert tally_of(np.inf, 3.5e38, 1e30, 1e30).first is None
    assert tally_of(-np.inf, 3.5e38, 1e30, 1e30).first is not None
    assert tally_of(np.inf, 3.3e38, 1e30, 1e30).first is not None


def test_a_nan_counts_as_the_replay_s_own_unless_keras_s_range_had_ended() -> None:
    with np.errstate(all="ignore"):
        lost = np.maximum(Rounded.exact(np.array([[np.inf, np.inf]]), FLOAT32) @ np.array([[1.0], [-1.0]]), 0)
        own = np.log(Rounded.exact(np.array([[-2.0]]), FLOAT32) * 1.5)
    assert np.isnan(lost.value).all()
    assert np.isnan(own.value).all()
    for keras in (0.0, np.nan, np.inf):
        found = new_tally()
        found.add(np.array([[keras]]), lost)
        assert found.first is None
    found = new_tally()
    found.add(np.array([[0.5]]), own)
    assert found.first is not None


@pytest.mark.parametrize(("keras", "expected"), [((3, 2), (3, 3, 2)), ((3, 3, 2), (3, 2)), ((2, 3), (1, 3))])
def test_shapes_that_differ_are_a_mismatch_even_where_they_would_broadcast(
    keras: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    found = new_tally()
    found.add(np.zeros(keras), np.zeros(expected))
    first = first_of(found)
    assert first.residual == np.inf
    assert np.isnan(first.replay)


def sequence(**wrong: tuple[tuple[int, int, int], float]) -> np.ndarray[Any, Any]:
    """(N, T, M) = (2, 4, 3) of zeros, but for what is wrong."""
    values = np.zeros((2, 4, 3))
    for index, value in wrong.values():
        values[index] = value
    return values


def test_the_earliest_timestep_comes_before_the_largest_residual() -> None:
    found = new_tally()
    found.add(sequence(early=((1, 1, 2), 0.5), late=((0, 3, 0), 9.0)), rounded(np.zeros((2, 4, 3)), 0.1, 1.0), start=0)
    assert found.first == Divergence(
        layer="layer",
        timestep=1,
        sample=1,
        unit=2,
        gate=None,
        keras=0.5,
        replay=0.0,
        residual=0.5,
        allowed=0.1,
        certain=True,
    )
    assert (found.max_residual, found.worst_ratio) == (9.0, pytest.approx(90))


def test_of_the_earliest_timestep_the_element_farthest_beyond_its_limit_is_shown() -> None:
    wrong = sequence(large=((0, 2, 0), 0.9), farther=((1, 2, 1), 0.5))
    expected = Rounded(np.zeros((2, 4, 3)), np.full((2, 4, 3), 0.3), np.ones((2, 4, 3)), FLOAT32)
    expected.bound[1, 2, 1] = 0.1
    found = new_tally()
    found.add(wrong, expected, start=0)
    first = first_of(found)  # 0.5 is five times what is allowed there, 0.9 three times
    assert (first.sample, first.timestep, first.unit, first.allowed) == (1, 2, 1, 0.1)


def test_timesteps_are_counted_from_the_start_of_the_part() -> None:
    found = new_tally()
    found.add(np.zeros((2, 5, 3)), np.zeros((2, 5, 3)), start=0)
    found.add(sequence(wrong=((0, 2, 1), 1.0)), np.zeros((2, 4, 3)), start=5)
    assert first_of(found).timestep == 7


def test_an_output_without_time_has_no_timestep() -> None:
    found = new_tally()
    found.add(np.array([[0.0, 0.0], [0.0, 2.0], [0.0, 0.0]]), np.zeros((3, 2)))
    first = first_of(found)
    assert (first.sample, first.timestep, first.unit) == (1, None, 1)


def test_the_first_that_was_found_stays_and_the_worst_is_of_all() -> None:
    found = new_tally()
    for residual in (0.0, 0.5, 8.0, 2.0):
        found.add(np.array([[residual]]), rounded([[0.0]], 0.25, 1.0))
    assert first_of(found).residual == 0.5
    assert (found.max_residual, found.worst_ratio) == (8.0, 32.0)


def test_what_has_no_elements_is_right() -> None:
    found = new_tally()
    found.add(np.zeros((0, 3)), np.zeros((0, 3)))
    assert (found.first, found.max_residual, found.worst_ratio) == (None, 0.0, 0.0)


def test_of_two_states_of_one_step_the_first_that_is_wrong_stays() -> None:
    found = new_tally()
    found.add(sequence(h=((1, 2, 0), 1.0)), np.zeros((2, 4, 3)), 0, (0, 0))
    found.add(sequence(c=((0, 2, 1), 5.0)), np.zeros((2, 4, 3)), 0, (0, 1))
    assert (first_of(found).sample, first_of(found).unit, found.walk) == (1, 0, 0)
    found.add(sequence(c=((0, 1, 1), 5.0)), np.zeros((2, 4, 3)), 0, (0, 1))
    assert (first_of(found).sample, first_of(found).timestep) == (0, 1)  # an earlier step of the same walk
    found.add(sequence(h=((1, 0, 0), 1.0)), np.zeros((2, 4, 3)), 0, (1, 0))
    assert first_of(found).timestep == 1  # of another walk, whose order of time is another


def test_an_output_that_is_wrong_does_not_take_the_place_of_a_step() -> None:
    found = new_tally()
    found.add(np.array([[0.0, 3.0]]), np.zeros((1, 2)), None, (None, 1))
    found.add(np.array([[0.0, 4.0]]), np.zeros((1, 2)), None, (None, 2))
    assert (first_of(found).keras, found.walk) == (3.0, None)


def test_what_is_looked_at_for_errors_to_one_side_is_kept_by_tensor() -> None:
    found = new_tally()
    expected = rounded(np.ones((2, 4, 3)), 0.1, 0.01)
    found.add(np.ones((2, 4, 3)) + 0.001, expected, 0, (0, 1), thin=2)
    found.add(np.ones((2, 4, 3)), expected, 4, (0, 1), thin=2)
    found.add(np.ones((2, 4, 3)), expected, 0, (1, 0))
    assert list(found.sides) == [(0, 1)]
    sums = found.sides[0, 1]
    assert (sums.thin, sums.limit, sums.steps) == (2, LIMIT, 8)
    np.testing.assert_allclose(sums.products, np.full(3, 4 * 0.001 / 0.01**2))


def test_the_largest_residual_is_counted_in_deviations_too() -> None:
    found = tally_of(1.5, 1.0, 1.0, 0.1)
    assert found.worst_deviation == pytest.approx(5)
    assert found.worst_ratio == pytest.approx(0.5)
    found.add(np.array([[1.2]]), rounded([[1.0]], 1.0, 0.01))
    assert found.worst_deviation == pytest.approx(20)
    assert found.worst_ratio == pytest.approx(0.2 / 0.12)
