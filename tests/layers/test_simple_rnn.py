from __future__ import annotations

from math import tanh
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.simple_rnn import SimpleRNN
from tests.layers import against_keras
from tests.layers.against_keras import OPTIONS, Array, RecurrentCase, called, check_recurrent, recurrent_cases


@settings(max_examples=40)
@given(case=recurrent_cases, unroll=st.booleans())
def test_simple_rnn_is_what_keras_computes(keras: Any, case: RecurrentCase, unroll: bool) -> None:
    check_recurrent(keras, "SimpleRNN", case, unroll=unroll and case.unrolls_the_same)


@against_keras.softmax_of_one_unit_is_meant
@settings(max_examples=4)
@pytest.mark.parametrize("activation", ["relu", "softmax", "selu", "hard_sigmoid", "log_softmax", "mish", None])
@given(case=recurrent_cases)
def test_simple_rnn_with_other_activations(keras: Any, case: RecurrentCase, activation: str | None) -> None:
    check_recurrent(keras, "SimpleRNN", case, activation=activation)


def two_units(activation: str) -> Array:
    """Both outputs (T, M) of two units with one feature, for x = 1, 2."""
    rnn = SimpleRNN(units=2, activation=ACTIVATIONS[activation], **{**OPTIONS, "return_sequences": True})
    return called(rnn, [[[1.0], [2.0]]], [[[1.0, 2.0]], [[0.0, 1.0], [3.0, 0.0]], [1.0, -1.0]])[0].values[0]


def test_two_linear_units_over_two_steps_by_hand() -> None:
    # x = 1: [1 + 1, 2 - 1] = [2, 1]; x = 2: [2 + 1, 4 - 1] + [2 * 0 + 1 * 3, 2 * 1 + 1 * 0] = [6, 5]
    assert two_units("linear").tolist() == [[2.0, 1.0], [6.0, 5.0]]


def test_two_units_over_two_steps_by_hand() -> None:
    # the same with tanh around it: the first h is [tanh 2, tanh 1]
    expected = [[tanh(2), tanh(1)], [tanh(3 + 3 * tanh(1)), tanh(3 + tanh(2))]]
    np.testing.assert_allclose(two_units("tanh"), expected, rtol=1e-14)
