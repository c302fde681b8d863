"""Right models of which Keras's own range ends on the way: infinity times zero is NaN, and stays it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnverify import observe, verify
from rnnverify.layers.arrays import Array

N, T, D, M = 4, 6, 4, 5


def built(keras: Any, kind: str, activation: str, recurrent: str | None, dtype: str, **options: Any) -> Any:
    given = keras.Input((T, D))
    options |= {} if recurrent is None else {"recurrent_activation": recurrent}
    layer = getattr(keras.layers, kind)(
        M, activation=activation, return_sequences=True, dtype=dtype, recurrent_initializer="zeros", **options
    )
    model, rng = keras.Model(given, layer(given)), np.random.default_rng(2)
    size = 1e271 if dtype == "float64" else 1  # Keras feeds arrays in float32
    model.set_weights([(size * rng.standard_normal(w.shape)).astype(w.dtype) for w in model.get_weights()])
    return model


def data(dtype: str, seed: int) -> Array:
    """As large as the precision holds, or nearly."""
    most = 6e4 if dtype == "float16" else 1e38
    x = np.clip(np.random.default_rng(seed).standard_normal((N, T, D)) * 0.7, -1, 1) * most
    x[0, 0], x[1, 1], x[2, 2] = 0, most, -most
    return x.astype("float32")


@pytest.mark.parametrize(
    ("kind", "activation", "recurrent", "dtype", "seed"),
    [
        ("LSTM", "hard_tanh", "relu", "float32", 1),
        ("LSTM", "sparse_sigmoid", "linear", "float32", 1),
        ("LSTM", "sigmoid", "relu", "float32", 1),
        ("LSTM", "hard_sigmoid", "elu", "float16", 1),
        ("LSTM", "relu6", "softplus", "float32", 2),
        ("LSTM", "sigmoid", "relu", "float64", 1),
        ("LSTM", "hard_tanh", "linear", "bfloat16", 1),
        ("LSTM", "tanh", "gelu", "float32", 1),
        ("LSTM", "sigmoid", "gelu", "bfloat16", 129),
        ("GRU", "gelu", "selu", "float32", 306),
        ("GRU", "sigmoid", "relu", "float16", 1),
        ("GRU", "hard_sigmoid", "leaky_relu", "float32", 1),
        ("GRU", "sparse_sigmoid", "linear", "float32", 1),
        ("SimpleRNN", "hard_tanh", None, "float32", 1),
    ],
)
def test_what_is_nan_in_keras_is_no_mismatch_behind_a_function_with_a_range(
    keras: Any, kind: str, activation: str, recurrent: str | None, dtype: str, seed: int
) -> None:
    model, x = built(keras, kind, activation, recurrent, dtype), data(dtype, seed)
    if recurrent is not None:
        assert not np.isfinite(model.predict(x, verbose=0)).all()
    result = verify(model, x)
    assert result.verdict != "mismatch", result.first_divergence


@pytest.mark.parametrize(
    ("kind", "activation", "recurrent"), [("LSTM", "sigmoid", "relu"), ("GRU", "hard_tanh", "elu")]
)
@pytest.mark.parametrize("wrong", [1.001, np.nan, np.inf])
def test_where_nothing_overflows_a_fault_is_seen(
    keras: Any, kind: str, activation: str, recurrent: str, wrong: float
) -> None:
    observed = observe(built(keras, kind, activation, recurrent, "float32"), data("float32", 1) / np.float32(1e38))
    for emitted in observed.emitted.values():
        emitted.flat[np.argmax(np.abs(emitted))] *= wrong
    assert verify(observed).verdict == "mismatch"


def test_among_samples_that_overflow_a_fault_in_one_that_does_not_is_seen(keras: Any) -> None:
    x = data("float32", 1)
    x[3] /= 1e38
    observed = observe(built(keras, "LSTM", "sigmoid", "relu", "float32"), x)
    assert not np.isfinite(observed.predictions[0]).all()
    assert verify(observed).verdict != "mismatch"
    for emitted in observed.emitted.values():
        emitted[3].flat[np.argmax(np.abs(emitted[3]))] *= np.float32(1.001)
    found = verify(observed).first_divergence
    assert found is not None
    assert found.sample == 3
