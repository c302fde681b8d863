"""What is known of a call once Keras has made it."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest

from rnnverify.api import observe
from rnnverify.keras_model.build import built_of_spec
from rnnverify.keras_model.models import taken_apart
from rnnverify.spec import spec_from_mapping

MASKED = [
    {"Embedding": {"input_dim": 9, "output_dim": 4, "mask_zero": True}},
    {"LSTM": {"units": 3, "return_sequences": True, "return_state": True, "name": "first"}},
    {"LSTM": {"units": 3, "return_sequences": True, "initial_state": "first", "name": "second"}},
    {"GRU": {"units": 2, "name": "third"}},
    {"Dense": {"units": 2}},
]


def test_a_call_that_is_given_an_initial_state_is_handed_no_mask() -> None:
    spec = spec_from_mapping({"N": 2, "T": 5, "layers": MASKED, "data": {"tokens": {"lengths": "random"}}})
    masked = {node.name: node.masked for node in observe(spec).nodes}
    assert (masked["first"], masked["second"]) == (True, False)


def test_the_masks_are_those_that_keras_writes_into_a_config(keras: Any) -> None:
    ids = keras.Input((5,), dtype="int32")
    x = keras.layers.Embedding(9, 4, mask_zero=True)(ids)
    y, *states = keras.layers.LSTM(3, return_sequences=True, return_state=True)(x)
    z = keras.layers.LSTM(3, return_sequences=True)(x, initial_state=states)
    joined = keras.layers.Concatenate()([keras.layers.Bidirectional(keras.layers.GRU(2, return_sequences=True))(y), z])
    out = keras.layers.TimeDistributed(keras.layers.Dense(2))(keras.layers.Dropout(0.5)(joined))
    model = keras.Model(ids, keras.layers.SimpleRNN(3)(out))
    written = {
        entry["name"]: node["kwargs"].get("mask") is not None
        for entry in model.get_config()["layers"]
        for node in entry["inbound_nodes"]
    }
    nodes = taken_apart(keras, model, [np.zeros((1, 5), np.int32)], [])[0].nodes
    assert len(nodes) == 8
    assert {node.masked for node in nodes} == {True, False}
    assert all(node.masked == written[node.name] for node in nodes)


def test_what_was_built_is_frozen(keras: Any) -> None:
    built = built_of_spec(keras, spec_from_mapping({"N": 1, "T": 2, "D": 3, "M": 4, "K": 2}))
    with pytest.raises(FrozenInstanceError):
        built.inputs = ()  # type: ignore[misc]
    assert built.inputs[0].shape == (None, 3)
    flat = spec_from_mapping({"N": 1, "T": 2, "D": 3, "layers": ["Flatten", {"Dense": {"units": 2}}]})
    assert built_of_spec(keras, flat).inputs[0].shape == (2, 3)
