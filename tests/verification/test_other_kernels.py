"""Layers that put out what other kernels make than the cell that is watched, as on PyTorch and with cuDNN."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.observation import Observation, Ref
from tests.layers.against_keras import draw

N, T, D, M = 2, 400, 3, 5
UNIT = 2.0**-24


def remembering(keras: Any) -> Any:
    """A layer that forgets little, so that errors of all steps add up in it."""
    layer = keras.layers.LSTM(M, return_sequences=True, name="lstm")
    layer.build((N, T, D))
    rng = np.random.default_rng(5)
    kernel, recurrent, bias = (draw(rng, *w.shape) for w in layer.get_weights())
    bias[M : 2 * M] = 7.0  # of the forget gate
    layer.set_weights([0.3 * kernel, 0.1 * recurrent, bias])
    return layer


def by_another(weights: Any, x: Any, error: float) -> Any:
    """What a kernel makes whose every c is off by so much, always to the same side."""
    kernel, recurrent, bias = (w.astype(np.float64) for w in weights)
    h = c = np.zeros((N, M))
    made = []
    for t in range(T):
        i, f, new, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=-1)
        c = (c / (1 + np.exp(-f)) + np.tanh(new) / (1 + np.exp(-i))) * (1 + error)
        h = np.tanh(c) / (1 + np.exp(-o))
        made.append(h)
    return np.stack(made, axis=1).astype(np.float32)


def putting_out(observed: Observation, array: Any) -> Observation:
    return replace(observed, predictions=(array,), emitted={**observed.emitted, Ref("lstm"): array})


@pytest.mark.parametrize(("error", "verdict"), [(0.0, "match"), (4 * UNIT, "match"), (64 * UNIT, "mismatch")])
def test_roundings_that_all_have_a_direction_are_no_fault(keras: Any, error: float, verdict: str) -> None:
    layer = remembering(keras)
    x = draw(np.random.default_rng(6), N, T, D).astype(np.float32)
    observed = rnnverify.observe(layer, x)
    other = by_another(layer.get_weights(), x, error)
    assert not np.array_equal(other, observed.predictions[0])
    found = rnnverify.verify(putting_out(observed, other))
    assert found.verdict == verdict, str(found)
