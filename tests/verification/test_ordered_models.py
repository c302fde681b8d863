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


DATA = {
    "one number": lambda rng, shape: np.full(shape, 0.1),
    "sorted": lambda rng, shape: np.sort(rng.normal(size=(shape[0], shape[1] * shape[2])), axis=1).reshape(shape),
    "sorted in time": lambda rng, shape: np.sort(rng.normal(size=shape), axis=1),
    "an offset": lambda rng, shape: 20 + rng.normal(size=shape),
}
SUMS = {
    "GlobalAveragePooling1D": lambda keras, x: keras.layers.GlobalAveragePooling1D()(x),
    "LayerNormalization over time": lambda keras, x: keras.layers.LayerNormalization(axis=1)(x),
    "LayerNormalization over both": lambda keras, x: keras.layers.LayerNormalization(axis=[1, 2])(x),
    "AveragePooling2D": lambda keras, x: keras.layers.AveragePooling2D((x.shape[1], x.shape[2]))(
        keras.layers.Reshape((x.shape[1], x.shape[2], 1))(x)
    ),
    "Mean": lambda keras, x: keras.ops.mean(x, axis=1),
    "Sum over both": lambda keras, x: keras.ops.sum(x, axis=[1, 2], keepdims=True),
    "Var": lambda keras, x: keras.ops.var(x, axis=1),
}


@pytest.mark.parametrize("shape", [(2, 3000, 2), (2, 200, 256)])
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("name", SUMS)
def test_a_right_sum_of_ordered_data_is_no_mismatch(keras: Any, name: str, data: str, shape: tuple[int, ...]) -> None:
    given = keras.Input(shape[1:])
    x = DATA[data](np.random.default_rng(5), shape).astype(np.float32)
    result = verify(keras.Model(given, SUMS[name](keras, given)), x)
    assert result.verdict != "mismatch", result.first_divergence


def test_a_fault_in_a_sum_of_ordered_data_is_seen(keras: Any) -> None:
    given = keras.Input((3000, 2))
    x = np.sort(np.random.default_rng(5).normal(size=(2, 3000, 2)), axis=1).astype(np.float32) + 1
    observed = observe(keras.Model(given, keras.layers.GlobalAveragePooling1D()(given)), x)
    (output,) = observed.emitted.values()
    assert verify(observed).verdict == "match"
    output[1, 1] *= 1 + 1e-3
    assert verify(observed).verdict == "mismatch"
