"""Keras on another backend, in a process of its own. NumPy's needs nothing that is not here."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import rnnverify
from rnnverify.cli import main
from rnnverify.errors import RequestError
from rnnverify.grids import elsewhere
from rnnverify.grids.workers import OverdueError, WorkerDiedError
from rnnverify.layers.registered import REGISTERED
from rnnverify.spec.loading import spec_from_mapping

LAYERS: dict[str, list[Any]] = {
    "LSTM": [{"LSTM": {"units": 4, "return_sequences": True, "return_state": True}}],
    "masked": [{"Masking": None}, {"GRU": {"units": 4, "return_sequences": True}}, {"SimpleRNN": {"units": 3}}],
    "Bidirectional": [{"Masking": None}, {"Bidirectional": {"layer": {"LSTM": {"units": 3}}, "merge_mode": "sum"}}],
    "cells": [{"RNN": {"cell": [{"LSTMCell": {"units": 3}}, {"GRUCell": {"units": 2}}], "return_sequences": True}}],
    "stateful": [{"GRU": {"units": 3, "stateful": True}}, {"Dense": {"units": 2}}],
}
HERE = [name for name in ("torch", "jax") if importlib.util.find_spec(name) is not None]


def spec(layers: list[Any], backend: str | None, **more: Any) -> dict[str, Any]:
    return {"N": 3, "T": 5, "D": 2, "layers": layers, "backend": backend, **more}


@pytest.mark.parametrize("backend", ["numpy", *HERE])
@pytest.mark.parametrize("name", LAYERS)
def test_every_step_is_verified_there(name: str, backend: str) -> None:
    result = rnnverify.verify(spec_from_mapping(spec(LAYERS[name], backend)))
    assert result.environment["backend"] == backend
    forgets = name == "stateful" and backend == "jax"  # Keras's states are lost between calls there
    assert result.verdict == ("mismatch" if forgets else "match"), str(result)
    if forgets:
        assert result.first_divergence is not None
        assert (result.first_divergence.layer, result.first_divergence.keras) == ("gru", 0.0)


def test_what_a_module_registers_holds_here_too(keras: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "of_mine.py").write_text(
        """import keras, rnnverify

class Halving(keras.Layer):
    def call(self, x):
        return x * 0.5

rnnverify.register("Halving", lambda x, weights, config: x * 0.5)

def made():
    x = keras.Input((4, 2))
    return keras.Model(x, keras.layers.GRU(3)(Halving()(x)))
"""
    )
    (tmp_path / "s.yaml").write_text("model: of_mine:made\nN: 2\nbackend: numpy\n")
    monkeypatch.setattr(elsewhere, "STARTED", {})  # one that is started here finds what stands here
    try:
        result = rnnverify.verify("s.yaml", allow_code=True)
    finally:
        REGISTERED.pop("Halving", None)
        elsewhere.end()
    assert (result.verdict, result.environment["backend"]) == ("match", "numpy")


def test_a_wrong_weight_is_seen_there_too() -> None:
    observed = rnnverify.observe(spec_from_mapping(spec(LAYERS["LSTM"], "numpy")))
    observed.nodes[0].weights["recurrent_kernel"][0, 3] += 1e-3
    assert rnnverify.verify(observed).verdict == "mismatch"


def test_it_is_an_option_and_an_axis(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("N: 2\nT: 3\nD: 2\nM: 3\nK: 2\n")
    printed = CliRunner().invoke(main, ["run", str(tmp_path / "a.yaml"), "--backend", "numpy", "--format", "json"])
    assert json.loads(printed.stdout)["environment"]["backend"] == "numpy"
    (tmp_path / "g.yaml").write_text("base: a.yaml\ngrid: {backend: [tensorflow, numpy], layer: [LSTM, GRU]}\n")
    made = rnnverify.sweep(tmp_path / "g.yaml", tmp_path / "out", workers=1)
    assert (made.summary.points, made.summary.matches) == (4, 4)


def test_a_backend_that_is_not_there_is_named() -> None:
    with pytest.raises(RequestError, match=r"Keras cannot be imported .*KERAS_BACKEND=openvino.*pip install openvino"):
        rnnverify.verify(spec_from_mapping(spec(LAYERS["LSTM"], "openvino")))
    with pytest.raises(RequestError, match="backend: expected one of tensorflow, jax, torch, numpy, openvino"):
        spec_from_mapping(spec(LAYERS["LSTM"], "theano"))


@pytest.mark.parametrize(
    ("error", "message"),
    [(WorkerDiedError("exit code -11"), r"died \(exit code -11\)"), (OverdueError(1.0), "took longer")],
)
def test_one_that_dies_or_hangs_is_said(monkeypatch: pytest.MonkeyPatch, error: Exception, message: str) -> None:
    ended = []

    class Broken:
        def prepare(self, *_: Any) -> None:
            pass

        def ask(self, *_: Any) -> Any:
            raise error

        def end(self) -> None:
            ended.append(self)

    monkeypatch.setattr(elsewhere, "STARTED", {})
    monkeypatch.setattr(elsewhere, "started", lambda backend: Broken())
    with pytest.raises(RequestError, match=f"Keras on numpy {message}"):
        rnnverify.verify(spec_from_mapping(spec(LAYERS["LSTM"], "numpy")))
    assert len(ended) == 1
    assert not elsewhere.STARTED
