from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest

from rnnverify.errors import UnsupportedError
from rnnverify.layers import steps, walk
from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.layer import Outputs
from rnnverify.layers.recurrent import Recurrent
from rnnverify.layers.registry import LAYERS
from rnnverify.layers.simple_rnn import SimpleRNN
from tests.layers.against_keras import MASKS, OPTIONS, RecurrentCase, called, check_recurrent, see, with_random_weights

N, T, D, M = 4, 5, 3, 2
RECURRENT = ("SimpleRNN", "LSTM", "GRU")
SWITCHES = ("return_sequences", "go_backwards", "zero_output_for_mask")


def test_the_recurrent_classes_are_those_tested_here() -> None:
    assert {name for name, replay in LAYERS.items() if issubclass(replay, Recurrent)} == set(RECURRENT)


@pytest.mark.parametrize("from_zero", [True, False], ids=["from zero", "from an initial state"])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("class_name", RECURRENT)
def test_masked_walks_are_what_keras_computes(keras: Any, class_name: str, mask: str, from_zero: bool) -> None:
    for values in product([False, True], repeat=len(SWITCHES)):
        options = {**dict(zip(SWITCHES, values, strict=True)), "return_state": True, "use_bias": True}
        check_recurrent(keras, class_name, RecurrentCase((N, T, D, M), 7, options, mask, from_zero))


def running_sum(
    mask: Sequence[bool] | None = None, start: float | None = None, x: Sequence[float] = (1, 2, 4, 8), **options: bool
) -> Outputs:
    """One linear unit with all weights one adds up what it is given: the walk is all that can be seen in it."""
    switches = {**OPTIONS, "use_bias": False, "return_sequences": True, "return_state": True, **options}
    rnn = SimpleRNN(units=1, activation=ACTIVATIONS["linear"], **switches)
    steps = [[[float(step)] for step in x]]
    states = () if start is None else (np.array([[start]]),)
    return called(rnn, steps, [[[1.0]], [[1.0]]], None if mask is None else [mask], states)


def sums(outputs: Outputs) -> tuple[list[float], float]:
    sequence, state = outputs
    return sequence.values.ravel().tolist(), state.values.item()


def test_every_step_adds_to_the_one_before() -> None:
    assert sums(running_sum()) == ([1, 3, 7, 15], 15)


def test_the_walk_starts_from_the_initial_state() -> None:
    assert sums(running_sum(start=100)) == ([101, 103, 107, 115], 115)


def test_backwards_the_last_step_comes_first() -> None:
    assert sums(running_sum(go_backwards=True)) == ([8, 12, 14, 15], 15)


def test_a_masked_step_repeats_the_output_and_keeps_the_state() -> None:
    assert sums(running_sum([True, False, True, True])) == ([1, 1, 5, 13], 13)


def test_a_masked_step_gives_zero_under_zero_output_for_mask_but_keeps_the_state() -> None:
    assert sums(running_sum([True, False, True, False], zero_output_for_mask=True)) == ([1, 0, 5, 0], 5)


def test_a_masked_first_step_gives_zero_although_the_state_is_not() -> None:
    assert sums(running_sum([False, True, True, True], start=100)) == ([0, 102, 106, 114], 114)


def test_where_all_is_masked_the_state_is_the_initial_one_and_the_output_zero() -> None:
    assert sums(running_sum([False] * 4, start=100)) == ([0, 0, 0, 0], 100)


def test_backwards_the_mask_is_walked_backwards_too() -> None:
    # the steps are 8, 4, 2, 1, and the mask is then kept, kept, skipped, kept
    assert sums(running_sum([True, False, True, True], go_backwards=True)) == ([8, 12, 12, 13], 13)


def test_backwards_the_mask_is_handed_on_in_the_order_it_came() -> None:
    mask = running_sum([True, False, True, True], go_backwards=True)[0].mask
    assert mask is not None
    assert mask.tolist() == [[True, False, True, True]]


def test_without_return_sequences_the_last_output_is_given_and_no_mask() -> None:
    last, state = running_sum([True, True, True, False], return_sequences=False)
    assert (last.values.tolist(), last.mask, state.values.tolist(), state.mask) == ([[7]], None, [[7]], None)


def test_without_return_sequences_a_masked_last_step_gives_zero_under_zero_output_for_mask() -> None:
    last, state = running_sum([True, True, True, False], return_sequences=False, zero_output_for_mask=True)
    assert (last.values.tolist(), state.values.tolist()) == ([[0]], [[7]])


def test_without_return_state_there_is_one_output() -> None:
    (sequence,) = running_sum(return_state=False)
    assert sequence.values.shape == (1, 4, 1)


def test_one_timestep_is_walked() -> None:
    assert sums(running_sum(x=[3])) == ([3], 3)


def test_inert_options_change_nothing_at_inference(keras: Any) -> None:
    options = {"dropout": 0.5, "recurrent_dropout": 0.5, "seed": 3, "unroll": True}
    see(keras.layers.LSTM(M, dtype="float64", **options), (N, T, D))


@pytest.mark.parametrize("class_name", RECURRENT)
@pytest.mark.parametrize("use_bias", [True, False])
def test_the_weight_count_is_keras_own(keras: Any, class_name: str, use_bias: bool) -> None:
    layer = with_random_weights(getattr(keras.layers, class_name)(M, use_bias=use_bias), (N, T, D), seed=1)
    assert LAYERS[class_name].from_config(layer.get_config()).weight_count == len(layer.get_weights())


def test_unrolled_and_backwards_under_a_mask_that_zeroes_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="unroll=True on a masked sequence that runs backwards"):
        running_sum([True, False, True, True], unroll=True, go_backwards=True, zero_output_for_mask=True)
    unmasked = running_sum(None, unroll=True, go_backwards=True, zero_output_for_mask=True)
    assert sums(unmasked) == sums(running_sum(None, go_backwards=True, zero_output_for_mask=True))


@pytest.mark.parametrize("stretch", [1, 7, 30])
@pytest.mark.parametrize("class_name", RECURRENT)
def test_a_long_walk_taken_in_stretches_is_the_same(
    keras: Any, class_name: str, stretch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = RecurrentCase(
        (N, 11, D, M), 7, {"return_sequences": True, "return_state": True, "use_bias": True}, "holes", False
    )
    monkeypatch.setattr(walk, "STRETCH", stretch)
    check_recurrent(keras, class_name, case)


def test_the_state_before_a_step_is_the_output_of_the_last_step_that_was_not_masked() -> None:
    outputs = np.array([[[9.0], [1.0], [1.0], [2.0]], [[5.0], [6.0], [7.0], [8.0]]])  # the first 9 is of a masked step
    initial = np.array([[-1.0], [-2.0]])
    mask = np.array([[False, True, False, True], [True, True, True, True]])
    whole, rest = slice(0, 4), slice(2, 4)
    source = steps.sources(mask)
    assert source.tolist() == [[-1, -1, 1, 1, 3], [-1, 0, 1, 2, 3]]
    for part in (whole, rest):
        before = steps.states_before(outputs, initial, source, part)
        assert before[..., 0].tolist() == [[-1, -1, 1, 1][part], [-2, 5, 6, 7][part]]
        before = steps.states_before(outputs, initial, None, part)
        assert before[..., 0].tolist() == [[-1, 9, 1, 1][part], [-2, 5, 6, 7][part]]


@pytest.mark.parametrize(
    ("name", "options", "shapes"),
    [
        ("SimpleRNN", {}, [(4,)]),
        ("SimpleRNN", {"return_sequences": True}, [(7, 4)]),
        ("GRU", {"return_state": True}, [(4,), (4,)]),
        ("LSTM", {"return_state": True, "return_sequences": True}, [(7, 4), (4,), (4,)]),
    ],
)
def test_outputs_have_time_where_sequences_are_returned(name: str, options: Any, shapes: list[Any]) -> None:
    layer = LAYERS[name].of({"units": 4, **options})
    assert layer.output_shapes([(7, 3)]) == shapes
    assert [layer.has_time(index, shape) for index, shape in enumerate(shapes)] == [len(shape) == 2 for shape in shapes]
    assert layer.calls_built([(7, 3)]) == 0
    assert LAYERS[name].of({"units": 4, "unroll": True}).calls_built([(7, 3)]) == 21  # as measured: three a timestep


def test_weights_are_as_wide_as_there_are_gates() -> None:
    shapes = {name: LAYERS[name].of({"units": 4}).weight_shapes([(7, 3)]) for name in RECURRENT}
    assert shapes["SimpleRNN"] == {"kernel": (3, 4), "recurrent_kernel": (4, 4), "bias": (4,)}
    assert shapes["LSTM"] == {"kernel": (3, 16), "recurrent_kernel": (4, 16), "bias": (16,)}
    assert shapes["GRU"] == {"kernel": (3, 12), "recurrent_kernel": (4, 12), "bias": (2, 12)}
    before = LAYERS["GRU"].of({"units": 4, "reset_after": False})
    assert before.weight_shapes([(7, 3)]) == {"kernel": (3, 12), "recurrent_kernel": (4, 12), "bias": (12,)}
    without = LAYERS["GRU"].of({"units": 4, "use_bias": False})
    assert without.weight_shapes([(7, 3)]) == {"kernel": (3, 12), "recurrent_kernel": (4, 12)}


@pytest.mark.parametrize("stretch", [1, 2, 3, 100])
def test_the_input_s_share_of_a_walk_is_computed_stretch_by_stretch(
    monkeypatch: pytest.MonkeyPatch, stretch: int
) -> None:
    monkeypatch.setattr(walk, "STRETCH", stretch)
    assert sums(running_sum(x=(1, 2, 4, 8, 16))) == ([1, 3, 7, 15, 31], 31)
