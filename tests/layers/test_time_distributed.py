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
    softmax_of_one_unit_is_meant,
    with_random_weights,
)

N, T, S, D, M = 4, 5, 6, 3, 2
Builder = Callable[[Any, int], Any]

# What each inner layer takes per timestep: D features, or so many axes of them.
PER_STEP: dict[str, tuple[int, Builder]] = {
    "Activation": (1, lambda layers, M: layers.Activation("softsign")),
    "Dense": (1, lambda layers, M: layers.Dense(M, activation="tanh")),
    "Dropout": (1, lambda layers, M: layers.Dropout(0.5)),
    "RepeatVector": (1, lambda layers, M: layers.RepeatVector(M)),
    "Flatten": (2, lambda layers, M: layers.Flatten()),
    "SimpleRNN": (2, lambda layers, M: layers.SimpleRNN(M)),
    "LSTM": (2, lambda layers, M: layers.LSTM(M, return_sequences=True)),
    "GRU": (2, lambda layers, M: layers.GRU(M, go_backwards=True)),
    "RNN": (2, lambda layers, M: layers.RNN(layers.StackedRNNCells([layers.GRUCell(M), layers.LSTMCell(M + 1)]))),
    "Bidirectional": (2, lambda layers, M: layers.Bidirectional(layers.GRU(M, return_sequences=True))),
    "Conv1D": (2, lambda layers, M: layers.Conv1D(M, 2, padding="same")),
    "SeparableConv1D": (2, lambda layers, M: layers.SeparableConv1D(M, 2, padding="same")),
    "DepthwiseConv1D": (2, lambda layers, M: layers.DepthwiseConv1D(2, padding="same")),
    "Conv2D": (3, lambda layers, M: layers.Conv2D(M, 2, padding="same")),
    "ConvLSTM1D": (3, lambda layers, M: layers.ConvLSTM1D(M, 2, padding="same", return_sequences=True)),
    "ConvLSTM2D": (4, lambda layers, M: layers.ConvLSTM2D(M, 2, padding="same")),
    "ConvLSTM3D": (5, lambda layers, M: layers.ConvLSTM3D(M, 2, strides=2, padding="same")),
    "MaxPooling1D": (2, lambda layers, M: layers.MaxPooling1D(2, padding="same")),
    "AveragePooling1D": (2, lambda layers, M: layers.AveragePooling1D(2, padding="same")),
    "MaxPooling2D": (3, lambda layers, M: layers.MaxPooling2D(2, padding="same")),
    "AveragePooling2D": (3, lambda layers, M: layers.AveragePooling2D(2, padding="same")),
    "GlobalMaxPooling1D": (2, lambda layers, M: layers.GlobalMaxPooling1D()),
    "GlobalAveragePooling1D": (2, lambda layers, M: layers.GlobalAveragePooling1D()),
    "BatchNormalization": (1, lambda layers, M: layers.BatchNormalization()),
    "LayerNormalization": (1, lambda layers, M: layers.LayerNormalization()),
    "UnitNormalization": (1, lambda layers, M: layers.UnitNormalization()),
    "Normalization": (1, lambda layers, M: layers.Normalization(mean=0.3, variance=2.0)),
    "Rescaling": (1, lambda layers, M: layers.Rescaling(0.3, 0.1)),
    "Reshape": (1, lambda layers, M: layers.Reshape((-1, 1))),
    "Permute": (2, lambda layers, M: layers.Permute((2, 1))),
    "Cropping1D": (2, lambda layers, M: layers.Cropping1D((0, 0))),
    "ZeroPadding1D": (2, lambda layers, M: layers.ZeroPadding1D()),
    "UpSampling1D": (2, lambda layers, M: layers.UpSampling1D()),
    "ReLU": (1, lambda layers, M: layers.ReLU(negative_slope=0.1)),
    "LeakyReLU": (1, lambda layers, M: layers.LeakyReLU()),
    "PReLU": (1, lambda layers, M: layers.PReLU()),
    "ELU": (1, lambda layers, M: layers.ELU(0.5)),
    "Softmax": (1, lambda layers, M: layers.Softmax()),
    **{
        name: (2, lambda layers, M, name=name: getattr(layers, name)(0.5))
        for name in ("SpatialDropout1D", "AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization")
    },
    "Identity": (1, lambda layers, M: layers.Identity()),
}
RECURRENT = [name for name in PER_STEP if LAYERS[name].takes_initial_state]
HEEDING = [name for name in PER_STEP if LAYERS[name].heeds_mask]


def shape_for(inner: str, N: int = N, T: int = T, S: int = S, D: int = D) -> tuple[int, ...]:
    return (N, T, *(2, 4, 3, S)[5 - PER_STEP[inner][0] :], D)


def with_weights(layer: Any, shape: tuple[int, ...], seed: int = 1) -> Any:
    """Random ones, of which no variance is below zero."""
    with_random_weights(layer, shape, seed)
    weights = zip(layer.weights, layer.get_weights(), strict=True)
    layer.set_weights([np.abs(w) if "var" in v.name else w for v, w in weights])
    return layer


def test_every_inner_layer_is_tested_here() -> None:
    assert set(PER_STEP) == set(inside_of(LAYERS["TimeDistributed"]))


@softmax_of_one_unit_is_meant
@settings(max_examples=5)
@pytest.mark.parametrize("inner", sorted(PER_STEP))
@given(dtype=st.sampled_from(["float64", "float32"]), shape=sizes(5, largest=5), seed=seeds)
def test_time_distributed_is_what_keras_computes(
    keras: Any, inner: str, dtype: str, shape: tuple[int, ...], seed: int
) -> None:
    N, T, S, D, M = shape
    given = shape_for(inner, N, T, S, D)
    layers = layers_in(keras, dtype)
    layer = with_weights(layers.TimeDistributed(PER_STEP[inner][1](layers, M)), given, seed)
    check(layer, draw(np.random.default_rng(seed), *given).astype(dtype))


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("inner", sorted({*PER_STEP} - {*RECURRENT, *HEEDING}))
def test_time_distributed_hands_the_mask_on_and_computes_masked_steps_too(keras: Any, inner: str, mask: str) -> None:
    shape = shape_for(inner)
    layers, rng = layers_in(keras), np.random.default_rng(1)
    layer = with_weights(layers.TimeDistributed(PER_STEP[inner][1](layers, M)), shape)
    x, steps = draw(rng, *shape), draw_mask(rng, mask, N, T)
    check(layer, x, steps)


@pytest.mark.parametrize("inner", [*RECURRENT, *HEEDING])
def test_a_mask_over_a_layer_that_heeds_it_is_refused(keras: Any, inner: str) -> None:
    layers, shape = layers_in(keras), shape_for(inner)
    layer = with_weights(layers.TimeDistributed(PER_STEP[inner][1](layers, M)), shape)
    kind = "a recurrent layer" if inner in RECURRENT else f"a {inner}"
    message = f"TimeDistributed: a mask over {kind} is not implemented by the replay"
    with pytest.raises(UnsupportedError, match=re.escape(message)):
        in_replay(layer, np.ones(shape), np.ones((N, T), dtype=bool))


def test_a_layer_with_several_outputs_is_refused(keras: Any) -> None:
    layers = layers_in(keras)
    layer = with_random_weights(layers.TimeDistributed(layers.LSTM(M)), (N, T, S, D), seed=1)
    inner = layer.get_config()["layer"]
    several = {**inner, "config": {**inner["config"], "return_state": True}}
    message = "TimeDistributed: a layer with several outputs is not implemented by the replay"
    with pytest.raises(UnsupportedError, match=re.escape(message)):
        in_replay(layer, np.ones((N, T, S, D)), config={"layer": several})


def test_another_class_inside_is_refused_by_name(keras: Any) -> None:
    config = keras.layers.TimeDistributed(keras.layers.Conv3D(2, 3)).get_config()
    with pytest.raises(UnsupportedError, match=r"TimeDistributed: the replay implements it around .*, got Conv3D$"):
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
