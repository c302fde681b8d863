from __future__ import annotations

from math import tanh
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.dense import Dense
from rnnverify.layers.layer import Call, Masked
from tests.layers.against_keras import (
    CLEAR,
    EXACT,
    MASKS,
    SINGLE,
    assert_same,
    assert_same_masks,
    distance,
    draw,
    draw_mask,
    in_keras,
    in_replay,
    layers_in,
    mask_in_keras,
    seeds,
    sizes,
    softmax_of_one_unit_is_meant,
    with_random_weights,
)

N, T, D, M = 4, 5, 3, 2


@softmax_of_one_unit_is_meant
@settings(max_examples=25)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@given(
    shape=sizes(4),
    over_time=st.booleans(),
    seed=seeds,
    use_bias=st.booleans(),
    activation=st.sampled_from([None, "tanh", "softmax", "relu"]),
)
def test_dense_is_what_keras_computes(
    keras: Any,
    dtype: str,
    shape: tuple[int, ...],
    over_time: bool,
    seed: int,
    use_bias: bool,
    activation: str | None,
) -> None:
    N, T, D, M = shape
    given = (N, T, D) if over_time else (N, D)
    layer = layers_in(keras, dtype).Dense(M, use_bias=use_bias, activation=activation)
    with_random_weights(layer, given, seed)
    x = draw(np.random.default_rng(seed), *given)
    assert_same(in_replay(layer, x), in_keras(keras, layer, x), SINGLE if dtype == "float32" else EXACT)


@pytest.mark.parametrize("mask", MASKS)
def test_dense_hands_the_mask_on(keras: Any, mask: str) -> None:
    rng = np.random.default_rng(1)
    x, steps = draw(rng, N, T, D), draw_mask(rng, mask, N, T)
    layer = with_random_weights(layers_in(keras).Dense(M), (N, T, D), seed=1)
    assert_same_masks(in_replay(layer, x, steps), mask_in_keras(keras, layer, x, steps))


def test_two_units_by_hand() -> None:
    dense = Dense(units=2, activation=ACTIVATIONS["tanh"], use_bias=True)
    x, kernel, bias = np.array([[1.0, -2.0]]), np.array([[0.5, 1.0], [0.25, -1.0]]), np.array([0.1, -0.2])
    # 0.5 - 0.5 + 0.1 = 0.1 and 1 + 2 - 0.2 = 2.8
    expected = [[tanh(0.1), tanh(2.8)]]
    np.testing.assert_allclose(dense(Call([Masked(x)], [kernel, bias]))[0].values, expected, rtol=1e-14)


def test_a_lost_bias_and_a_transposed_kernel_differ(keras: Any) -> None:
    layer = with_random_weights(layers_in(keras).Dense(D), (N, D), seed=1)
    x = draw(np.random.default_rng(2), N, D)
    expected, (kernel, bias) = in_keras(keras, layer, x), layer.get_weights()
    assert distance(in_replay(layer, x), expected) < CLEAR
    assert distance(in_replay(layer, x, weights=[kernel], config={"use_bias": False}), expected) > CLEAR
    assert distance(in_replay(layer, x, weights=[kernel.T, bias]), expected) > CLEAR


@pytest.mark.parametrize("use_bias", [True, False])
def test_the_weight_count_is_keras_own(keras: Any, use_bias: bool) -> None:
    layer = with_random_weights(keras.layers.Dense(M, use_bias=use_bias), (N, D), seed=1)
    assert Dense.from_config(layer.get_config()).weight_count == len(layer.get_weights())
