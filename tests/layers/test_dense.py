from __future__ import annotations

from math import tanh
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.dense import Dense
from tests.layers import against_keras
from tests.layers.against_keras import CLEAR, MASKS, called, check, draw, draw_mask, layers_in, see, with_random_weights

N, T, D, M = 4, 5, 3, 2


@against_keras.softmax_of_one_unit_is_meant
@settings(max_examples=25)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@given(
    shape=against_keras.sizes(4),
    over_time=st.booleans(),
    seed=against_keras.seeds,
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
    check(with_random_weights(layer, given, seed), draw(np.random.default_rng(seed), *given))


@pytest.mark.parametrize("mask", MASKS)
def test_dense_hands_the_mask_on(keras: Any, mask: str) -> None:
    rng = np.random.default_rng(1)
    layer = with_random_weights(layers_in(keras).Dense(M), (N, T, D), seed=1)
    check(layer, draw(rng, N, T, D), draw_mask(rng, mask, N, T))


def test_two_units_by_hand() -> None:
    dense = Dense(units=2, activation=ACTIVATIONS["tanh"], use_bias=True)
    (y,) = called(dense, [[1.0, -2.0]], [[[0.5, 1.0], [0.25, -1.0]], [0.1, -0.2]])
    # 0.5 - 0.5 + 0.1 = 0.1 and 1 + 2 - 0.2 = 2.8
    np.testing.assert_allclose(y.values, [[tanh(0.1), tanh(2.8)]], rtol=1e-14)


def test_a_lost_bias_and_a_transposed_kernel_differ(keras: Any) -> None:
    seen = see(layers_in(keras).Dense(D), (N, D))
    kernel, bias = seen.layer.get_weights()
    assert seen.error(weights=[kernel], config={"use_bias": False}) > CLEAR
    assert seen.error(weights=[kernel.T, bias]) > CLEAR


@pytest.mark.parametrize("use_bias", [True, False])
def test_the_weight_count_is_keras_own(keras: Any, use_bias: bool) -> None:
    layer = with_random_weights(keras.layers.Dense(M, use_bias=use_bias), (N, D), seed=1)
    assert Dense.from_config(layer.get_config()).weight_count == len(layer.get_weights())
