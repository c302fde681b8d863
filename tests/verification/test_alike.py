"""Right layers that contract numbers which they computed alike are no mismatches, and a fault in them is one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnverify import observe, verify
from rnnverify.layers.arrays import Array
from rnnverify.observation import Observation

N = 2
KERNELS = {
    "a third": lambda n, m: np.full((n, m), 1 / 3),
    "a tenth": lambda n, m: np.full((n, m), 0.1),
    "geometric": lambda n, m: np.tile((0.9 ** np.arange(n))[:, np.newaxis], (1, m)),
    "triangular": lambda n, m: np.tril(np.ones((n, m))) * 0.1,
    "sine": lambda n, m: np.tile(np.sin(2 * np.pi * np.arange(n) / n)[:, np.newaxis], (1, m)),
    "positive": lambda n, m: np.abs(np.random.default_rng(3).standard_normal((n, m))) / np.sqrt(n),
    "normal": lambda n, m: np.random.default_rng(3).standard_normal((n, m)) / np.sqrt(n),
}


def attention(keras: Any, kernel: str, heads: int, dim: int, steps: int, features: int, bias: float = 0.0) -> Any:
    given = keras.Input((steps, features))
    model = keras.Model(given, keras.layers.MultiHeadAttention(heads, dim)(given, given))
    rng = np.random.default_rng(7)
    drawn = [
        KERNELS[kernel](w.size // w.shape[-1], w.shape[-1]).reshape(w.shape)
        if w.ndim > 2
        else bias * rng.standard_normal(w.shape)
        for w in model.get_weights()
    ]
    model.set_weights(drawn)
    return model


def fed(kind: str, steps: int, features: int) -> Array:
    x = np.random.default_rng(4).standard_normal((N, steps, features))
    made = {"normal": x, "sorted": np.sort(x, axis=-1), "one number": np.full_like(x, 0.1)}[kind]
    return made.astype(np.float32)


@pytest.mark.parametrize("bias", [0.0, 0.5])
@pytest.mark.parametrize(("heads", "dim", "steps", "features"), [(1, 32, 40, 32), (2, 16, 40, 32), (8, 8, 20, 64)])
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_right_attention_is_no_mismatch_whatever_its_kernels_are(
    keras: Any, kernel: str, heads: int, dim: int, steps: int, features: int, bias: float
) -> None:
    model = attention(keras, kernel, heads, dim, steps, features, bias)
    for kind in ("normal", "sorted", "one number"):
        result = verify(observe(model, fed(kind, steps, features)))
        assert result.verdict != "mismatch", (kind, result.first_divergence)


def one_off(observed: Observation) -> None:
    for emitted in (*observed.emitted.values(), *observed.predictions):
        emitted[1, 3, 5] += 1e-3 * np.abs(emitted).max()


def rescaled(observed: Observation) -> None:
    observed.nodes[0].weights["query_kernel"][...] *= np.float32(1.01)
    observed.nodes[0].weights["query_bias"][...] *= np.float32(1.01)


def swapped(observed: Observation) -> None:
    kernel = observed.nodes[0].weights["value_kernel"]
    kernel[...] = kernel[:, ::-1].copy()


@pytest.mark.parametrize("fault", [one_off, rescaled, swapped])
@pytest.mark.parametrize("kernel", ["normal", "positive"])
def test_a_fault_in_an_attention_is_seen(keras: Any, kernel: str, fault: Any) -> None:
    observed = observe(attention(keras, kernel, 2, 16, 40, 32, 0.5), fed("normal", 40, 32))
    assert verify(observed).verdict == "match"
    fault(observed)
    assert verify(observed).verdict == "mismatch"


def test_a_fault_is_seen_where_all_errors_are_alike(keras: Any) -> None:
    observed = observe(attention(keras, "a third", 2, 16, 40, 32, 0.5), fed("normal", 40, 32))
    one_off(observed)
    assert verify(observed).verdict == "mismatch"


def test_a_right_additive_attention_over_equal_features_is_no_mismatch(keras: Any) -> None:
    query, value = keras.Input((6, 512)), keras.Input((5, 512))
    model = keras.Model([query, value], keras.layers.AdditiveAttention(use_scale=False)([query, value]))
    rng = np.random.default_rng(1)
    x = [np.repeat(rng.standard_normal((8, steps, 1)), 512, axis=-1).astype(np.float32) for steps in (6, 5)]
    result = verify(observe(model, x))
    assert result.verdict != "mismatch", result.first_divergence


@pytest.mark.parametrize("kernel", ["a third", "geometric", "sine"])
def test_a_right_gru_that_resets_before_the_product_is_no_mismatch(keras: Any, kernel: str) -> None:
    given = keras.Input((12, 16))
    model = keras.Model(given, keras.layers.GRU(128, reset_after=False, return_sequences=True)(given))
    drawn = [0.3 * KERNELS[kernel](*w.shape) if w.ndim > 1 else np.full(w.shape, 0.1) for w in model.get_weights()]
    model.set_weights(drawn)
    result = verify(observe(model, fed("normal", 12, 16)))
    assert result.verdict != "mismatch", result.first_divergence
