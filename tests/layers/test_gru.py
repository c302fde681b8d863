from __future__ import annotations

from math import exp, tanh
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.gru import GRU
from tests.layers import against_keras
from tests.layers.against_keras import CLEAR, OPTIONS, RecurrentCase, called, check_recurrent, recurrent_cases, see

N, T, D, M = 4, 5, 3, 2

both = pytest.mark.parametrize("reset_after", [True, False], ids=["reset after", "reset before"])


@both
@settings(max_examples=25)
@given(case=recurrent_cases, unroll=st.booleans())
def test_gru_is_what_keras_computes(keras: Any, case: RecurrentCase, reset_after: bool, unroll: bool) -> None:
    check_recurrent(keras, "GRU", case, reset_after=reset_after, unroll=unroll and case.unrolls_the_same)


@against_keras.softmax_of_one_unit_is_meant
@both
@settings(max_examples=4)
@pytest.mark.parametrize(
    ("activation", "recurrent_activation"),
    [("relu", "hard_sigmoid"), ("softmax", "sigmoid"), ("softsign", "softmax"), (None, "sigmoid")],
)
@given(case=recurrent_cases)
def test_gru_with_other_activations(
    keras: Any, case: RecurrentCase, reset_after: bool, activation: str | None, recurrent_activation: str | None
) -> None:
    options = {"activation": activation, "recurrent_activation": recurrent_activation}
    check_recurrent(keras, "GRU", case, reset_after=reset_after, **options)


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def one_unit(x: list[float], bias: list[Any], reset_after: bool) -> float:
    """h of one GRU unit with one feature, after its last step."""
    functions = {"activation": ACTIVATIONS["tanh"], "recurrent_activation": ACTIVATIONS["sigmoid"]}
    gru = GRU(units=1, reset_after=reset_after, **functions, **OPTIONS)
    kernel, recurrent_kernel = [[1.0, -1.0, 0.5]], [[0.5, 2.0, -1.5]]  # of z, r, candidate
    return called(gru, [[[step] for step in x]], [kernel, recurrent_kernel, bias])[0].values.item()


def test_one_unit_with_the_reset_after_by_hand() -> None:
    bias = [[0.1, 0.2, 0.3], [-0.4, 0.5, 0.6]]  # of the input's share, of the recurrent share
    # x = 2, h = 0: z = s(2 + 0.1 - 0.4), r = s(-2 + 0.2 + 0.5), candidate = tanh(1 + 0.3 + r * 0.6), h = (1 - z) cand.
    h1 = (1 - sigmoid(1.7)) * tanh(1.3 + sigmoid(-1.3) * 0.6)
    # x = -1: z = s(-1 + h/2 - 0.3), r = s(1 + 2h + 0.7), candidate = tanh(-0.5 + 0.3 + r * (-1.5 h + 0.6))
    z, r = sigmoid(-1.3 + 0.5 * h1), sigmoid(1.7 + 2 * h1)
    h2 = z * h1 + (1 - z) * tanh(-0.2 + r * (0.6 - 1.5 * h1))
    assert one_unit([2.0], bias, reset_after=True) == pytest.approx(h1, abs=1e-14)
    assert one_unit([2.0, -1.0], bias, reset_after=True) == pytest.approx(h2, abs=1e-14)


def test_one_unit_with_the_reset_before_by_hand() -> None:
    bias = [0.1, 0.2, 0.3]
    # x = 2, h = 0: z = s(2 + 0.1), candidate = tanh(1 + 0.3), h = (1 - z) candidate; there is nothing to reset yet
    h1 = (1 - sigmoid(2.1)) * tanh(1.3)
    # x = -1: z = s(-1 + h/2 + 0.1), r = s(1 + 2h + 0.2), candidate = tanh(-0.5 + 0.3 - 1.5 r h)
    z, r = sigmoid(-0.9 + 0.5 * h1), sigmoid(1.2 + 2 * h1)
    h2 = z * h1 + (1 - z) * tanh(-0.2 - 1.5 * r * h1)
    assert one_unit([2.0], bias, reset_after=False) == pytest.approx(h1, abs=1e-14)
    assert one_unit([2.0, -1.0], bias, reset_after=False) == pytest.approx(h2, abs=1e-14)


def test_exchanged_rows_of_the_bias_differ(keras: Any) -> None:
    # only in the candidate: there the recurrent bias is inside what the reset gate multiplies
    seen = see(keras.layers.GRU(M, return_sequences=True, dtype="float64"), (N, T, D))
    kernel, recurrent_kernel, bias = seen.layer.get_weights()
    assert seen.error(weights=[kernel, recurrent_kernel, bias[::-1]]) > CLEAR


def test_the_reset_before_instead_of_after_differs(keras: Any) -> None:
    # without biases both take the same weights, so that the place of the reset gate is all that differs
    seen = see(keras.layers.GRU(M, use_bias=False, dtype="float64"), (N, T, D))
    assert seen.error(config={"reset_after": False}) > CLEAR


def test_the_reset_before_reading_half_of_the_bias_differs(keras: Any) -> None:
    seen = see(keras.layers.GRU(M, return_sequences=True, dtype="float64"), (N, T, D))
    kernel, recurrent_kernel, bias = seen.layer.get_weights()
    assert seen.error(weights=[kernel, recurrent_kernel, bias[0]], config={"reset_after": False}) > CLEAR
