"""Stateful models, called several times in a row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.errors import RequestError
from tests.layers.against_keras import draw

N, T, D, M = 4, 5, 3, 2

KINDS: dict[str, Callable[[Any], list[Any]]] = {
    "SimpleRNN": lambda L: [L.SimpleRNN(M, stateful=True)],
    "LSTM": lambda L: [L.LSTM(M, stateful=True, return_sequences=True), L.Dense(3)],
    "GRU, its states returned": lambda L: [L.GRU(M, stateful=True, return_state=True)],
    "LSTM, backwards": lambda L: [L.LSTM(M, stateful=True, go_backwards=True, return_sequences=True)],
    "Bidirectional": lambda L: [L.Bidirectional(L.LSTM(M, stateful=True, return_sequences=True)), L.GRU(3)],
    "cells": lambda L: [L.RNN([L.LSTMCell(M), L.GRUCell(3)], stateful=True, return_sequences=True)],
    "masked": lambda L: [L.Masking(), L.GRU(M, stateful=True, return_sequences=True), L.LSTM(3, stateful=True)],
}


def model_of(keras: Any, layers: list[Any], seed: int = 1) -> Any:
    inputs = y = keras.Input(batch_shape=(N, T, D), name="x")
    for layer in layers:
        y = layer(y)
    model = keras.Model(inputs, y)
    rng = np.random.default_rng(seed)
    model.set_weights([draw(rng, *w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def inputs(count: int) -> list[Any]:
    x = draw(np.random.default_rng(5), count, N, T, D).astype(np.float32)
    x[:, 0, 3:], x[:, 1, :2] = 0, 0  # masked where there is a Masking
    return list(x)


@pytest.mark.parametrize("kind", KINDS)
def test_calls_in_a_row_match(keras: Any, kind: str) -> None:
    result = rnnverify.verify(model_of(keras, KINDS[kind](keras.layers)), inputs(3))
    assert result.verdict == "match"
    names = [layer.layer for layer in result.layers]
    assert len(names) == 3 * len(KINDS[kind](keras.layers))
    assert {name.partition(":")[2] for name in names} == {"", "2", "3"}


def test_two_calls_are_one_call_on_both_sequences(keras: Any) -> None:
    one = model_of(keras, [keras.layers.LSTM(M, stateful=True)])
    whole = keras.layers.LSTM(M)
    first, second = inputs(2)
    both = np.concatenate([first, second], axis=1)
    whole.build(both.shape)
    whole.set_weights(one.get_weights())
    _, made = rnnverify.replay(one, [first, second])
    np.testing.assert_allclose(made, np.asarray(whole(both)), atol=1e-6)
    assert np.abs(rnnverify.replay(one, second) - made).max() > 1e-3


def test_a_call_that_starts_anew(keras: Any) -> None:
    model = model_of(keras, [keras.layers.GRU(M, stateful=True)])
    x = inputs(1)[0]
    observed = rnnverify.observe(model, [x, x, x], reset=[3])
    first, second, third = map(np.asarray, observed.predictions)
    np.testing.assert_array_equal(first, third)
    assert np.abs(first - second).max() > 1e-3
    assert rnnverify.verify(observed).verdict == "match"
    assert [len(node.initial_state) for node in observed.nodes] == [0, 1, 0]


def test_it_starts_from_the_states_that_the_model_has_and_leaves_them(keras: Any) -> None:
    model = model_of(keras, [keras.layers.LSTM(M, stateful=True)])
    first, second = inputs(2)
    model.predict(first, batch_size=N, verbose=0)
    before = [np.asarray(state) for state in model.layers[1].states]
    observed = rnnverify.observe(model, second)
    np.testing.assert_array_equal(before, [np.asarray(state) for state in model.layers[1].states])
    assert rnnverify.verify(observed).verdict == "match"
    np.testing.assert_array_equal(observed.predictions[0], model.predict(second, batch_size=N, verbose=0))
    model.layers[1].reset_state()
    model.predict(first, batch_size=N, verbose=0)
    assert sorted(observed.inputs) == ["lstm_before_0", "lstm_before_1", "x"] or len(observed.inputs) == 3
    np.testing.assert_allclose(rnnverify.replay(model, second), observed.predictions[0], atol=1e-6)


@pytest.mark.parametrize(
    "kept",
    [lambda state: state * 0, lambda state: state * (1 + 1e-4), lambda state: state[::-1]],
    ids=["lost", "off", "swapped"],
)
@pytest.mark.parametrize("kind", ["SimpleRNN", "Bidirectional"])
def test_states_that_are_not_kept_are_a_mismatch(
    keras: Any, monkeypatch: pytest.MonkeyPatch, kind: str, kept: Callable[[Any], Any]
) -> None:
    model = model_of(keras, KINDS[kind](keras.layers))
    for layer in (keras.layers.LSTM, keras.layers.SimpleRNN):
        monkeypatch.setattr(layer, "call", wrapped(layer.call, keras, kept))
    result = rnnverify.verify(model, inputs(2))
    assert result.verdict == "mismatch"
    assert result.first_divergence is not None
    assert result.first_divergence.layer.partition(":")[0] == result.layers[0].layer


def wrapped(right: Any, keras: Any, kept: Callable[[Any], Any]) -> Any:
    def call(self: Any, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = False) -> Any:
        made = right(self, sequences, initial_state=initial_state, mask=mask, training=training)
        for state in keras.tree.flatten(self.states) if self.stateful else ():
            state.assign(kept(state.value))
        return made

    return call


def test_a_port_that_loses_its_states_is_told_so(keras: Any) -> None:
    model = model_of(keras, [keras.layers.SimpleRNN(M, stateful=True, name="rnn")])

    def port(x: Any, weights: Any) -> Any:
        kernel, recurrent, bias = weights["rnn"]
        made = []
        for call in x:
            h = np.zeros((N, M))
            for t in range(T):
                h = np.tanh(call[:, t] @ kernel + h @ recurrent + bias)
            made.append(h)
        return made

    found = rnnverify.compare(model, port, inputs(2))
    assert not found.passed
    assert found.diagnosis.mistakes[0].id == "state-lost-between-calls"


def test_it_is_kept_in_a_saved_observation(keras: Any, tmp_path: Path) -> None:
    model = model_of(keras, KINDS["Bidirectional"](keras.layers))
    path = tmp_path / "seen.npz"
    rnnverify.save_observation(rnnverify.observe(model, inputs(2)), path)
    assert rnnverify.verify(rnnverify.load_observation(str(path))).verdict == "match"


def spec(**changes: Any) -> dict[str, Any]:
    layers = [{"GRU": {"units": M, "stateful": True, "return_sequences": True}}, {"Dense": {"units": 3}}]
    return {"N": N, "T": T, "D": D, "calls": 3, "layers": layers, **changes}


@pytest.mark.parametrize(("calls", "count"), [(None, 2), (1, 1), (3, 3), ({"count": 3, "reset": [2]}, 3)])
def test_a_spec_says_how_many(calls: Any, count: int) -> None:
    observed = rnnverify.observe(rnnverify.spec.loading.spec_from_mapping(spec(calls=calls)))
    assert len(observed.predictions) == count
    assert rnnverify.verify(observed).verdict == "match"
    if count > 1:
        assert np.abs(observed.inputs["input"] - observed.inputs["input:2"]).max() > 0.1
        assert bool(observed.nodes[2].initial_state) == (not isinstance(calls, dict))


def test_random_states_are_fed_to_layers_that_keep_none() -> None:
    layers = [{"GRU": {"units": M, "stateful": True, "return_sequences": True}}, {"LSTM": {"units": 3}}]
    observed = rnnverify.observe(rnnverify.spec.loading.spec_from_mapping(spec(initial_state="random", layers=layers)))
    assert {name for name in observed.inputs if "lstm" in name} == {
        *("lstm_h", "lstm_c", "lstm_h:2", "lstm_c:2", "lstm_h:3", "lstm_c:3")
    }
    assert not any("gru" in name for name in observed.inputs)
    assert rnnverify.verify(observed).verdict == "match"


def test_golden_vectors_hold_all_calls(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "N: 2\nT: 3\nD: 2\ncalls: 2\nlayers:\n  - SimpleRNN: {units: 2, stateful: true}\n  - Dense: {units: 1}\n"
    )
    made = rnnverify.vectors(str(tmp_path / "s.yaml"), str(tmp_path / "v"))
    assert made.keras.passed
    again = rnnverify.verify(str(tmp_path / "v" / "spec.yaml"))
    assert (again.verdict, len(again.layers)) == ("match", 4)


def test_one_part_of_a_file_after_the_other(tmp_path: Path) -> None:
    x = draw(np.random.default_rng(0), 2 * N, T, D).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    made = spec(calls=2, data={"file": str(tmp_path / "x.npy")})
    observed = rnnverify.observe(rnnverify.spec.loading.spec_from_mapping(made))
    np.testing.assert_array_equal(np.concatenate([observed.inputs["input"], observed.inputs["input:2"]]), x)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"calls": 0}, r"calls.count: expected a whole number from 1"),
        ({"calls": 101}, r"calls: expected at most 100 calls; got 101"),
        ({"calls": {"count": 2, "reset": [3]}}, r"calls.reset: expected numbers of calls, from 1 to 2; got 3"),
        ({"calls": {"times": 2}}, r"calls.times: unknown key"),
        ({"layers": [{"GRU": {"units": M}}]}, r"calls: expected a layer with stateful: true"),
        ({"layers": [{"TimeDistributed": {"layer": {"GRU": {"units": 2, "stateful": True}}}}]}, "stateful: false"),
    ],
)
def test_what_a_spec_may_not_say(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        rnnverify.verify(rnnverify.spec.loading.spec_from_mapping(spec(**changes)))


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_file_says_how_many_samples(keras: Any, tmp_path: Path, ending: str) -> None:
    model_of(keras, KINDS["LSTM"](keras.layers)).save(path := tmp_path / f"m.{ending}")
    result = rnnverify.verify(str(path))
    assert (result.verdict, len(result.layers)) == ("match", 4)
    assert not any("leaves" in note for note in result.notes)
    with pytest.raises(RequestError, match=rf"N: expected {N}, which the model has fixed, or no N; got 6"):
        rnnverify.verify(rnnverify.load_spec(str(path), [("N", 6)]))


def test_a_mask_beside_one_call(keras: Any) -> None:
    model = model_of(keras, [keras.layers.GRU(M, stateful=True)])
    mask = np.random.default_rng(0).random((N, T)) < 0.6
    x = inputs(1)[0]
    made = rnnverify.observe(model, x, mask=mask)
    assert rnnverify.verify(made).verdict == "match"
    np.testing.assert_allclose(made.predictions[0], np.asarray(model.layers[1](x, mask=mask)), atol=1e-6)
    model.layers[1].reset_state()
    assert rnnverify.verify(model.layers[1], x, mask=mask).verdict == "match"
    with pytest.raises(RequestError, match="expected one call beside a mask, got 2"):
        rnnverify.verify(model, [x, x], mask=mask)


def test_what_cannot_be_called_in_a_row_is_said(keras: Any) -> None:
    layers = keras.layers
    model = model_of(keras, [layers.GRU(M, stateful=True)])
    with pytest.raises(RequestError, match=rf"expected {N} samples for the input 'x'.*; got 2"):
        rnnverify.verify(model, [x[:2] for x in inputs(2)])
    with pytest.raises(RequestError, match=r"reset: expected numbers of calls, from 1 to 2, got 3"):
        rnnverify.verify(model, inputs(2), reset=[3])
    with pytest.raises(RequestError, match=r"reset: expected a model with stateful layers"):
        rnnverify.verify(model_of(keras, [layers.GRU(M)]), inputs(1)[0], reset=[1])
    shared, x = layers.GRU(D, stateful=True, return_sequences=True), keras.Input(batch_shape=(N, T, D))
    with pytest.raises(RequestError, match=r"is stateful and called twice in one model"):
        rnnverify.verify(keras.Model(x, shared(shared(x))), inputs(1)[0])
