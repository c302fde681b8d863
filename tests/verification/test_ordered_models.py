"""Right models whose sums run through terms in an order: none is a mismatch, and a fault in them is one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnverify import observe, verify
from rnnverify.layers.arrays import Array
from tests.rounding.test_orders import KERNELS

N, T, D, M = 6, 4, 512, 16


def build(keras: Any, name: str) -> tuple[Any, Any]:
    L = keras.layers
    if name == "softmax":
        given, layer = keras.Input((D,)), L.Dense(M, activation="softmax")
    elif name == "TimeDistributed":
        given, layer = keras.Input((T, D)), L.TimeDistributed(L.Dense(M))
    else:
        given, layer = keras.Input((D,) if name == "Dense" else (T, D)), getattr(L, name)(M)
    return keras.Model(given, layer(given)), layer


def ordered(shape: tuple[int, ...], kernel: str) -> Array:
    """Columns of one kernel, each of another size."""
    return KERNELS[kernel](shape[0])[:, np.newaxis] * np.linspace(0.5, 1, shape[1]) / np.sqrt(shape[0])


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", ["Dense", "softmax", "TimeDistributed", "SimpleRNN", "LSTM", "GRU"])
def test_a_right_model_with_ordered_weights_is_no_mismatch(keras: Any, name: str, kernel: str) -> None:
    model, layer = build(keras, name)
    weights = layer.get_weights()
    layer.set_weights([ordered(weights[0].shape, kernel), *weights[1:]])
    rng = np.random.default_rng(5)
    x = (20 + rng.standard_normal((N, *model.inputs[0].shape[1:]))).astype(np.float32)
    result = verify(model, x)
    assert result.verdict != "mismatch", result.first_divergence
    assert result.layers[-1].worst_ratio <= 1


@pytest.mark.parametrize("name", ["Dense", "LSTM"])
def test_a_fault_among_ordered_weights_is_seen(keras: Any, name: str) -> None:
    model, layer = build(keras, name)
    weights = layer.get_weights()
    right = [ordered(weights[0].shape, "cosine"), *weights[1:]]
    layer.set_weights(right)
    x = (20 + np.random.default_rng(5).standard_normal((N, *model.inputs[0].shape[1:]))).astype(np.float32)
    observed = observe(model, x)
    (node,) = observed.nodes
    for weight in node.weights.values():
        if weight.shape[0] == D:
            weight[7, 3] += 1e-3
    assert verify(observed).verdict == "mismatch"
