from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from rnnverify.errors import UnsupportedError
from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.dense import Dense
from rnnverify.layers.layer import Masked
from rnnverify.layers.registry import LAYERS, inside_of
from rnnverify.layers.time_distributed import TimeDistributed
from tests.layers.against_keras import (
    CLEAR,
    MASKS,
    called,
    check,
    distance,
    draw,
    draw_mask,
    in_replay,
    layers_in,
    see,
    seeds,
    sizes,
    with_random_weights,
)

N, T, S, D, M = 4, 5, 6, 3, 2
Builder = Callable[[Any, int], Any]

# What each inner layer takes per timestep: D features, or a sequence of S steps of them.
PER_STEP: dict[str, tuple[int, Builder]] = {
    "Activation": (1, lambda layers, M: layers.Activation("softsign")),
    "Dense": (1, lambda layers, M: layers.Dense(M, activation="tanh")),
    "Dropout": (1, lambda layers, M: layers.Dropout(0.5)),
    "RepeatVector": (1, lambda layers, M: layers.RepeatVector(M)),
    "Flatten": (2, lambda layers, M: layers.Flatten()),
    "SimpleRNN": (2, lambda layers, M: layers.SimpleRNN(M)),
    "LSTM": (2, lambda layers, M: layers.LSTM(M, return_sequences=True)),
    "GRU": (2, lambda layers, M: layers.GRU(M, go_backwards=True)),
    "Bidirectional": (2, lambda layers, M: layers.Bidirectional(layers.GRU(M, return_sequences=True))),
}
WITHOUT_RECURRENCE = ("Activation", "Dense", "Dropout", "Flatten", "RepeatVector")


def test_every_inner_layer_is_tested_here() -> None:
    assert set(PER_STEP) == set(inside_of(LAYERS["TimeDistributed"]))


@settings(max_examples=10)
@pytest.mark.parametrize("inner", sorted(PER_STEP))
@given(dtype=st.sampled_from(["float64", "float32"]), shape=sizes(5, largest=5), seed=seeds)
def test_time_distributed_is_what_keras_computes(
    keras: Any, inner: str, dtype: str, shape: tuple[int, ...], seed: int
) -> None:
    N, T, S, D, M = shape
    axes, build = PER_STEP[inner]
    given = (N, T, S, D) if axes == 2 else (N, T, D)
    layers = layers_in(keras, dtype)
    layer = with_random_weights(layers.TimeDistributed(build(layers, M)), given, seed)
    check(layer, draw(np.random.default_rng(seed), *given).astype(dtype))


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("inner", WITHOUT_RECURRENCE)
def test_time_distributed_hands_the_mask_on_and_computes_masked_steps_too(keras: Any, inner: str, mask: str) -> None:
    axes, build = PER_STEP[inner]
    shape = (N, T, S, D) if axes == 2 else (N, T, D)
    layers, rng = layers_in(keras), np.random.default_rng(1)
    layer = with_random_weights(layers.TimeDistributed(build(layers, M)), shape, seed=1)
    x, steps = draw(rng, *shape), draw_mask(rng, mask, N, T)
    check(layer, x, steps)


@pytest.mark.parametrize("inner", sorted(set(PER_STEP) - set(WITHOUT_RECURRENCE)))
def test_a_mask_over_a_recurrent_layer_is_refused(keras: Any, inner: str) -> None:
    layers = layers_in(keras)
    layer = with_random_weights(layers.TimeDistributed(PER_STEP[inner][1](layers, M)), (N, T, S, D), seed=1)
    message = "TimeDistributed: a mask over a recurrent layer is not implemented by the replay"
    with pytest.raises(UnsupportedError, match=re.escape(message)):
        in_replay(layer, np.ones((N, T, S, D)), np.ones((N, T), dtype=bool))


def test_a_layer_with_several_outputs_is_refused(keras: Any) -> None:
    layers = layers_in(keras)
    layer = with_random_weights(layers.TimeDistributed(layers.LSTM(M)), (N, T, S, D), seed=1)
    inner = layer.get_config()["layer"]
    several = {**inner, "config": {**inner["config"], "return_state": True}}
    message = "TimeDistributed: a layer with several outputs is not implemented by the replay"
    with pytest.raises(UnsupportedError, match=re.escape(message)):
        in_replay(layer, np.ones((N, T, S, D)), config={"layer": several})


def test_another_class_inside_is_refused_by_name(keras: Any) -> None:
    config = keras.layers.TimeDistributed(keras.layers.Conv1D(2, 3)).get_config()
    with pytest.raises(UnsupportedError, match=r"TimeDistributed: the replay implements it around .*, got Conv1D$"):
        TimeDistributed.from_config(config)


def test_one_unit_at_each_of_two_steps_by_hand() -> None:
    layer = TimeDistributed(Dense(units=1, activation=ACTIVATIONS["linear"], use_bias=True))
    (y,) = called(layer, [[[1.0, 2.0], [3.0, 4.0]]], [[[10.0], [-1.0]], [0.5]])
    assert y.values.tolist() == [[[8.5], [26.5]]]  # 10 - 2 + 0.5 and 30 - 4 + 0.5


def test_samples_and_timesteps_exchanged_differ(keras: Any) -> None:
    # by count alone the folded axes could be unfolded either way
    layers = layers_in(keras)
    seen = see(layers.TimeDistributed(layers.Dense(M)), (N, N, D))
    (replayed,) = seen.replayed()
    assert distance([Masked(np.swapaxes(replayed.values, 0, 1))], seen.expected) > CLEAR


def test_the_weight_count_is_that_of_the_layer_inside(keras: Any) -> None:
    layer = with_random_weights(keras.layers.TimeDistributed(keras.layers.LSTM(M)), (N, T, S, D), seed=1)
    assert TimeDistributed.from_config(layer.get_config()).weight_count == len(layer.get_weights()) == 3
