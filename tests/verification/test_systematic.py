"""Steps that all err to one side, by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from rnnverify.layers.arrays import Array
from rnnverify.layers.registry import LAYERS
from rnnverify.layers.rnn import Stack
from rnnverify.layers.walk import Walk
from rnnverify.observation import Walked
from rnnverify.rounding import Rounded
from rnnverify.rounding.precision import PRECISIONS
from rnnverify.verification.systematic import (
    Side,
    Systematic,
    gates_distinct,
    room_for_rounding,
    side_of_functions_alike,
    states_distinct,
    thinned,
)
from rnnverify.verification.taken import Taken

N, T, M = 2, 500, 3
U = 2.0**-24
ALIKE = dataclasses.replace(PRECISIONS["float32"], alike=True)
VALUE = np.random.default_rng(3).uniform(0.5, 1, (N, T, M))
DEVIATION = 0.01


def filled(errors: Any, thin: int = 1, limit: float = 12.0, parts: int = 1) -> Systematic:
    """The sums of steps whose values are off by so many deviations, given in parts."""
    made, keras = None, VALUE + DEVIATION * np.broadcast_to(errors, VALUE.shape)
    variance = np.full(VALUE.shape, DEVIATION**2)
    for part in np.split(np.arange(T), parts):
        made = Systematic.of(keras[:, part], VALUE[:, part], variance[:, part], thin, limit).after(made)
    assert made is not None
    return made


def all_distinct(unit: int) -> int:
    return N * T


def side_of(made: Systematic) -> Side:
    side = made.side(all_distinct)
    assert side is not None
    return side


def test_errors_to_both_sides_are_rounding() -> None:
    signs = np.where(np.arange(T) % 2, 1, -1)[:, np.newaxis]
    assert filled(10 * signs).side(all_distinct) is None
    assert filled(0).side(all_distinct) is None


def test_errors_to_one_side_are_none_from_some_size_on() -> None:
    # 3.2, and 12 over the square root of a thousand steps: 3.58.
    assert filled([0, 0, 3.4]).side(all_distinct) is None
    for sign in (1, -1):
        side = side_of(filled([0, 0, 3.8 * sign]))
        assert (side.sample, side.unit) == (1, 2)
        # sum of q g over the root of that of g^2 and of how many there are: by Cauchy and Schwarz a little less than 3.8.
        assert side.mean == pytest.approx(3.8 * DEVIATION * 0.75 / np.sqrt(0.75**2 + 1 / 48), rel=0.01)
        assert side.allowed == pytest.approx(DEVIATION * (3.2 + 12 / np.sqrt(1000)), rel=1e-12)
        assert side.replay == VALUE[1, 499, 2]
        assert side.keras == pytest.approx(VALUE[1, 499, 2] + 3.8 * DEVIATION * sign)


def test_parts_of_the_time_add_up() -> None:
    whole, parts = side_of(filled([0, 5, 0])), side_of(filled([0, 5, 0], parts=5))
    assert parts == pytest.approx(whole)
    assert filled(0, parts=5).steps == 1000


def test_thinned_steps_are_counted_alone() -> None:
    made = filled([9, 0, 0], thin=2)
    assert made.steps == 500
    assert side_of(made).allowed == pytest.approx(DEVIATION * (3.2 + 12 / np.sqrt(1000)))  # by those that are distinct
    errors = np.where(np.arange(T) % 2, 0, 9)[:, np.newaxis]
    assert side_of(filled(errors, thin=2)).mean > 1.8 * DEVIATION * 3.5
    assert filled(np.where(np.arange(T) % 2, 9, 0)[:, np.newaxis], thin=2).side(all_distinct) is None


def test_a_limit_of_one_step_that_is_smaller_leaves_less_room() -> None:
    assert filled([0, 0, 3.58], limit=4.0).side(all_distinct) is not None
    assert filled([0, 0, 3.58], limit=12.0).side(all_distinct) is None


def test_few_steps_or_few_that_are_distinct_say_nothing() -> None:
    made = filled([0, 0, 5])
    assert made.side(lambda unit: 299) is None
    asked: list[int] = []

    def few(unit: int) -> int:
        asked.append(unit)
        return 300

    side = made.side(few)
    assert asked == [2]
    assert side is not None
    assert side.allowed == pytest.approx(DEVIATION * (3.2 + 12 / np.sqrt(300)))
    assert filled([0, 0, 3.7]).side(few) is None  # 3.7 of a thousand steps would do, of 300 it takes 3.89
    variance = np.full((1, 299, M), DEVIATION**2)
    short = Systematic.of(VALUE[:1, :299] + 9 * DEVIATION, VALUE[:1, :299], variance, 1, 12.0)
    assert short.side(all_distinct) is None
    one_more = Systematic.of(VALUE[:1, :1] + 9 * DEVIATION, VALUE[:1, :1], variance[:, :1], 1, 12.0)
    assert one_more.after(short).side(all_distinct) is not None


def test_masked_steps_and_units_that_do_not_round_are_not_counted() -> None:
    variance = np.full(VALUE.shape, DEVIATION**2)
    variance[:, 100:] = 0
    assert Systematic.of(VALUE + 9 * DEVIATION, VALUE, variance, 1, 12.0).steps == 200
    variance = np.full(VALUE.shape, DEVIATION**2)
    variance[..., 1:] = 0
    still = Systematic.of(VALUE + np.array([9, 9, 9]) * DEVIATION, VALUE, variance, 1, 12.0)
    assert side_of(still).unit == 0


@pytest.mark.parametrize(
    ("shape", "every"), [((1, 4096), 1), ((1, 8192), 2), ((4, 8191), 7), ((2, 10), 1), ((2, 4096), 2)]
)
def test_so_many_steps_are_looked_at(shape: tuple[int, int], every: int) -> None:
    assert thinned(np.zeros((*shape, 1))) == every


def test_steps_are_as_distinct_as_the_gate_in_which_they_are_least() -> None:
    layer = LAYERS["GRU"].of({"units": 2, "reset_after": False, "use_bias": False})
    x = np.zeros((1, 6, 1))
    x[0, :, 0] = [1, 2, 3, 1, 2, 3]
    kernel = np.array([[1.0, 0.0, 9.0, 9.0, 0.5, 0.5]])
    walk = Walk(layer, [kernel, np.zeros((2, 6))], x, None, (np.zeros((1, 2)),))
    taken = Taken(walk, Walked(np.zeros((1, 6, 2), np.float32)))
    assert gates_distinct(taken, lambda one: one, 0, 1, 0) == 3  # the candidate's values, and the update gate's
    assert gates_distinct(taken, lambda one: one, 0, 1, 1) == 1  # of whose update gate there is one value
    assert gates_distinct(taken, lambda one: one, 0, 3, 0) == 1
    assert gates_distinct(taken, lambda one: one * 0, 0, 1, 0) == 1
    fine = x + np.array([0, 0, 0, 1e-12, 1e-12, 1e-12])[:, np.newaxis]
    for dtype, count in ((np.float32, 3), (np.float64, 6)):
        close = Taken(Walk(layer, walk.weights, fine, None, walk.states), Walked(np.zeros((1, 6, 2), dtype)))
        assert gates_distinct(close, lambda one: one, 0, 1, 0) == count
    before = np.zeros((1, 6, 2), np.float32)
    before[0, :, 0] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    fed = Walk(layer, [kernel * 0, np.ones((2, 6))], x, None, (np.zeros((1, 2)),))
    assert gates_distinct(Taken(fed, Walked(before)), lambda one: one, 0, 1, 0) == 6  # by the h before each


def test_steps_of_a_stack_whose_gates_are_not_known_are_as_distinct_as_what_stands_before_them() -> None:
    one = LAYERS["SimpleRNN"].of({"units": 1, "activation": "linear", "use_bias": False})
    layer: Any = Stack((one, one))  # type: ignore[arg-type]
    top = np.array([5.0, 6.0, 5.0, 7.0, 8.0]).reshape(1, 5, 1)
    zeros = np.zeros((1, 5, 1))
    wide = np.arange(10.0).reshape(1, 5, 2)
    walk = Walk(layer, [np.ones((1, 1))] * 4, zeros, None, (np.zeros((1, 1)), np.zeros((1, 1)), np.zeros((1, 2))))
    taken = Taken(walk, Walked(top, others=(zeros, wide)))
    assert gates_distinct(taken, lambda x: x, 0, 1, 0) == 4  # 0, 5, 6, 5, 7
    assert gates_distinct(taken, lambda x: x, 0, 2, 0) == 3  # 0, 6, 7
    assert gates_distinct(taken, lambda x: x, 1, 1, 0) == 1  # of a state that is 0 throughout
    assert gates_distinct(taken, lambda x: x, 2, 1, 1) == 5  # and of one with more units than the others


def test_states_are_as_distinct_as_the_values_that_they_take() -> None:
    h, c = np.zeros((2, 6, 2), np.float32), np.zeros((2, 6, 2), np.float32)
    h[..., 0], c[..., 0] = np.arange(12).reshape(2, 6), np.arange(12).reshape(2, 6) // 3
    walk = Walk(LAYERS["LSTM"].of({"units": 2}), [], np.zeros((2, 6, 1)), None, (np.zeros((2, 2)),) * 2)
    taken = Taken(walk, Walked(h, others=(c,)))
    assert [states_distinct(taken, state, 1, unit) for state in (0, 1) for unit in (0, 1)] == [12, 1, 4, 1]
    assert states_distinct(taken, 1, 4, 0) == 4  # steps 0 and 4 of each sample: 0, 1, 2 and 3 of c
    assert states_distinct(taken, 0, 6, 0) == 2


def long_memory(factor: float, mask: bool = False, gate: str = "sigmoid", nth: int = 1) -> Taken:
    """An LSTM in float32 whose forget gates are open: unit 1 of c is off by a factor in every, or every other, step."""
    layer = LAYERS["LSTM"].of({"units": M, "recurrent_activation": gate})
    rng = np.random.default_rng(8)
    x = rng.standard_normal((N, T, 2))
    kernel, recurrent = rng.standard_normal((2, 4 * M)) * 0.3, rng.standard_normal((M, 4 * M)) * 0.1
    kernel[:, M : 2 * M], recurrent[:, M : 2 * M] = 0, 0
    bias = np.concatenate([np.zeros(M), np.full(M, 20.0), np.ones(M), np.zeros(M)])
    x, *weights = (array.astype(np.float32) for array in (x, kernel, recurrent, bias))
    awake = rng.random((N, T)) < 0.8 if mask else np.ones((N, T), bool)
    first = np.zeros((N, M), np.float32), np.full((N, M), 3, np.float32)
    cell: Any = Walk(layer, weights, x, None, first).cell
    states, every = first, []
    for t in range(T):
        h, c = cell.step(cell.project(x[:, t]), states)
        c = (c * np.array([1, factor if (t + 1) % nth == 0 else 1, 1])).astype(np.float32)
        states = tuple(np.where(awake[:, t, np.newaxis], *pair) for pair in zip((h, c), states, strict=True))
        every.append(states)
    h, c = (np.stack(one, axis=1) for one in zip(*every, strict=True))
    exact = [array.astype(np.float64) for array in (x, *weights)]
    walk = Walk(layer, exact[1:], exact[0], awake if mask else None, tuple(one.astype(np.float64) for one in first))
    return Taken(walk, Walked(h, others=(c,)))


def second_look(taken: Taken, dtype: str = "float32", thin: int = 1) -> Side | None:
    found = Systematic.of(VALUE + 9 * DEVIATION, VALUE, np.full(VALUE.shape, DEVIATION**2), thin, 12.0)
    return side_of_functions_alike(taken, lambda one: one, PRECISIONS[dtype], 1, found)


@pytest.mark.parametrize("mask", [False, True])
def test_a_gate_that_takes_one_value_is_counted_as_wrong_as_it_can_be(mask: bool) -> None:
    assert second_look(long_memory(1.0, mask)) is None
    for factor in (1 - 6 * U, 1 + 6 * U):
        side = second_look(long_memory(factor, mask))
        assert side is not None
        assert (side.sample, side.unit) == (1, 1)
        assert side.allowed < side.mean
        # The gate, its product and the sum; of the steps that were masked, every fifth, nothing is said.
        deviation = U * np.sqrt(1.6**2 + 1 / 3 + 1 / 3 + 1 / 3)
        count = 1000 if not mask else 800
        about = float(np.sqrt(np.mean(long_memory(factor, mask).sequences[1][..., 1] ** 2.0)))
        assert side.allowed / about == pytest.approx(deviation * (2.0 + 12 / np.sqrt(count)), rel=0.1)
        assert side.mean / about == pytest.approx(6 * U, rel=0.1)
        assert side.keras == long_memory(factor, mask).sequences[1][1, -1, 1]


def open_gru(factor: float, still: bool = False) -> Taken:
    """A GRU in float32 whose update gates are open, h off by a factor in every step; with `still` h stays near its candidate."""
    layer: Any = LAYERS["GRU"].of({"units": M, "reset_after": False, "use_bias": True})
    rng = np.random.default_rng(9)
    x = rng.standard_normal((N, T, 2))
    kernel, recurrent = rng.standard_normal((2, 3 * M)), rng.standard_normal((M, 3 * M)) * 0.1
    kernel[:, :M] *= 0.2
    bias = np.concatenate([np.full(M, 8.0), np.zeros(2 * M)])
    if still:
        kernel[:, M:] *= 0.02
        bias[2 * M :] = 0.5
    x, kernel, recurrent, bias = (array.astype(np.float32) for array in (x, kernel, recurrent, bias))
    first = np.full((N, M), np.tanh(0.5) if still else 0.2, np.float32)
    cell: Any = Walk(layer, [kernel, recurrent, bias], x, None, (first,)).cell
    h, every = first, []
    for t in range(T):
        h = (cell.step(cell.project(x[:, t]), (h,))[0] * np.float32(factor)).astype(np.float32)
        every.append(h)
    exact = [array.astype(np.float64) for array in (x, kernel, recurrent, bias)]
    walk = Walk(layer, exact[1:], exact[0], None, (first.astype(np.float64),))
    return Taken(walk, Walked(np.stack(every, axis=1)))


def second_look_at_h(taken: Taken) -> Side | None:
    found = Systematic.of(VALUE + 9 * DEVIATION, VALUE, np.full(VALUE.shape, DEVIATION**2), 1, 12.0)
    return side_of_functions_alike(taken, lambda one: one, PRECISIONS["float32"], 0, found)


@pytest.mark.parametrize("still", [False, True])
def test_an_update_gate_that_is_off_takes_h_up_and_down_which_a_factor_does_not(still: bool) -> None:
    """z off by e moves h by e (h - candidate): where the candidates lie on both sides of h, that does not add up."""
    assert second_look_at_h(open_gru(1.0, still)) is None
    for factor in (1 - 8 * U, 1 + 8 * U):
        assert second_look_at_h(open_gru(factor, still)) is not None


def test_a_function_may_err_up_in_one_range_of_its_values_and_down_in_another() -> None:
    """Errors that change their sign with the gate add up where the candidate hangs on the same feature."""

    def room(feature: int) -> float:
        """The room where the candidate hangs on that feature, and the update gate on the first."""
        layer: Any = LAYERS["GRU"].of({"units": 1, "reset_after": False})
        x = np.random.default_rng(2).standard_normal((1, 2 * T, 2))
        kernel = np.zeros((2, 3))
        kernel[0, 0], kernel[feature, 2] = 0.2, -2.0
        walk = Walk(layer, [kernel, np.zeros((1, 3)), np.array([4.0, 0, 0])], x, None, (np.zeros((1, 1)),))
        before = np.full((1, 2 * T, 1), 0.3)
        p = ALIKE
        made: Any = Taken(walk, Walked(before)).rounding(p, x, [before], ())[0]
        return float(room_for_rounding(walk.cell, Rounded.exact(x, p), [before], 0, made)[0])

    assert 1.2 * room(1) < room(0) < 2


def test_the_room_for_rounding_of_a_gate_of_which_all_is_known() -> None:
    """h' = z h + (1 - z) g, with z of one value: by hand, off by 1.6 U z and a little, and its slope h - g."""
    taken = open_gru(1.0)
    walk = taken.walk
    kernel, recurrent, bias = (np.asarray(weight).copy() for weight in walk.weights)
    kernel[:, :M], recurrent[:, :M], bias[:M] = 0, 0, 8
    cell: Any = Walk(walk.layer, [kernel, recurrent, bias], walk.x, None, walk.states).cell
    p = ALIKE
    before = taken.before(slice(0, T))
    made: Any = Taken(dataclasses.replace(walk, weights=[kernel, recurrent, bias]), taken.emitted).rounding(
        p, walk.x, before, ()
    )[0]
    room = room_for_rounding(cell, Rounded.exact(walk.x, p), before, 0, made)
    z, g = (gate.reshape(N, T, M) for gate in cell.gates(cell.project(walk.x.reshape(-1, 2)), before[0].reshape(-1, M)))
    h, value, variance = before[0], made.value, made.variance
    of_z = np.sqrt((1.6 + 7 * (1 - z)) ** 2 + 1 / 3) * U * z * (h - g)  # and its own rounding
    steps, scale = N * T, np.sqrt(np.sum(value**2 / variance, axis=(0, 1)))
    # Of one value, z's errors add up over all steps but for how they are sorted: at least the whole sum, at most that of sizes.
    added = np.abs(np.sum(of_z * value / variance, axis=(0, 1)))
    sizes = np.sum(np.abs(of_z) * np.abs(value) / variance, axis=(0, 1))
    own = (z * h) ** 2 + ((1 - z) * g) ** 2 + value**2  # two products and a sum, a third of U^2 each
    roundings = np.sqrt(3) * np.sqrt(np.sum(U**2 / 3 * own * value**2 / variance**2, axis=(0, 1))) / scale
    least, most = (np.sqrt(2) * one / np.sqrt(steps) / scale + roundings for one in (added, sizes))
    assert np.all(room > 0.95 * least)
    assert np.all(room < most)
    assert np.all(room < 1.9)
    assert np.all(room_for_rounding(cell, Rounded.exact(walk.x, p), (h, h), 0, made) == 2.0)  # an h beside others


def open_gates() -> tuple[Walk, Array, Array, Array]:
    """An open GRU, some h before each step, and its update gates and candidates there, (N T, M) each."""
    walk: Any = open_gru(1.0).walk
    before = np.linspace(0.1, 0.9, N * T * M).reshape(-1, M)
    return walk, before, *walk.cell.gates(walk.cell.project(walk.x.reshape(-1, 2)), before)


def room_of(steps: Sequence[int], signs: Sequence[int]) -> Array:
    """The room in an open GRU of which those steps alone round, by 40 U, in the order of each unit's update gates: (M,)."""
    walk, before, z, _ = open_gates()
    places = np.argsort(z, axis=0)[list(steps)]
    value, variance = np.zeros((N * T, M)), np.zeros((N * T, M))
    np.put_along_axis(value, places, np.array(signs)[:, np.newaxis], axis=0)
    np.put_along_axis(variance, places, (40 * U) ** 2, axis=0)
    made = Rounded(value.reshape(N, T, M), np.sqrt(variance).reshape(N, T, M), variance.reshape(N, T, M), ALIKE)
    assert np.count_nonzero(variance[:, 0]) == len(steps)  # how many round is counted of the first unit
    return room_for_rounding(walk.cell, Rounded.exact(walk.x, ALIKE), [before.reshape(N, T, M)], 0, made)


def test_the_room_of_one_step_is_what_its_roundings_come_to() -> None:
    _, before, z, g = open_gates()
    for rank in (0, 1, 500, N * T - 1):
        one = [np.take_along_axis(part, np.argsort(z, axis=0)[[rank]], axis=0)[0] for part in (z, g, before)]
        of_z = np.sqrt((1.6 + 7 * (1 - one[0])) ** 2 + 1 / 3) * one[0] * np.abs(one[2] - one[1])
        products = (one[0] * one[2]) ** 2 + ((1 - one[0]) * one[1]) ** 2
        kept = one[0] * one[2] + (1 - one[0]) * one[1]
        by_hand = (np.sqrt(2) * of_z + np.sqrt(products + kept**2)) / 40
        np.testing.assert_allclose(room_of([rank], [1]), by_hand, rtol=0.01)


def test_a_function_s_errors_in_two_steps_cancel_in_one_range_of_sixteen_alone() -> None:
    """Of 1,000 steps the first 62 are in the first range: there what takes h up in one step takes it down in the other."""
    near, over = room_of([0, 50], [1, -1]), room_of([0, 70], [1, -1])
    assert np.all(near < over)
    assert np.median(near / over) < 0.8


def test_a_unit_that_stays_at_zero_leaves_the_most_room() -> None:
    assert np.all(room_of([3], [0]) == 2.0)


def test_a_gate_by_a_function_that_errs_more_leaves_more_room() -> None:
    assert second_look(long_memory(1 + 6 * U, gate="tanh")) is None
    assert second_look(long_memory(1 + 24 * U, gate="tanh")) is not None


def test_a_second_look_is_at_the_steps_of_the_first() -> None:
    side, thinner = second_look(long_memory(1 + 8 * U)), second_look(long_memory(1 + 8 * U), thin=2)
    assert side is not None
    assert thinner is not None
    room = [2.0 + 12 / np.sqrt(count) for count in (1000, 500)]
    assert thinner.allowed / side.allowed == pytest.approx(room[1] / room[0], rel=0.02)
    assert second_look(long_memory(1 + 8 * U), thin=5) is None  # 200 of them are too few
    assert second_look(long_memory(1 + 16 * U, nth=2)) is not None
    assert second_look(long_memory(1 + 16 * U, nth=2), thin=2) is None  # the others are right


def test_no_second_look_is_taken_where_the_first_found_little() -> None:
    little = Systematic.of(VALUE + 0.98 * DEVIATION, VALUE, np.full(VALUE.shape, DEVIATION**2), 1, 12.0)
    taken = long_memory(1 + 8 * U)
    assert side_of_functions_alike(taken, lambda one: one, PRECISIONS["float32"], 1, little) is None
    few = Systematic.of(VALUE[:, :149] + 9, VALUE[:, :149], np.full((N, 149, M), DEVIATION**2), 1, 12.0)
    assert side_of_functions_alike(taken, lambda one: one, PRECISIONS["float32"], 1, few) is None


def test_a_state_that_takes_few_values_says_nothing() -> None:
    taken = long_memory(1 + 8 * U)
    repeated = np.round(taken.sequences[1])
    assert second_look(Taken(taken.walk, Walked(taken.sequence, others=(repeated,)))) is None


def test_a_unit_that_says_nothing_hides_no_other() -> None:
    made = filled([0, 5, 6])
    side = made.side(lambda unit: 100 if unit == 2 else 1000)
    assert side is not None
    assert side.unit == 1
    assert made.side(lambda unit: 100) is None
