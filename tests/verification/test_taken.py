"""A walk as Keras took it: the state before each step, and what a masked step puts out."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.rnn import Stack
from rnnverify.layers.simple_rnn import SimpleRNN
from rnnverify.layers.walk import Walk
from rnnverify.observation import Walked
from rnnverify.results import Divergence
from rnnverify.verification.taken import STRETCH, Taken, same, stretches_of
from tests.layers.against_keras import MASKS, OPTIONS, Array, draw, draw_mask

WHOLE = slice(0, 4)


def walk(x: Array, mask: Array | None, h: Array, zero_output_for_mask: bool = False) -> Walk:
    """Linear units that add up what they are given."""
    options = {**OPTIONS, "use_bias": False, "zero_output_for_mask": zero_output_for_mask}
    units = h.shape[-1]
    layer = SimpleRNN(units=units, activation=ACTIVATIONS["linear"], **options)
    return Walk(layer, [np.ones((x.shape[-1], units)), np.eye(units)], x, mask, (h,))


def taken(sequence: Any, start: float, mask: Any = None, zero_output_for_mask: bool = False) -> Taken:
    """One sample and one unit of which Keras is said to have emitted this."""
    emitted = np.array(sequence, dtype=np.float32).reshape(1, -1, 1)
    kept = None if mask is None else np.array([mask])
    made = walk(np.zeros((1, len(sequence), 1)), kept, np.array([[start]]), zero_output_for_mask)
    return Taken(made, Walked(emitted))


def before(one: Taken, part: slice = WHOLE) -> list[float]:
    (h,) = one.before(part)
    values: list[float] = h[0, :, 0].tolist()
    return values


def test_before_a_step_stands_the_output_of_the_step_before_it() -> None:
    assert before(taken([1, 2, 3, 4], start=9)) == [9, 1, 2, 3]


def test_a_masked_step_leaves_the_state_as_it_was() -> None:
    # Under a mask Keras repeats the output, or emits 0: neither of these, here 7, may be taken for the state.
    assert before(taken([1, 7, 7, 4], start=9, mask=[True, False, False, True])) == [9, 1, 1, 1]
    assert before(taken([7, 2, 3, 7], start=9, mask=[False, True, True, False])) == [9, 9, 2, 3]
    assert before(taken([7, 7, 7, 7], start=9, mask=[False] * 4)) == [9, 9, 9, 9]


def test_the_state_is_the_last_one_that_was_emitted_under_zero_output_for_mask_too() -> None:
    one = taken([1, 0, 0, 4], start=9, mask=[True, False, False, True], zero_output_for_mask=True)
    assert before(one) == [9, 1, 1, 1]


@pytest.mark.parametrize("mask", [None, [True, False, False, True]])
@pytest.mark.parametrize("start", range(4))
def test_a_part_of_the_time_has_the_states_of_the_whole(mask: Any, start: int) -> None:
    one = taken([1, 2, 3, 4], start=9, mask=mask)
    assert before(one, slice(start, 4)) == before(one)[start:]
    assert before(one, slice(start, start + 1)) == before(one)[start : start + 1]


def test_the_initial_state_is_one_of_keras_s_precision() -> None:
    assert before(taken([1, 2, 3, 4], start=0.1))[0] == float(np.float32(0.1)) != 0.1
    assert taken([1, 2, 3, 4], start=0.1).before(WHOLE)[0].dtype == np.float64


@settings(max_examples=30)
@given(
    kind=st.sampled_from((None, *MASKS)),
    zero_output_for_mask=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
    data=st.data(),
)
def test_before_every_step_stands_the_state_of_a_walk_that_ends_there(
    kind: str | None, zero_output_for_mask: bool, seed: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    N, T, M = 3, 6, 2
    x, h, mask = draw(rng, N, T, 4), draw(rng, N, M), draw_mask(rng, kind, N, T)
    whole = walk(x, mask, h, zero_output_for_mask)
    one = Taken(whole, whole.run(every_step=True))
    t = data.draw(st.integers(1, T - 1))
    short = walk(x[:, :t], None if mask is None else mask[:, :t], h, zero_output_for_mask)
    np.testing.assert_array_equal(one.before(slice(t, T))[0][:, 0], short.run().states[0])
    np.testing.assert_array_equal(one.walked.states[0], whole.run().states[0])


STEPS = np.array([[[10.0], [20.0], [30.0], [40.0]]])  # what the steps give, masked or not


def put_out(one: Taken, part: slice = WHOLE) -> list[float]:
    (h,) = one.put_out(part, [STEPS[:, part]])
    values: list[float] = h[0, :, 0].tolist()
    return values


def test_without_a_mask_every_step_puts_out_its_h() -> None:
    assert put_out(taken([1, 2, 3, 4], start=9)) == [10, 20, 30, 40]


def test_a_masked_step_repeats_what_keras_put_out_before_it_and_a_first_one_zero() -> None:
    assert put_out(taken([1, 2, 3, 4], start=9, mask=[True, False, False, True])) == [10, 1, 2, 40]
    assert put_out(taken([1, 2, 3, 4], start=9, mask=[False, True, False, True])) == [0, 20, 2, 40]


def test_a_masked_step_puts_out_zero_under_zero_output_for_mask() -> None:
    one = taken([1, 2, 3, 4], start=9, mask=[False, True, False, True], zero_output_for_mask=True)
    assert put_out(one) == [0, 20, 0, 40]


def test_a_masked_step_that_a_part_begins_with_repeats_the_one_before_the_part() -> None:
    one = taken([1, 2, 3, 4], start=9, mask=[True, True, False, False])
    assert put_out(one, slice(2, 4)) == put_out(one)[2:] == [2, 3]


def test_time_is_taken_in_equal_parts_of_which_each_core_has_as_many() -> None:
    parts = stretches_of(7, 7 * STRETCH // 3)  # of three steps at most
    assert parts == [slice(*ends) for ends in pairwise((0, 1, 3, 5, 7))]
    assert len(stretches_of(1000, 1000 * STRETCH // 201)) == 8
    assert len(stretches_of(1000, 1000 * STRETCH // 300)) == 4
    assert stretches_of(3, 3 * STRETCH) == [slice(0, 1), slice(1, 2), slice(2, 3)]
    assert stretches_of(0, 0) == []
    assert stretches_of(2, STRETCH) == [slice(0, 2)]


def test_a_walk_of_a_single_masked_step_puts_out_zero() -> None:
    one = taken([5], start=9, mask=[False])
    (h,) = one.put_out(slice(0, 1), [np.array([[[7.0]]])])
    assert h.tolist() == [[[0]]]


def test_what_stood_after_a_step_is_known_to_a_cell_that_looks_at_it_alone() -> None:
    assert taken([1, 2, 3, 4], start=9).after(WHOLE) == ()
    one = SimpleRNN(units=1, activation=ACTIVATIONS["linear"], **{**OPTIONS, "use_bias": False})
    every = [np.arange(4.0, dtype=np.float32).reshape(1, 4, 1) + 10 * state for state in range(3)]
    stack = Walk(Stack((one, one)), [np.ones((1, 1))] * 4, np.zeros((1, 4, 1)), None, (np.zeros((1, 1)),) * 3)
    found = Taken(stack, Walked(every[0], others=tuple(every[1:]))).after(slice(1, 3))
    assert [state.ravel().tolist() for state in found] == [[1, 2], [11, 12], [21, 22]]
    assert {state.dtype for state in found} == {np.dtype(np.float64)}


def around(samples: int, timesteps: int, sample: int, timestep: int, most: int) -> tuple[slice, slice]:
    one = Taken(
        walk(np.zeros((samples, timesteps, 1)), None, np.zeros((samples, 1))), Walked(np.zeros((samples, timesteps, 1)))
    )
    samples_of, steps_of = one.around(Divergence("rnn", timestep, sample, 0, None, 0, 0, 0, 0, False), most)
    assert one.sequence[samples_of, steps_of].size > 0
    return samples_of, steps_of


def test_around_a_fault_are_the_steps_up_to_it_and_its_sample() -> None:
    # Up to it, or as many as there is room for in all samples.
    assert around(4, 10, 2, 3, 1000) == (slice(0, 4), slice(0, 10))
    assert around(4, 10, 2, 3, 8) == (slice(2, 4), slice(0, 4))
    assert around(4, 10, 0, 3, 8) == (slice(0, 2), slice(0, 4))
    assert around(4, 10, 3, 3, 8) == (slice(2, 4), slice(0, 4))
    assert around(4, 10, 1, 9, 6) == (slice(1, 2), slice(4, 10))
    assert around(4, 10, 3, 0, 24) == (slice(0, 4), slice(0, 6))
    assert around(4, 10, 3, 5, 24) == (slice(0, 4), slice(0, 6))


def test_arrays_are_the_same_to_the_last_bit_and_in_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnverify.verification.taken.STRETCH", 4)
    x = np.arange(24.0).reshape(2, 4, 3)
    x[1, 2, 0] = np.nan
    assert same(x, x.copy())
    for place in ((0, 0, 0), (1, 3, 2), (0, 2, 1)):
        other = x.copy()
        other[place] = np.nextafter(other[place], 99)
        assert not same(x, other)
    assert not same(x[:, :1], x)
    assert not same(np.zeros((2, 3)), np.zeros((2, 3, 1)))
    assert same(np.zeros((0, 3)), np.zeros((0, 3)))


def test_of_a_walk_that_nobody_looks_at_only_what_the_layer_returns_is_kept() -> None:
    one = walk(np.ones((1, 3, 1)), None, np.zeros((1, 1)))
    assert one.run().sequence.tolist() == [[[3]]]
    assert one.run().others == ()
    assert one.run(every_step=True).sequence.tolist() == [[[1], [2], [3]]]


def test_another_array_type_may_take_a_walk_in_its_own_way() -> None:
    class Symbols:
        def walked(self, of: Walk) -> Any:
            return of

    x: Any = Symbols()
    one = replace(walk(np.ones((1, 3, 1)), None, np.zeros((1, 1))), x=x)
    left: Any = one.run()
    assert left is one


def test_where_one_step_is_too_large_each_is_looked_at_by_itself() -> None:
    assert stretches_of(8, 16 * STRETCH) == [slice(t, t + 1) for t in range(8)]
