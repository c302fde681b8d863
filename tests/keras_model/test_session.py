"""A shared model gives what a model of one's own gives, to the last bit, whatever came before."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from rnnverify.api import observe
from rnnverify.errors import DataError
from rnnverify.keras_model.session import Session
from rnnverify.layers.registry import LAYERS
from rnnverify.observation import Observation
from rnnverify.spec import Spec, spec_from_mapping

STACK = [
    {"Masking": {}},
    {"TimeDistributed": {"layer": {"Dense": {"units": 6}}}},
    {"Bidirectional": {"layer": {"LSTM": {"units": 4, "return_sequences": True}}, "merge_mode": "sum"}},
    {"GRU": {"units": 7, "return_state": True, "reset_after": False}},
    {"Dense": {"units": 3, "activation": "softmax"}},
]


def spec(**keys: Any) -> Spec:
    layer = {} if "layers" in keys else {"layer": "GRU"}
    return spec_from_mapping({"N": 4, "T": 6, "D": 3, "M": 5, "K": 2, **layer, **keys})


def assert_same(shared: Observation, own: Observation) -> None:
    for ours, theirs in zip(shared.nodes, own.nodes, strict=True):
        for name, weight in theirs.weights.items():
            np.testing.assert_array_equal(ours.weights[name], weight)
    for name, x in own.inputs.items():
        np.testing.assert_array_equal(shared.inputs[name], x)
    np.testing.assert_array_equal(shared.predictions[0], own.predictions[0])


def test_points_one_after_the_other_are_those_of_models_of_their_own() -> None:
    session = Session(LAYERS)
    points = [{}, {"T": 9}, {"N": 40}, {"seed": 3}, {"seed": 3, "weights": {"scale": 2.0}}, {"layer": "LSTM"}, {}]
    points += [
        {"layers": STACK},
        {"layers": STACK, "dtype": "float64", "T": 9},
        {"layers": [{"Dense": {"units": 3}}]},
    ]
    shared = [session.observe(spec(**point)) for point in points]
    for point, observed in zip(points, shared, strict=True):
        assert_same(observed, observe(spec(**point)))


def test_one_trace_does_for_every_size() -> None:
    session = Session(LAYERS)
    for sizes in ({}, {"T": 9}, {"N": 1}, {"N": 40, "T": 1}, {"N": 300}):
        session.observe(spec(**sizes))
    assert session.built is not None
    assert session.built.watcher().model.predict_function.experimental_get_tracing_count() == 1
    assert session.built.model is None  # no other one is traced


def test_first_weights_come_from_the_seed_alone_whatever_other_threads_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    real = keras.utils.set_random_seed
    monkeypatch.setattr(keras.utils, "set_random_seed", lambda seed: real(random.randrange(1000)))
    layers = [{"Embedding": {"input_dim": 9, "output_dim": 3}}, *STACK[1:]]
    first, second = (observe(spec(layers=layers, weights="keras")) for _ in range(2))
    assert_same(first, second)
    forward, recurrent, _, backward, *_ = first.nodes[2].weights.values()
    assert (forward != backward).all()
    assert forward.std() > 0 < recurrent.std()
    other = observe(spec(layers=layers, weights="keras", seed=1))
    assert (other.nodes[2].weights["forward_kernel"] != forward).all()


def test_weights_that_are_refused_do_not_stay_behind() -> None:
    session = Session(LAYERS)
    session.observe(spec(dtype="float16"))
    with pytest.raises(DataError):
        session.observe(spec(dtype="float16", weights={"scale": 1e6}))
    assert_same(session.observe(spec(dtype="float16", T=9)), observe(spec(dtype="float16", T=9)))


VERIFIED_THEN_PREDICTED = """\
import keras, numpy as np, rnnverify

def model(units):
    return keras.Sequential([keras.Input((6, 3)), keras.layers.SimpleRNN(units)])

x = np.ones((40, 6, 3), "float32")
rnnverify.verify(model(1), x)
model(2).predict(x, verbose=0)
"""


def test_what_we_trace_is_not_counted_as_the_users() -> None:
    """TensorFlow warns of the fifth trace in ten calls. To verify this model takes four, and the user's prediction two."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", VERIFIED_THEN_PREDICTED]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert "retracing" not in done.stderr
