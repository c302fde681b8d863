"""What a layer returns beside what was seen of its steps: a state that is returned is one that was stepped to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnnverify import verify
from rnnverify.layers.arrays import Array
from rnnverify.verification import systematic

N, T, D, M = 4, 9, 3, 7
UNIT = 2

# What Keras's loop gives as the states after the last step, from (the outputs, the states).
FAULTS: dict[str, Callable[[Any, list[Any]], list[Any]]] = {
    "h is zero": lambda outputs, states: [states[0] * 0, *states[1:]],
    "h is that of the step before": lambda outputs, states: [outputs[:, -2], *states[1:]],
    "h is a little larger": lambda outputs, states: [states[0] * (1 + 1e-4), *states[1:]],
    "one unit of h is off": lambda outputs, states: [
        states[0] + 1e-3 * (np.arange(M) == UNIT).astype(np.float32),
        *states[1:],
    ],
    "the last state is that of h": lambda outputs, states: [*states[:-1], states[0] * 0.5],
    "h is that of another sample": lambda outputs, states: [states[0][::-1], *states[1:]],
}

LAYERS: dict[str, Callable[[Any], Any]] = {
    "SimpleRNN": lambda L: L.SimpleRNN(M, return_sequences=True, return_state=True),
    "LSTM": lambda L: L.LSTM(M, return_sequences=True, return_state=True),
    "GRU": lambda L: L.GRU(M, return_sequences=True, return_state=True, reset_after=False),
    "Bidirectional": lambda L: L.Bidirectional(L.GRU(M, return_sequences=True, return_state=True), merge_mode="sum"),
    "backwards": lambda L: L.LSTM(M, return_sequences=True, return_state=True, go_backwards=True),
    "unrolled": lambda L: L.GRU(M, return_sequences=True, return_state=True, unroll=True),
}


@pytest.fixture
def x() -> Array:
    return np.random.default_rng(20261125).standard_normal((N, T, D)).astype(np.float32)


def with_random_weights(model: Any) -> Any:
    rng = np.random.default_rng(7)
    for weight in model.weights:
        weight.assign(0.4 * rng.standard_normal(weight.shape))
    return model


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_state_is_seen_at_the_layer_that_returns_it(
    keras: Any, monkeypatch: pytest.MonkeyPatch, x: Array, name: str, fault: str
) -> None:
    from keras.src import backend

    right = backend.rnn

    def wrong(*args: Any, **options: Any) -> Any:
        last, outputs, states = right(*args, **options)
        return last, outputs, FAULTS[fault](outputs, states) if len(outputs.shape) == 3 else states

    given = keras.Input((T, D))
    made = LAYERS[name](keras.layers)
    made.name = "faulty"
    monkeypatch.setattr(backend, "rnn", wrong)
    model = with_random_weights(keras.Model(given, made(given)))
    first = verify(model, x).first_divergence
    assert first is not None
    assert first.layer == "faulty"
    if fault == "one unit of h is off":
        assert first.unit == UNIT


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_a_right_state_is_that_of_the_last_step_that_was_not_masked(
    keras: Any, x: Array, name: str, masked: bool
) -> None:
    given = keras.Input((T, D))
    x[1, 5:] = x[2, :3] = 0
    model = keras.Model(given, LAYERS[name](keras.layers)(keras.layers.Masking()(given) if masked else given))
    result = verify(with_random_weights(model), x)
    assert result.passed, result.first_divergence


@pytest.mark.parametrize("T", [3000])
@pytest.mark.parametrize(
    ("forget", "factor"),
    # A gate that is open at 20 is 1, and takes no other value.
    [(8, 1.0), (8, 1 + 3e-7), (8, 1 - 3e-7), (8, 1 - 5e-7), (12, 1 + 5e-7), (20, 1.0), (20, 1 - 3e-7), (20, 1 + 5e-7)],
)
def test_a_fault_that_is_small_in_every_step_of_c_is_seen(
    keras: Any, monkeypatch: pytest.MonkeyPatch, T: int, forget: float, factor: float
) -> None:
    layer = keras.layers.LSTM(M, name="faulty")
    right = type(layer.cell).call

    def call(self: Any, *args: Any, **options: Any) -> Any:
        h, (_, c) = right(self, *args, **options)
        return h, [h, c * factor if factor != 1 else c]

    monkeypatch.setattr(type(layer.cell), "call", call)
    given = keras.Input((T, D))
    model = with_random_weights(keras.Model(given, keras.layers.Dense(2)(layer(given))))
    kernel, recurrent_kernel, bias = layer.get_weights()
    bias[M : 2 * M] = forget
    layer.set_weights([kernel, recurrent_kernel, bias])
    result = verify(model, np.random.default_rng(3).standard_normal((2, T, D)).astype(np.float32))
    first = result.first_divergence
    assert any("all err to the same side" in note for note in result.notes) == (factor != 1)
    assert (first is None) == (factor == 1)
    assert first is None or first.layer == "faulty"


@pytest.mark.parametrize("factor", [1.0, 1 + 5e-7, 1 - 5e-7])
def test_it_is_seen_of_a_gru_too_whose_update_gate_is_open(
    keras: Any, monkeypatch: pytest.MonkeyPatch, factor: float
) -> None:
    """The gate could be off by as much in a step by itself, but takes h up and down by turns."""
    layer = keras.layers.GRU(M, name="faulty")
    right = type(layer.cell).call

    def call(self: Any, *args: Any, **options: Any) -> Any:
        h, _ = right(self, *args, **options)
        h = h * factor if factor != 1 else h
        return h, [h]

    monkeypatch.setattr(type(layer.cell), "call", call)
    given = keras.Input((3000, D))
    keras.utils.set_random_seed(3)
    model = keras.Model(given, keras.layers.Dense(2)(layer(given)))
    kernel, recurrent_kernel, bias = layer.get_weights()
    bias[0, :M] = 8
    layer.set_weights([kernel, recurrent_kernel, bias])
    first = verify(model, np.random.default_rng(1).standard_normal((1, 3000, D)).astype(np.float32)).first_divergence
    assert (first is None) == (factor == 1)
    assert first is None or first.layer == "faulty"


def test_a_second_look_at_the_steps_of_a_convolution(keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systematic, "LOOKED_AT_AGAIN", 0.0)
    layer = keras.layers.ConvLSTM2D(3, 2, return_sequences=True)
    model = with_random_weights(keras.Sequential([keras.Input((40, 5, 4, 2)), layer]))
    assert verify(model, np.random.default_rng(3).standard_normal((2, 40, 5, 4, 2)).astype(np.float32)).passed
