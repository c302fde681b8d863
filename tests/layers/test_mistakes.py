"""Mistakes that could be made in any recurrent layer: every one must be seen in every one of them."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from tests.layers.against_keras import CLEAR, Array, RecurrentCase, Seen, check_recurrent, draw, recurrent_cases, see

N, T, D, M = 4, 5, 3, 2

# A class, its gates in Keras's order, and the options that make it this variant.
VARIANTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "SimpleRNN": ("SimpleRNN", "h", {}),
    "LSTM": ("LSTM", "ifco", {"return_state": True}),
    "GRU, reset after": ("GRU", "zrh", {"reset_after": True}),
    "GRU, reset before": ("GRU", "zrh", {"reset_after": False}),
}
WEIGHTS = ("kernel", "recurrent_kernel", "bias")
ORDERS = [
    pytest.param(variant, order, id=f"{variant}: {''.join(gates[gate] for gate in order)}")
    for variant, (_, gates, _) in VARIANTS.items()
    for order in permutations(range(len(gates)))
    if order != tuple(range(len(gates)))
]

every_variant = pytest.mark.parametrize("variant", VARIANTS)
every_weight = pytest.mark.parametrize("index", range(3), ids=WEIGHTS)
every_other_order = pytest.mark.parametrize(("variant", "order"), ORDERS)


@pytest.fixture(scope="module")
def seen(keras: Any) -> dict[str, Seen]:
    return {
        variant: see(getattr(keras.layers, name)(M, return_sequences=True, dtype="float64", **options), (N, T, D))
        for variant, (name, _, options) in VARIANTS.items()
    }


def reordered(weight: Array, order: tuple[int, ...]) -> Array:
    blocks = np.split(weight, len(order), axis=-1)
    return np.concatenate([blocks[gate] for gate in order], axis=-1)


@every_variant
@settings(max_examples=10)
@given(case=recurrent_cases)
def test_in_float32_it_is_what_keras_computes(keras: Any, variant: str, case: RecurrentCase) -> None:
    name, _, options = VARIANTS[variant]
    check_recurrent(keras, name, case, dtype="float32", **{key: options[key] for key in options if "reset" in key})


@every_other_order
def test_every_other_gate_order_differs(seen: dict[str, Seen], variant: str, order: tuple[int, ...]) -> None:
    wrong = [reordered(weight, order) for weight in seen[variant].layer.get_weights()]
    assert seen[variant].error(weights=wrong) > CLEAR


@every_weight
@every_other_order
def test_one_weight_in_another_gate_order_differs(
    seen: dict[str, Seen], variant: str, order: tuple[int, ...], index: int
) -> None:
    wrong = seen[variant].layer.get_weights()
    wrong[index] = reordered(wrong[index], order)
    assert seen[variant].error(weights=wrong) > CLEAR


@every_variant
def test_a_recurrent_kernel_transposed_gate_by_gate_differs(seen: dict[str, Seen], variant: str) -> None:
    kernel, recurrent_kernel, bias = seen[variant].layer.get_weights()
    gates = np.split(recurrent_kernel, len(VARIANTS[variant][1]), axis=-1)
    transposed = np.concatenate([gate.T for gate in gates], axis=-1)
    assert seen[variant].error(weights=[kernel, transposed, bias]) > CLEAR


@every_weight
@every_variant
def test_a_lost_weight_differs(seen: dict[str, Seen], variant: str, index: int) -> None:
    wrong = seen[variant].layer.get_weights()
    wrong[index] = np.zeros_like(wrong[index])
    assert seen[variant].error(weights=wrong) > CLEAR


@pytest.mark.parametrize(
    "config", [{"activation": "sigmoid"}, {"recurrent_activation": "hard_sigmoid"}, {"go_backwards": True}], ids=str
)
@every_variant
def test_another_option_differs(seen: dict[str, Seen], variant: str, config: dict[str, Any]) -> None:
    if config.keys() <= seen[variant].layer.get_config().keys():
        assert seen[variant].error(config=config) > CLEAR
    else:
        assert variant == "SimpleRNN"  # which has no gate


@every_variant
def test_features_in_another_order_differ(seen: dict[str, Seen], variant: str) -> None:
    assert seen[variant].error(x=seen[variant].given["x"][..., ::-1]) > CLEAR


@every_variant
def test_a_forgotten_initial_state_differs(keras: Any, variant: str) -> None:
    name, _, options = VARIANTS[variant]
    rng = np.random.default_rng(2)
    states = [draw(rng, N, M) for _ in range(2 if name == "LSTM" else 1)]
    layer = getattr(keras.layers, name)(M, dtype="float64", **options)
    assert see(layer, (N, T, D), initial_state=states).error(initial_state=None) > CLEAR


@every_variant
@pytest.mark.parametrize("mask", [None, [[True] * (T - 1) + [False]] * N], ids=["no mask", "another mask"])
def test_another_mask_differs(keras: Any, variant: str, mask: Any) -> None:
    name, _, options = VARIANTS[variant]
    layer = getattr(keras.layers, name)(M, dtype="float64", **options)
    seen = see(layer, (N, T, D), mask=np.array([[False] + [True] * (T - 1)] * N))
    assert seen.error(mask=None if mask is None else np.array(mask)) > CLEAR
