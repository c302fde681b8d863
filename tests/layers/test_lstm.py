from __future__ import annotations

from itertools import permutations
from math import exp, tanh
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.layer import Call, Masked
from rnnverify.layers.lstm import LSTM
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
OTHER_GATE_ORDERS = [order for order in permutations(range(4)) if order != (0, 1, 2, 3)]
GATES = "ifco"


@settings(max_examples=40)
@given(case=recurrent_cases, unit_forget_bias=st.booleans(), unroll=st.booleans())
def test_lstm_is_what_keras_computes(keras: Any, case: RecurrentCase, unit_forget_bias: bool, unroll: bool) -> None:
    check_recurrent(keras, "LSTM", case, unit_forget_bias=unit_forget_bias, unroll=unroll and case.unrolls_the_same)


@settings(max_examples=10)
@given(case=recurrent_cases)
def test_lstm_in_float32_is_what_keras_computes(keras: Any, case: RecurrentCase) -> None:
    check_recurrent(keras, "LSTM", case, dtype="float32")


@softmax_of_one_unit_is_meant
@settings(max_examples=5)
@pytest.mark.parametrize(
    ("activation", "recurrent_activation"),
    [
        ("relu", "hard_sigmoid"),
        ("softmax", "sigmoid"),
        ("softsign", "softmax"),
        ("elu", "sparse_sigmoid"),
        (None, "sigmoid"),
    ],
)
@given(case=recurrent_cases)
def test_lstm_with_other_activations(
    keras: Any, case: RecurrentCase, activation: str | None, recurrent_activation: str | None
) -> None:
    check_recurrent(keras, "LSTM", case, activation=activation, recurrent_activation=recurrent_activation)


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def one_unit(x: list[float], activation: str, recurrent_activation: str) -> list[float]:
    """h and c of one LSTM unit with one feature, after its last step."""
    lstm = LSTM(
        units=1,
        activation=ACTIVATIONS[activation],
        recurrent_activation=ACTIVATIONS[recurrent_activation],
        use_bias=True,
        return_sequences=False,
        return_state=True,
        go_backwards=False,
        zero_output_for_mask=False,
        unroll=False,
    )
    kernel = np.array([[1.0, 0.5, -1.0, 2.0]])  # of the gates i, f, candidate, o
    recurrent_kernel = np.array([[0.5, -0.5, 1.0, 0.25]])
    bias = np.array([0.1, 0.2, 0.3, 0.4])
    _, h, c = lstm(Call([Masked(np.array(x).reshape(1, -1, 1))], [kernel, recurrent_kernel, bias]))
    return [h.values.item(), c.values.item()]


def test_one_unit_over_two_steps_by_hand() -> None:
    # x = 1 and h = c = 0: i = s(1 + 0.1), f is of no use yet, candidate = tanh(-1 + 0.3), o = s(2 + 0.4)
    c1 = sigmoid(1.1) * tanh(-0.7)
    h1 = sigmoid(2.4) * tanh(c1)
    # x = -2: i = s(-2 + h/2 + 0.1), f = s(-1 - h/2 + 0.2), candidate = tanh(2 + h + 0.3), o = s(-4 + h/4 + 0.4)
    c2 = sigmoid(-0.8 - 0.5 * h1) * c1 + sigmoid(-1.9 + 0.5 * h1) * tanh(2.3 + h1)
    h2 = sigmoid(-3.6 + 0.25 * h1) * tanh(c2)
    assert one_unit([1.0], "tanh", "sigmoid") == pytest.approx([h1, c1], abs=1e-14)
    assert one_unit([1.0, -2.0], "tanh", "sigmoid") == pytest.approx([h2, c2], abs=1e-14)


def test_one_linear_unit_over_two_steps_by_hand() -> None:
    # x = 1: i = 1.1, candidate = -0.7, o = 2.4; c = 1.1 * -0.7 = -0.77, h = 2.4 * -0.77 = -1.848
    # x = 0: i = -0.924 + 0.1 = -0.824, f = 0.924 + 0.2 = 1.124, candidate = -1.848 + 0.3 = -1.548,
    #        o = -0.462 + 0.4 = -0.062; c = 1.124 * -0.77 + -0.824 * -1.548 = -0.86548 + 1.275552 = 0.410072,
    #        h = -0.062 * 0.410072 = -0.025424464
    assert one_unit([1.0], "linear", "linear") == pytest.approx([-1.848, -0.77], abs=1e-14)
    assert one_unit([1.0, 0.0], "linear", "linear") == pytest.approx([-0.025424464, 0.410072], abs=1e-14)


@pytest.fixture(scope="module")
def seen(keras: Any) -> tuple[Any, Array, list[Array]]:
    """A Keras LSTM, its input, and what it gives."""
    layer = with_random_weights(
        keras.layers.LSTM(M, return_sequences=True, return_state=True, dtype="float64"), (N, T, D), seed=1
    )
    x = draw(np.random.default_rng(2), N, T, D)
    expected = in_keras(keras, layer, x)
    assert_same(in_replay(layer, x), expected)
    return layer, x, expected


def reordered(weight: Array, order: tuple[int, ...]) -> Array:
    blocks = np.split(weight, 4, axis=-1)
    return np.concatenate([blocks[gate] for gate in order], axis=-1)


@pytest.mark.parametrize("order", OTHER_GATE_ORDERS, ids=lambda order: "".join(GATES[gate] for gate in order))
def test_every_other_gate_order_differs(seen: tuple[Any, Array, list[Array]], order: tuple[int, ...]) -> None:
    layer, x, expected = seen
    wrong = [reordered(weight, order) for weight in layer.get_weights()]
    assert distance(in_replay(layer, x, weights=wrong), expected) > CLEAR


@pytest.mark.parametrize("order", OTHER_GATE_ORDERS, ids=lambda order: "".join(GATES[gate] for gate in order))
@pytest.mark.parametrize("index", [0, 1, 2], ids=["kernel", "recurrent_kernel", "bias"])
def test_one_weight_in_another_gate_order_differs(
    seen: tuple[Any, Array, list[Array]], order: tuple[int, ...], index: int
) -> None:
    layer, x, expected = seen
    wrong = layer.get_weights()
    wrong[index] = reordered(wrong[index], order)
    assert distance(in_replay(layer, x, weights=wrong), expected) > CLEAR


def test_a_recurrent_kernel_transposed_gate_by_gate_differs(seen: tuple[Any, Array, list[Array]]) -> None:
    layer, x, expected = seen
    kernel, recurrent_kernel, bias = layer.get_weights()
    transposed = np.concatenate([gate.T for gate in np.split(recurrent_kernel, 4, axis=-1)], axis=-1)
    assert distance(in_replay(layer, x, weights=[kernel, transposed, bias]), expected) > CLEAR


@pytest.mark.parametrize("index", [0, 1, 2], ids=["kernel", "recurrent_kernel", "bias"])
def test_a_lost_weight_differs(seen: tuple[Any, Array, list[Array]], index: int) -> None:
    layer, x, expected = seen
    wrong = layer.get_weights()
    wrong[index] = np.zeros_like(wrong[index])
    assert distance(in_replay(layer, x, weights=wrong), expected) > CLEAR


@pytest.mark.parametrize(
    "config", [{"activation": "sigmoid"}, {"recurrent_activation": "hard_sigmoid"}, {"go_backwards": True}], ids=str
)
def test_another_option_differs(seen: tuple[Any, Array, list[Array]], config: dict[str, Any]) -> None:
    layer, x, expected = seen
    assert distance(in_replay(layer, x, config=config), expected) > CLEAR


def test_h_and_c_exchanged_in_the_initial_state_differ(keras: Any, seen: tuple[Any, Array, list[Array]]) -> None:
    layer, x, _ = seen
    rng = np.random.default_rng(3)
    h, c = draw(rng, N, M), draw(rng, N, M)
    expected = in_keras(keras, layer, x, initial_state=[h, c])
    assert_same(in_replay(layer, x, initial_state=[h, c]), expected)
    assert distance(in_replay(layer, x, initial_state=[c, h]), expected) > CLEAR


def test_the_outputs_are_named_h_and_c_in_keras_order(seen: tuple[Any, Array, list[Array]]) -> None:
    layer, x, (sequence, h, c) = seen
    _, ours_h, ours_c = in_replay(layer, x)
    assert LSTM.state_names == ("h", "c")
    np.testing.assert_allclose(ours_h.values, sequence[:, -1])  # h is the last output, c is not
    np.testing.assert_allclose(ours_h.values, h)
    np.testing.assert_allclose(ours_c.values, c)
    assert np.max(np.abs(c - h)) > CLEAR
