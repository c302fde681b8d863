"""The steps of a recurrent layer, whatever its cell is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.keras_model import built, long_walks
from rnnverify.keras_model.models import taken_apart
from rnnverify.layers.arrays import Array


@pytest.fixture
def x() -> Array:
    return np.random.default_rng(7).standard_normal((2, 6, 3)).astype(np.float32)


def test_a_cell_of_the_user_s_own_is_watched_at_every_step(keras: Any, x: Array) -> None:
    class Sum(keras.layers.Layer):  # type: ignore[name-defined, misc]
        def __init__(self, units: int) -> None:
            super().__init__()
            self.units = self.state_size = units

        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")

        def call(self, inputs: Any, states: Any) -> Any:
            h = inputs @ self.kernel + states[0]
            return h, [h]

    layer = keras.layers.RNN(Sum(5), go_backwards=True)
    layer(x)
    ((walked,),) = taken_apart(keras, layer, [x], [])[0].watcher().look({"input": x}).walks.values()
    kernel = layer.get_weights()[0].astype(np.float64)
    np.testing.assert_allclose(walked.sequence, np.cumsum(x[:, ::-1] @ kernel, axis=1), atol=1e-5)


def test_stacked_cells_have_all_their_states(keras: Any, x: Array) -> None:
    layer = keras.layers.RNN([keras.layers.LSTMCell(4), keras.layers.GRUCell(2)])
    layer(x)
    ((walked,),) = taken_apart(keras, layer, [x], [])[0].watcher().look({"input": x}).walks.values()
    assert [state.shape for state in (walked.sequence, *walked.others)] == [
        *((2, 6, 2), (2, 6, 4), (2, 6, 4), (2, 6, 2)),  # what the top puts out is not the first of the states
    ]


def test_a_layer_without_steps_has_none(keras: Any, x: Array) -> None:
    layer = keras.layers.Dense(4)
    layer(x)
    assert taken_apart(keras, layer, [x], [])[0].watcher().look({"input": x}).walks == {}


KINDS: dict[str, Any] = {
    "SimpleRNN, sequences": [{"SimpleRNN": {"units": 5, "return_sequences": True}}],
    "GRU": [{"GRU": {"units": 5}}, {"Dense": {"units": 2}}],
    "LSTM, backwards": [{"LSTM": {"units": 5, "go_backwards": True, "return_state": True}}],
    "Bidirectional": [
        {"Bidirectional": {"layer": {"LSTM": {"units": 5, "return_sequences": True}}}},
        {"GRU": {"units": 3}},
    ],
}


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_long_walk_is_the_same_in_stretches(monkeypatch: pytest.MonkeyPatch, kind: str, dtype: str) -> None:
    """To the last bit, for more samples than a batch has, and with a stretch that is shorter than the others."""
    spec: dict[str, Any] = {"N": 35, "T": 11, "D": 3, "layers": KINDS[kind], "dtype": dtype, "seed": 5}
    if kind == "SimpleRNN, sequences":
        spec["initial_state"] = "random"
    whole = rnnverify.observe(rnnverify.spec.spec_from_mapping(spec))
    monkeypatch.setattr(built, "LONG", 0)
    monkeypatch.setattr(long_walks, "STRETCH", 32 * 4 * 10)
    taken = []
    own = long_walks.LongWalk.taken
    monkeypatch.setattr(long_walks.LongWalk, "taken", lambda walk, *rest: taken.append(walk) or own(walk, *rest))
    parts = rnnverify.observe(rnnverify.spec.spec_from_mapping(spec))
    assert len(taken) == sum(map(len, whole.walks.values()))
    for name, walks in whole.walks.items():
        for one, other in zip(walks, parts.walks[name], strict=True):
            np.testing.assert_array_equal(one.sequence, other.sequence)
            for array, again in zip(one.others, other.others, strict=True):
                np.testing.assert_array_equal(array, again)
    assert rnnverify.verify(parts).passed


def test_a_masked_walk_is_never_taken_in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [{"Embedding": {"input_dim": 9, "output_dim": 4, "mask_zero": True}}, {"GRU": {"units": 3}}]
    monkeypatch.setattr(built, "LONG", 0)
    monkeypatch.setattr(long_walks.LongWalk, "taken", None)
    spec = {"N": 3, "T": 8, "layers": layers, "data": {"tokens": {"lengths": "random"}}}
    assert rnnverify.verify(rnnverify.observe(rnnverify.spec.spec_from_mapping(spec))).passed


def test_layers_may_have_the_names_that_the_watchers_would(keras: Any, x: Array) -> None:
    layers = keras.layers
    given = keras.Input((6, 3), name="walk_0_of_lstm")
    lstm = layers.LSTM(3, return_sequences=True, name="lstm")
    twice = lstm(lstm(given))  # whose second call is `lstm:2`
    y = layers.GRU(2, return_sequences=True, name="walk_0_of_lstm_")(
        layers.GRU(3, return_sequences=True, name="lstm_2")(twice)
    )
    model = keras.Model(given, layers.Dense(2, name="walk_0_of_lstm_2")(y))
    seen = taken_apart(keras, model, [x], [])[0].watcher().look({"walk_0_of_lstm": x})
    assert sorted(seen.walks) == ["lstm", "lstm:2", "lstm_2", "walk_0_of_lstm_"]
