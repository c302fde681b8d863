from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from rnnverify.errors import UnsupportedError
from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.bidirectional import MERGES, Bidirectional
from rnnverify.layers.layer import Masked, MisfitError
from rnnverify.layers.registry import LAYERS, inside_of
from rnnverify.layers.simple_rnn import SimpleRNN
from rnnverify.layers.walking import Walking
from tests.layers import against_keras
from tests.layers.against_keras import (
    CLEAR,
    MASKS,
    OPTIONS,
    Seen,
    allowed,
    assert_same,
    called,
    check,
    distance,
    draw,
    draw_mask,
    in_keras,
    in_replay,
    layers_in,
    mask_in_keras,
    see,
    with_random_weights,
)

N, T, D, M = 4, 5, 3, 2
MERGE_MODES = ("concat", "sum", "mul", "ave", None)
STATES = {"SimpleRNN": 1, "LSTM": 2, "GRU": 1}

recurrent_layers = st.fixed_dictionaries(
    {
        "class_name": st.sampled_from(sorted(STATES)),
        "use_bias": st.booleans(),
        "activation": st.sampled_from(["tanh", "softsign", "relu"]),
    }
)


def test_every_recurrent_layer_can_be_a_direction() -> None:
    assert (
        set(inside_of(Bidirectional))
        == {name for name, replay in LAYERS.items() if issubclass(replay, Walking)}
        == {*STATES, "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"}  # of those see their own tests
    )


@settings(max_examples=18)
@pytest.mark.parametrize("merge_mode", MERGE_MODES)
@given(
    dtype=st.sampled_from(["float64", "float64", "float32"]),
    shape=against_keras.sizes(4),
    seed=against_keras.seeds,
    forward=recurrent_layers,
    backward=st.none() | recurrent_layers,
    return_sequences=st.booleans(),
    return_state=st.booleans(),
    go_backwards=st.booleans(),
    from_zero=st.booleans(),
    mask=st.sampled_from((None, *MASKS)),
)
def test_bidirectional_is_what_keras_computes(
    keras: Any,
    merge_mode: str | None,
    dtype: str,
    shape: tuple[int, ...],
    seed: int,
    forward: dict[str, Any],
    backward: dict[str, Any] | None,
    return_sequences: bool,
    return_state: bool,
    go_backwards: bool,
    from_zero: bool,
    mask: str | None,
) -> None:
    N, T, D, M = shape
    layers = layers_in(keras, dtype)

    def direction(class_name: str, **options: Any) -> Any:
        return getattr(layers, class_name)(M, return_sequences=return_sequences, return_state=return_state, **options)

    go_backwards = go_backwards and backward is not None  # Keras refuses it where it makes the other layer itself
    other = None if backward is None else direction(**backward, go_backwards=not go_backwards)
    layer = layers.Bidirectional(
        direction(**forward, go_backwards=go_backwards), merge_mode=merge_mode, backward_layer=other
    )
    with_random_weights(layer, (N, T, D), seed)
    rng = np.random.default_rng(seed)
    x, steps = draw(rng, N, T, D), draw_mask(rng, mask, N, T)
    count = STATES[forward["class_name"]]
    same_states = backward is None or STATES[backward["class_name"]] == count
    # Keras deals one half of the states to each direction, so both need equally many
    states = None if from_zero or not same_states else [draw(rng, N, M) for _ in range(2 * count)]
    if return_state:  # then Keras says of the outputs alone what mask they have: see below
        assert_same(in_replay(layer, x, steps, states), in_keras(layer, x, steps, states), allowed(layer))
    else:
        check(layer, x, steps, states)


@pytest.mark.parametrize("merge_mode", MERGE_MODES)
def test_keras_hands_the_mask_on_with_the_outputs_but_not_with_the_states(keras: Any, merge_mode: str | None) -> None:
    layers = layers_in(keras)
    layer = layers.Bidirectional(layers.LSTM(M, return_sequences=True, return_state=True), merge_mode=merge_mode)
    with_random_weights(layer, (N, T, D), seed=1)
    rng = np.random.default_rng(2)
    x, mask = draw(rng, N, T, D), draw_mask(rng, "holes", N, T)
    given, kept = mask_in_keras(layer, x, mask), 2 if merge_mode is None else 1
    masks = [y.mask for y in in_replay(layer, x, mask)]
    assert len(masks) == kept + 4
    for ours, theirs in zip(masks[:kept], given, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert masks[kept:] == [None] * 4


def running_sums(merge_mode: str | None, mask: list[bool] | None = None, return_sequences: bool = True) -> list[Any]:
    """x = 1, 2, 4, 8 added up in both directions by linear units with all weights one; the backward one adds 100."""
    # in a Bidirectional, Keras has zero_output_for_mask follow return_sequences
    common = {**OPTIONS, "return_sequences": return_sequences, "zero_output_for_mask": return_sequences}
    linear = {"units": 1, "activation": ACTIVATIONS["linear"]}
    layer = Bidirectional(
        layer=SimpleRNN(**linear, **{**common, "use_bias": False}),
        backward_layer=SimpleRNN(**linear, **{**common, "go_backwards": True}),
        merge_mode=merge_mode,
    )
    weights = [[[1.0]], [[1.0]], [[1.0]], [[1.0]], [100.0]]
    outputs = called(layer, [[[1.0], [2.0], [4.0], [8.0]]], weights, None if mask is None else [mask])
    return [y.values[0].tolist() for y in outputs]


def test_both_directions_by_hand() -> None:
    # backwards: 8 + 100, then 4, 2, 1 and 100 each: 108, 212, 314, 415, in the order of time 415, 314, 212, 108
    assert running_sums(None) == [[[1], [3], [7], [15]], [[415], [314], [212], [108]]]


def test_every_merge_by_hand() -> None:
    assert running_sums("concat") == [[[1, 415], [3, 314], [7, 212], [15, 108]]]
    assert running_sums("sum") == [[[416], [317], [219], [123]]]
    assert running_sums("ave") == [[[208], [158.5], [109.5], [61.5]]]
    assert running_sums("mul") == [[[415], [942], [1484], [1620]]]


def test_without_return_sequences_each_direction_gives_the_end_of_its_own_walk() -> None:
    assert running_sums("concat", return_sequences=False) == [[15, 415]]


def test_masked_steps_are_zero_in_both_directions_by_hand() -> None:
    # forward: 1, -, 5, 13; backward: 108, 212, -, 313
    assert running_sums("concat", [True, False, True, True]) == [[[1, 313], [0, 0], [5, 212], [13, 108]]]


@pytest.fixture(scope="module")
def seen(keras: Any) -> Seen:
    layers = layers_in(keras)
    return see(layers.Bidirectional(layers.LSTM(M, return_sequences=True)), (N, T, D))


def test_a_backward_half_left_in_its_own_order_differs(seen: Seen) -> None:
    (replayed,) = seen.replayed()
    forward, backward = np.split(replayed.values, 2, axis=-1)
    wrong = np.concatenate([forward, backward[:, ::-1]], axis=-1)
    assert distance([Masked(wrong)], seen.expected) > CLEAR


def test_exchanged_directions_differ(seen: Seen) -> None:
    forward, backward = seen.layer.get_weights()[:3], seen.layer.get_weights()[3:]
    assert seen.error(weights=[*backward, *forward]) > CLEAR


def test_a_backward_layer_that_walks_forward_differs(seen: Seen) -> None:
    backward = seen.layer.get_config()["backward_layer"]
    forward_twice = {**backward, "config": {**backward["config"], "go_backwards": False}}
    assert seen.error(config={"backward_layer": forward_twice}) > CLEAR


@pytest.mark.parametrize("merge_mode", ["mul", "ave"])
def test_another_merge_differs(keras: Any, merge_mode: str) -> None:
    layers = layers_in(keras)
    seen = see(layers.Bidirectional(layers.GRU(M), merge_mode="sum"), (N, T, D))
    assert seen.error(config={"merge_mode": merge_mode}) > CLEAR


def test_exchanged_initial_states_differ(keras: Any) -> None:
    layers, rng = layers_in(keras), np.random.default_rng(3)
    forward, backward = draw(rng, N, M), draw(rng, N, M)
    seen = see(layers.Bidirectional(layers.GRU(M)), (N, T, D), initial_state=[forward, backward])
    assert seen.error(initial_state=[backward, forward]) > CLEAR


@pytest.mark.parametrize("mask", [None, "other"])
def test_an_ignored_or_another_mask_differs(keras: Any, mask: str | None) -> None:
    layers = layers_in(keras)
    right = np.array([[False, True, True, True, False]] * N)
    wrong = None if mask is None else np.array([[True, True, False, True, True]] * N)
    assert see(layers.Bidirectional(layers.GRU(M)), (N, T, D), mask=right).error(mask=wrong) > CLEAR


def test_the_outputs_are_named(keras: Any) -> None:
    layers = layers_in(keras)
    layer = layers.LSTM(M, return_state=True)

    def names(merge_mode: str | None) -> tuple[str, ...]:
        wrapped = layers.Bidirectional(layer, merge_mode=merge_mode)
        return Bidirectional.from_config(wrapped.get_config()).output_names

    assert names("sum") == ("", "forward_h", "forward_c", "backward_h", "backward_c")
    assert names(None) == ("forward", "backward", "forward_h", "forward_c", "backward_h", "backward_c")


def test_the_weight_count_is_keras_own(keras: Any) -> None:
    layers = layers_in(keras)
    backward = layers.GRU(M, use_bias=False, go_backwards=True)
    layer = with_random_weights(layers.Bidirectional(layers.LSTM(M), backward_layer=backward), (N, T, D), seed=1)
    assert Bidirectional.from_config(layer.get_config()).weight_count == len(layer.get_weights()) == 5


def test_another_class_inside_is_refused_by_name(keras: Any) -> None:
    config = layers_in(keras).Bidirectional(keras.layers.LSTM(M)).get_config()
    inner = {**config["layer"], "class_name": "Conv1D"}
    inside = "SimpleRNN, LSTM, GRU, ConvLSTM1D, ConvLSTM2D, ConvLSTM3D, RNN"
    message = f"Bidirectional: the replay implements it around {inside}, got Conv1D"
    with pytest.raises(UnsupportedError, match=re.escape(message)):
        Bidirectional.from_config({**config, "layer": inner})


def test_an_unknown_merge_mode_is_refused_by_name(keras: Any) -> None:
    config = {**keras.layers.Bidirectional(keras.layers.LSTM(M)).get_config(), "merge_mode": "max"}
    message = "Bidirectional: merge_mode='max' is not one of concat, sum, mul, ave, None"
    with pytest.raises(UnsupportedError, match=re.escape(message)):
        Bidirectional.from_config(config)


def test_an_option_of_the_layer_inside_is_refused_too(keras: Any) -> None:
    config = keras.layers.Bidirectional(keras.layers.LSTM(M)).get_config()
    inner = {**config["layer"], "config": {**config["layer"]["config"], "peephole": True}}
    with pytest.raises(UnsupportedError, match=r"LSTM 'forward_lstm.*': the option 'peephole'"):
        Bidirectional.from_config({**config, "layer": inner})


def test_the_merges_are_those_that_keras_has(keras: Any) -> None:
    for merge_mode in MERGES:
        keras.layers.Bidirectional(keras.layers.LSTM(M), merge_mode=merge_mode)
    assert set(MERGES) == set(MERGE_MODES) - {None}


def of(forward: str, backward: str | None = None, merge_mode: str | None = "concat", **options: Any) -> Bidirectional:
    """Two directions of three and five units, or of one."""

    def layer(name: str, units: int, backwards: bool) -> Any:
        return LAYERS[name].of({"units": units, "go_backwards": backwards, **options})

    return Bidirectional(layer(forward, 3, False), backward and layer(backward, 5, True), merge_mode)


@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        (of("GRU"), [(6,)]),
        (of("GRU", "SimpleRNN"), [(8,)]),
        (of("GRU", "SimpleRNN", return_sequences=True), [(7, 8)]),
        (of("GRU", merge_mode="sum", return_sequences=True), [(7, 3)]),
        (of("GRU", "SimpleRNN", merge_mode=None), [(3,), (5,)]),
        (of("LSTM", return_state=True, return_sequences=True), [(7, 6), (3,), (3,), (3,), (3,)]),
        (of("GRU", "SimpleRNN", merge_mode=None, return_state=True), [(3,), (5,), (3,), (5,)]),
    ],
)
def test_its_outputs_have_the_shapes_of_both_directions(layer: Bidirectional, shapes: list[Any]) -> None:
    assert layer.output_shapes([(7, 2)]) == shapes
    assert len(layer.output_names) == len(shapes)


def test_without_a_backward_layer_it_is_the_layer_itself_backwards() -> None:
    made = of("GRU")
    assert made.backward_layer == replace(made.layer, go_backwards=True)
    made.check(states_set=True)
    back = Bidirectional(replace(made.layer, go_backwards=True))
    assert back.backward_layer == made.layer
    other = of("GRU", "SimpleRNN")
    assert replace(other, merge_mode=None).backward_layer == other.backward_layer


def test_a_layer_inside_that_is_unrolled_is_built_step_by_step_in_either_direction() -> None:
    assert of("GRU").calls_built([(7, 2)]) == 0
    assert of("GRU", unroll=True).calls_built([(7, 2)]) == 2 * of("GRU", unroll=True).layer.calls_built([(7, 2)]) == 42


def test_it_holds_what_both_directions_hold() -> None:
    # Seven steps, as wide as either kernel: three gates of three units, and five units.
    assert of("GRU", "SimpleRNN").held([(7, 2)]) == 7 * 9 + 7 * 5


def test_its_weights_are_those_of_both_directions() -> None:
    assert of("LSTM", "SimpleRNN", use_bias=False).weight_shapes([(7, 2)]) == {
        "forward_kernel": (2, 12),
        "forward_recurrent_kernel": (3, 12),
        "backward_kernel": (2, 5),
        "backward_recurrent_kernel": (5, 5),
    }


def misfit(layer: Bidirectional, states_set: bool = False) -> tuple[str, str | None]:
    with pytest.raises(MisfitError) as caught:
        layer.check(states_set)
    return caught.value.expected, caught.value.argument


def test_directions_that_do_not_go_together_are_refused() -> None:
    of("GRU", "SimpleRNN").check(states_set=True)
    of("LSTM", "SimpleRNN").check(states_set=False)
    of("GRU", "SimpleRNN", merge_mode=None).check(states_set=False)
    right = of("GRU", "SimpleRNN")
    for key in ("return_sequences", "return_state"):
        wrong = replace(right, backward_layer=replace(right.backward_layer, **{key: True}))
        assert misfit(wrong) == (f"{key}: false, as in `layer`; got true", "backward_layer")
    for mode in ("sum", "ave", "mul"):
        assert misfit(of("GRU", "SimpleRNN", mode)) == ("units: 3, as in `layer`; got 5", "backward_layer")
    states = "as many states as `layer` has (h, c), since they are returned or set; got h"
    assert misfit(of("LSTM", "GRU"), states_set=True) == (states, "backward_layer")
    assert misfit(of("LSTM", "GRU", return_state=True)) == (states, "backward_layer")
    other = "as many states as `layer` has (h), since they are returned or set; got h, c"
    assert misfit(of("GRU", "LSTM"), states_set=True) == (other, "backward_layer")
    both = replace(right, backward_layer=replace(right.backward_layer, go_backwards=False))
    assert misfit(both) == ("go_backwards: true, the opposite of `layer`; got the same", "backward_layer")
    away = replace(both, layer=replace(right.layer, go_backwards=True))
    assert misfit(away) == ("go_backwards: false; the backward layer reverses time by itself", "layer")


def rows(kernel_size: int, merge_mode: str | None = "concat", **options: Any) -> Bidirectional:
    """Two directions of rows that are three wide; what comes of them depends on what comes in."""

    def layer(size: int, backwards: bool) -> Any:
        of_rows = {"filters": 3, "kernel_size": (size,), "go_backwards": backwards, "return_sequences": True, **options}
        return LAYERS["ConvLSTM1D"].of(of_rows)

    return Bidirectional(layer(2, False), layer(kernel_size, True), merge_mode)


def test_states_of_rows_are_as_long_as_what_is_left_of_them() -> None:
    layer, inputs = rows(2, return_state=True), [(7, 5, 2)]  # of five places a window of two has four
    layer.check(states_set=True)
    assert layer.output_shapes(inputs) == [(7, 4, 6), *[(4, 3)] * 4]
    assert layer.state_shapes(inputs) == [(4, 3)] * 4
    for dtype in (np.float32, np.float64):
        states = layer.first_states(6, inputs, np.dtype(dtype))
        assert [state.shape for state in states] == [(6, 4, 3)] * 4
        assert {state.dtype for state in states} == {np.dtype(dtype)}


@pytest.mark.parametrize("merge_mode", ["concat", "sum"])
def test_outputs_that_do_not_merge_are_refused(merge_mode: str) -> None:
    with pytest.raises(MisfitError) as caught:
        rows(3, merge_mode).output_shapes([(7, 5, 2)])
    expected = "an output that merges with (7, 4, 3), which `layer` gives; got (7, 3, 3)"
    assert (caught.value.expected, caught.value.argument) == (expected, "backward_layer")
    assert rows(3, None).output_shapes([(7, 5, 2)]) == [(7, 4, 3), (7, 3, 3)]


@pytest.mark.parametrize("merge_mode", ["sum", "mul", "ave"])
def test_only_side_by_side_may_outputs_be_of_unlike_width(merge_mode: str) -> None:
    with pytest.raises(MisfitError, match=r"merges with \(7, 3\), which `layer` gives; got \(7, 5\)"):
        of("GRU", "SimpleRNN", merge_mode, return_sequences=True).output_shapes([(7, 2)])


@pytest.mark.parametrize("merge_mode", MERGE_MODES)
def test_whatever_is_merged_has_the_mask_of_what_came_in(merge_mode: str | None) -> None:
    layer, mask = of("GRU", merge_mode=merge_mode, return_sequences=True), np.array([[True, False, True]])
    weights = [np.ones(shape) for shape in layer.weight_shapes([(3, 2)]).values()]
    for made in called(layer, np.ones((1, 3, 2)), weights, mask):
        assert made.mask is not None
        assert made.mask.tolist() == [[True, False, True]]
