"""Outputs of another run than the one that was observed, held against how far rounding alone takes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rnnverify import observe, verify
from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.observation import Observation, Ref
from rnnverify.spec import spec_from_mapping
from rnnverify.verification.end_to_end import expected_end_to_end
from rnnverify.verification.verdict import judge

N, T, D, M = 3, 40, 2, 16


def model_of(keras: Any, name: str, scale: float = 1.0, timesteps: int = T, units: int = M) -> Any:
    given = keras.Input((timesteps, D))
    outputs = getattr(keras.layers, name)(units, return_sequences=True, return_state=True, name="rnn")(given)
    model = keras.Model(given, [keras.layers.Dense(3, name="head")(outputs[0]), *outputs[1:]])
    rng = np.random.default_rng(7)
    for weight in model.weights:
        weight.assign(scale * rng.standard_normal(weight.shape) / np.sqrt(weight.shape[0]))
    return model


def data(timesteps: int = T) -> Array:
    return np.random.default_rng(3).standard_normal((N, timesteps, D)).astype(np.float32)


@pytest.mark.parametrize("way", [{"jit_compile": True}, {"run_eagerly": True}])
@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_a_model_that_runs_otherwise_than_it_was_observed_is_right_all_the_same(
    keras: Any, name: str, way: dict[str, bool]
) -> None:
    model = model_of(keras, name)
    model.compile("adam", "mse", **way)
    result = verify(model, data())
    assert result.passed, result.first_divergence
    for row in result.outputs:
        assert row.max_abs_error < 12 * row.expected_error


def test_where_the_recurrence_amplifies_rounding_beyond_the_values_nothing_was_tested(keras: Any) -> None:
    model = model_of(keras, "SimpleRNN", scale=4.0, timesteps=200, units=64)
    model.compile("adam", "mse", jit_compile=True)
    result = verify(model, data(200))
    assert result.verdict == "untested"
    assert "rnn.h" in result.untested
    assert result.first_divergence is None


def with_prediction(observed: Observation, change: Callable[[Array], Array]) -> Observation:
    """As if the model had returned something else than was seen inside of it."""
    first, *others = observed.predictions
    return replace(observed, predictions=(change(first.copy()), *others))


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_a_model_that_returns_something_else_is_no_match(keras: Any, name: str) -> None:
    observed = observe(model_of(keras, name), data())

    def off(y: Array) -> Array:
        y[1, 5, 2] += 1e-4
        return y

    result = verify(with_prediction(observed, off))
    first = result.first_divergence
    assert result.verdict == "mismatch"
    assert first is not None
    assert (first.layer, first.timestep, first.sample, first.unit, first.gate) == ("head", 5, 1, 2, None)
    assert [row.passed for row in result.outputs[:3]] == [True, True, False]
    assert "judged end to end" in result.notes[0]
    assert verify(with_prediction(observed, lambda y: y * np.float32(1 + 1e-7))).passed


def test_where_every_step_is_right_an_error_end_to_end_is_none(keras: Any) -> None:
    result = verify(observe(model_of(keras, "SimpleRNN", scale=4.0, timesteps=200, units=64), data(200)))
    assert result.passed
    assert result.outputs[0].max_abs_error > 0.1


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU", "Bidirectional"])
def test_errors_end_to_end_are_about_their_deviations(name: str, scale: float) -> None:
    """Keras's own, which are those of real arithmetic."""
    layer = {"Bidirectional": {"layer": {"GRU": {"units": M}}}} if name == "Bidirectional" else {name: {"units": M}}
    keys = {"N": 64, "T": 30, "D": D, "weights": {"scale": scale}}
    observed = observe(spec_from_mapping({**keys, "layers": [layer, {"Dense": {"units": 5}}]}))
    graph = Graph(observed.nodes)
    expected: Any = expected_end_to_end(observed, graph).tensors[Ref("dense")].values
    errors = (observed.predictions[0] - expected.value) / np.sqrt(expected.variance)
    assert 0.2 < np.sqrt(np.mean(errors**2)) < 1.5
    assert np.abs(errors).max() < 8
    np.testing.assert_allclose(expected.value, graph.run(observed.inputs)[Ref("dense")].values, atol=1e-12)


def test_a_layer_that_rounds_what_it_is_handed_is_off_by_that(keras: Any) -> None:
    given = keras.Input((D,))
    hidden = keras.layers.Dense(400, activation="tanh")(given)
    model = keras.Model(given, keras.layers.Activation("linear", dtype="float16")(hidden))
    rng = np.random.default_rng(4)  # whatever Keras draws, an element may be too small for float16
    model.set_weights([rng.uniform(-0.5, 0.5, w.shape).astype(w.dtype) for w in model.get_weights()])
    observed = observe(model, np.random.default_rng(3).standard_normal((50, D)).astype(np.float32))
    judged = judge(with_prediction(observed, lambda y: y + np.float16(0)))
    assert judged.result.passed
    expected: Any = expected_end_to_end(observed, Graph(observed.nodes)).tensors[observed.outputs[0]].values
    deviation = np.sqrt(expected.variance) / np.abs(expected.value)
    assert 2.0**-12 < np.median(deviation) < 2.0**-10
