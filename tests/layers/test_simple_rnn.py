from __future__ import annotations

from math import tanh
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.layer import Call, Masked
from rnnverify.layers.simple_rnn import SimpleRNN
from tests.layers.against_keras import (
    CLEAR,
    Array,
    RecurrentCase,
    assert_same,
    check_recurrent,
    distance,
    draw,
    in_keras,
    in_replay,
    recurrent_cases,
    softmax_of_one_unit_is_meant,
    with_random_weights,
)

N, T, D, M = 4, 5, 3, 2
Seen = tuple[Any, Array, list[Array]]


@settings(max_examples=40)
@given(case=recurrent_cases, unroll=st.booleans())
def test_simple_rnn_is_what_keras_computes(keras: Any, case: RecurrentCase, unroll: bool) -> None:
    check_recurrent(keras, "SimpleRNN", case, unroll=unroll and case.unrolls_the_same)


@settings(max_examples=10)
@given(case=recurrent_cases)
def test_simple_rnn_in_float32_is_what_keras_computes(keras: Any, case: RecurrentCase) -> None:
    check_recurrent(keras, "SimpleRNN", case, dtype="float32")


@softmax_of_one_unit_is_meant
@settings(max_examples=4)
@pytest.mark.parametrize("activation", ["relu", "softmax", "selu", "hard_sigmoid", "log_softmax", "mish", None])
@given(case=recurrent_cases)
def test_simple_rnn_with_other_activations(keras: Any, case: RecurrentCase, activation: str | None) -> None:
    check_recurrent(keras, "SimpleRNN", case, activation=activation)


def two_units(activation: str) -> Array:
    """Both outputs (T, M) of two units with one feature, for x = 1, 2."""
    rnn = SimpleRNN(
        units=2,
        activation=ACTIVATIONS[activation],
        use_bias=True,
        return_sequences=True,
        return_state=False,
        go_backwards=False,
        zero_output_for_mask=False,
        unroll=False,
    )
    weights = [np.array([[1.0, 2.0]]), np.array([[0.0, 1.0], [3.0, 0.0]]), np.array([1.0, -1.0])]
    return rnn(Call([Masked(np.array([[[1.0], [2.0]]]))], weights))[0].values[0]


def test_two_linear_units_over_two_steps_by_hand() -> None:
    # x = 1: [1 + 1, 2 - 1] = [2, 1]; x = 2: [2 + 1, 4 - 1] + [2 * 0 + 1 * 3, 2 * 1 + 1 * 0] = [6, 5]
    assert two_units("linear").tolist() == [[2.0, 1.0], [6.0, 5.0]]


def test_two_units_over_two_steps_by_hand() -> None:
    # the same with tanh around it: the first h is [tanh 2, tanh 1]
    expected = [[tanh(2), tanh(1)], [tanh(3 + 3 * tanh(1)), tanh(3 + tanh(2))]]
    np.testing.assert_allclose(two_units("tanh"), expected, rtol=1e-14)


@pytest.fixture(scope="module")
def seen(keras: Any) -> Seen:
    """A Keras SimpleRNN, its input, and what it gives."""
    layer = with_random_weights(keras.layers.SimpleRNN(M, return_sequences=True, dtype="float64"), (N, T, D), seed=1)
    x = draw(np.random.default_rng(2), N, T, D)
    expected = in_keras(keras, layer, x)
    assert_same(in_replay(layer, x), expected)
    return layer, x, expected


def test_a_transposed_recurrent_kernel_differs(seen: Seen) -> None:
    layer, x, expected = seen
    kernel, recurrent_kernel, bias = layer.get_weights()
    assert distance(in_replay(layer, x, weights=[kernel, recurrent_kernel.T, bias]), expected) > CLEAR


@pytest.mark.parametrize("index", [0, 1, 2], ids=["kernel", "recurrent_kernel", "bias"])
def test_a_lost_weight_differs(seen: Seen, index: int) -> None:
    layer, x, expected = seen
    wrong = layer.get_weights()
    wrong[index] = np.zeros_like(wrong[index])
    assert distance(in_replay(layer, x, weights=wrong), expected) > CLEAR


@pytest.mark.parametrize("config", [{"activation": "sigmoid"}, {"go_backwards": True}], ids=str)
def test_another_option_differs(seen: Seen, config: dict[str, Any]) -> None:
    layer, x, expected = seen
    assert distance(in_replay(layer, x, config=config), expected) > CLEAR


def test_features_in_another_order_differ(seen: Seen) -> None:
    layer, x, expected = seen
    assert distance(in_replay(layer, x[..., ::-1]), expected) > CLEAR
