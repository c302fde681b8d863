from __future__ import annotations

from math import exp, tanh
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.lstm import LSTM
from tests.layers import against_keras
from tests.layers.against_keras import (
    CLEAR,
    OPTIONS,
    RecurrentCase,
    called,
    check_recurrent,
    draw,
    recurrent_cases,
    see,
)

N, T, D, M = 4, 5, 3, 2


@settings(max_examples=40)
@given(case=recurrent_cases, unit_forget_bias=st.booleans(), unroll=st.booleans())
def test_lstm_is_what_keras_computes(keras: Any, case: RecurrentCase, unit_forget_bias: bool, unroll: bool) -> None:
    check_recurrent(keras, "LSTM", case, unit_forget_bias=unit_forget_bias, unroll=unroll and case.unrolls_the_same)


@against_keras.softmax_of_one_unit_is_meant
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
    functions = {
        "activation": ACTIVATIONS[activation],
        "recurrent_activation": ACTIVATIONS[recurrent_activation],
    }
    lstm = LSTM(units=1, **functions, **{**OPTIONS, "return_state": True})
    kernel, recurrent_kernel = [[1.0, 0.5, -1.0, 2.0]], [[0.5, -0.5, 1.0, 0.25]]  # of the gates i, f, candidate, o
    _, h, c = called(lstm, [[[step] for step in x]], [kernel, recurrent_kernel, [0.1, 0.2, 0.3, 0.4]])
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


def test_h_and_c_exchanged_in_the_initial_state_differ(keras: Any) -> None:
    rng = np.random.default_rng(3)
    h, c = draw(rng, N, M), draw(rng, N, M)
    layer = keras.layers.LSTM(M, return_sequences=True, return_state=True, dtype="float64")
    assert see(layer, (N, T, D), initial_state=[h, c]).error(initial_state=[c, h]) > CLEAR


def test_the_outputs_are_named_h_and_c_in_keras_order(keras: Any) -> None:
    seen = see(keras.layers.LSTM(M, return_sequences=True, return_state=True, dtype="float64"), (N, T, D))
    (sequence, h, c), (_, ours_h, ours_c) = seen.expected, seen.replayed()
    assert LSTM.state_names == ("h", "c")
    np.testing.assert_allclose(ours_h.values, sequence[:, -1])  # h is the last output, c is not
    np.testing.assert_allclose(ours_h.values, h)
    np.testing.assert_allclose(ours_c.values, c)
    assert np.max(np.abs(c - h)) > CLEAR
