from __future__ import annotations

from itertools import permutations
from math import exp, tanh
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.gru import GRU
from rnnverify.layers.layer import Call, Masked
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
OTHER_GATE_ORDERS = [order for order in permutations(range(3)) if order != (0, 1, 2)]
GATES = "zrh"
Seen = tuple[Any, Array, list[Array]]

both = pytest.mark.parametrize("reset_after", [True, False], ids=["reset after", "reset before"])


@both
@settings(max_examples=25)
@given(case=recurrent_cases, unroll=st.booleans())
def test_gru_is_what_keras_computes(keras: Any, case: RecurrentCase, reset_after: bool, unroll: bool) -> None:
    check_recurrent(keras, "GRU", case, reset_after=reset_after, unroll=unroll and case.unrolls_the_same)


@both
@settings(max_examples=5)
@given(case=recurrent_cases)
def test_gru_in_float32_is_what_keras_computes(keras: Any, case: RecurrentCase, reset_after: bool) -> None:
    check_recurrent(keras, "GRU", case, reset_after=reset_after, dtype="float32")


@softmax_of_one_unit_is_meant
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
    gru = GRU(
        units=1,
        activation=ACTIVATIONS["tanh"],
        recurrent_activation=ACTIVATIONS["sigmoid"],
        use_bias=True,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        zero_output_for_mask=False,
        unroll=False,
        reset_after=reset_after,
    )
    kernel, recurrent_kernel = np.array([[1.0, -1.0, 0.5]]), np.array([[0.5, 2.0, -1.5]])  # of z, r, candidate
    weights = [kernel, recurrent_kernel, np.array(bias)]
    return gru(Call([Masked(np.array(x).reshape(1, -1, 1))], weights))[0].values.item()


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


def seen_gru(keras: Any, reset_after: bool) -> Seen:
    layer = with_random_weights(
        keras.layers.GRU(M, return_sequences=True, reset_after=reset_after, dtype="float64"), (N, T, D), seed=1
    )
    x = draw(np.random.default_rng(2), N, T, D)
    expected = in_keras(keras, layer, x)
    assert_same(in_replay(layer, x), expected)
    return layer, x, expected


@pytest.fixture(scope="module")
def seen(keras: Any) -> dict[bool, Seen]:
    """For each place of the reset gate: a Keras GRU, its input, and what it gives."""
    return {reset_after: seen_gru(keras, reset_after) for reset_after in (True, False)}


def reordered(weight: Array, order: tuple[int, ...]) -> Array:
    blocks = np.split(weight, 3, axis=-1)
    return np.concatenate([blocks[gate] for gate in order], axis=-1)


@both
@pytest.mark.parametrize("order", OTHER_GATE_ORDERS, ids=lambda order: "".join(GATES[gate] for gate in order))
def test_every_other_gate_order_differs(seen: dict[bool, Seen], reset_after: bool, order: tuple[int, ...]) -> None:
    layer, x, expected = seen[reset_after]
    wrong = [reordered(weight, order) for weight in layer.get_weights()]
    assert distance(in_replay(layer, x, weights=wrong), expected) > CLEAR


@both
def test_a_recurrent_kernel_transposed_gate_by_gate_differs(seen: dict[bool, Seen], reset_after: bool) -> None:
    layer, x, expected = seen[reset_after]
    kernel, recurrent_kernel, bias = layer.get_weights()
    transposed = np.concatenate([gate.T for gate in np.split(recurrent_kernel, 3, axis=-1)], axis=-1)
    assert distance(in_replay(layer, x, weights=[kernel, transposed, bias]), expected) > CLEAR


@both
@pytest.mark.parametrize("index", [0, 1, 2], ids=["kernel", "recurrent_kernel", "bias"])
def test_a_lost_weight_differs(seen: dict[bool, Seen], reset_after: bool, index: int) -> None:
    layer, x, expected = seen[reset_after]
    wrong = layer.get_weights()
    wrong[index] = np.zeros_like(wrong[index])
    assert distance(in_replay(layer, x, weights=wrong), expected) > CLEAR


def test_exchanged_rows_of_the_bias_differ(seen: dict[bool, Seen]) -> None:
    # only in the candidate: there the recurrent bias is inside what the reset gate multiplies
    layer, x, expected = seen[True]
    kernel, recurrent_kernel, bias = layer.get_weights()
    assert distance(in_replay(layer, x, weights=[kernel, recurrent_kernel, bias[::-1]]), expected) > CLEAR


def test_the_reset_before_instead_of_after_differs(keras: Any) -> None:
    # without biases both take the same weights, so that the place of the reset gate is all that differs
    layer = with_random_weights(keras.layers.GRU(M, use_bias=False, dtype="float64"), (N, T, D), seed=1)
    x = draw(np.random.default_rng(2), N, T, D)
    expected = in_keras(keras, layer, x)
    assert distance(in_replay(layer, x), expected) < CLEAR
    assert distance(in_replay(layer, x, config={"reset_after": False}), expected) > CLEAR


def test_the_reset_before_reading_half_of_the_bias_differs(seen: dict[bool, Seen]) -> None:
    layer, x, expected = seen[True]
    kernel, recurrent_kernel, bias = layer.get_weights()
    wrong = in_replay(layer, x, weights=[kernel, recurrent_kernel, bias[0]], config={"reset_after": False})
    assert distance(wrong, expected) > CLEAR


@both
@pytest.mark.parametrize(
    "config", [{"activation": "sigmoid"}, {"recurrent_activation": "hard_sigmoid"}, {"go_backwards": True}], ids=str
)
def test_another_option_differs(seen: dict[bool, Seen], reset_after: bool, config: dict[str, Any]) -> None:
    layer, x, expected = seen[reset_after]
    assert distance(in_replay(layer, x, config=config), expected) > CLEAR
