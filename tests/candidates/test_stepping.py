"""Candidates that take one step at a time: a function, a program, and what cannot be walked so."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.errors import RequestError
from rnnverify.observation import Observation
from rnnverify.spec import spec_from_mapping

SIZES: dict[str, Any] = {"N": 3, "T": 6, "D": 4, "M": 5, "K": 2}


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def step(x: Any, weights: Any, states: Any, order: tuple[int, ...] = (0, 1, 2, 3)) -> Any:
    """One step of an LSTM with a Dense above it."""
    kernel, recurrent, bias = weights["lstm"]
    head, offset = weights["dense"]
    z = np.split(x @ kernel + states["lstm.h"] @ recurrent + bias, 4, axis=-1)
    i, f, candidate, o = (z[place] for place in order)
    c = sigmoid(f) * states["lstm.c"] + sigmoid(i) * np.tanh(candidate)
    h = sigmoid(o) * np.tanh(c)
    return h @ head + offset, {"lstm.h": h, "lstm.c": c}


@pytest.fixture(scope="module")
def lstm() -> Observation:
    return rnnverify.observe(spec_from_mapping({**SIZES, "layer": "LSTM"}))


@pytest.mark.parametrize("per_sample", [False, True])
def test_a_right_step_matches_and_each_is_judged_by_itself(lstm: Observation, per_sample: bool) -> None:
    result = rnnverify.compare(lstm, step, per_step=True, per_sample=per_sample)
    assert result.verdict == "match"
    assert result.by_step == ("lstm",)
    assert {row.output.split("[")[0] for row in result.outputs} == {"dense", "lstm.h", "lstm.c"}


def test_a_wrong_step_is_told_its_mistake(lstm: Observation) -> None:
    result = rnnverify.compare(
        lstm, lambda x, weights, states: step(x, weights, states, (1, 0, 2, 3)), per_step=True, effort=0.0
    )
    assert result.first_divergence is not None
    assert (result.first_divergence.layer, result.first_divergence.timestep) == ("lstm", 0)
    assert result.diagnosis is not None
    assert result.diagnosis.mistakes[0].id == "lstm-gate-order/f-i-c-o"


def test_steps_start_from_the_states_that_are_fed() -> None:
    observed = rnnverify.observe(spec_from_mapping({**SIZES, "layer": "LSTM", "initial_state": "random"}))
    assert rnnverify.compare(observed, step, per_step=True).verdict == "match"
    assert rnnverify.compare(observed, step, per_step=True, per_sample=True).verdict == "match"


def test_outputs_with_time_are_those_of_all_steps() -> None:
    def stacked(x: Any, weights: Any, states: Any) -> Any:
        first, second = (
            np.tanh(x_ @ w + states[f"{name}.h"] @ u + b) for name, x_, (w, u, b) in walk(x, weights, states)
        )
        return {"simple_rnn": first, "simple_rnn.h": first, "simple_rnn_1.h": second, "simple_rnn_1": second}

    def walk(x: Any, weights: Any, states: Any) -> Any:
        yield "simple_rnn", x, weights["simple_rnn"]
        w, u, b = weights["simple_rnn"]
        yield "simple_rnn_1", np.tanh(x @ w + states["simple_rnn.h"] @ u + b), weights["simple_rnn_1"]

    layers = [{"SimpleRNN": {"units": units, "return_sequences": True}} for units in (5, 3)]
    observed = rnnverify.observe(spec_from_mapping({"N": 3, "T": 6, "D": 4, "layers": layers}))
    result = rnnverify.compare(observed, stacked, per_step=True)
    assert result.verdict == "match"
    assert set(result.by_step) == {"simple_rnn", "simple_rnn_1"}


PROGRAM = """
import sys
import numpy as np

task = dict(np.load(sys.argv[1]))
h = np.tanh(
    task["input"] @ task["simple_rnn.kernel"]
    + task["simple_rnn.h"] @ task["simple_rnn.recurrent_kernel"]
    + task["simple_rnn.bias"]
)
np.savez(sys.argv[2], **{"simple_rnn.h": h, "dense": h @ task["dense.kernel"] + task["dense.bias"]})
"""
FUNCTION = """
import numpy as np

def step(x, weights, states):
    (w, u, b), (v, d) = weights["simple_rnn"], weights["dense"]
    h = np.tanh(x @ w + states["simple_rnn.h"] @ u + b)
    return h @ v + d, {"simple_rnn.h": h}
"""


@pytest.mark.parametrize("kind", ["program", "function"])
def test_a_program_and_a_function_in_a_file_take_steps_too(tmp_path: Path, kind: str) -> None:
    (tmp_path / "port.py").write_text(PROGRAM if kind == "program" else FUNCTION)
    place = f"{tmp_path}/port.py"
    what = f"cmd:{sys.executable} {place} {{inputs}} {{outputs}}" if kind == "program" else f"{place}:step"
    observed = rnnverify.observe(spec_from_mapping({**SIZES, "T": 3}))
    result = rnnverify.compare(observed, what, per_step=True)
    assert result.findings == ()
    assert result.verdict == "match"
    assert result.by_step == ("simple_rnn",)


@pytest.mark.parametrize(
    ("candidate", "message"),
    [
        (lambda x, w, s: x, "expected a step to return its output and a mapping of the new states"),
        (lambda x, w, s: (x[:, :2], {"lstm.h": s["lstm.h"]}), "step 0: expected the new states beside the output"),
        (lambda x, w, s: (x, {"lstm.h": x, "lstm.c": x}), "step 0: expected lstm.h of shape (3, 5)"),
        (lambda x, w, s: 1 / 0, "it raised ZeroDivisionError"),
    ],
)
def test_what_a_step_gives_wrongly_is_a_finding(lstm: Observation, candidate: Any, message: str) -> None:
    result = rnnverify.compare(lstm, candidate, per_step=True)
    assert result.verdict == "mismatch"
    assert message in result.findings[0]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([{"Bidirectional": {"layer": {"LSTM": {"units": 3}}}}], "bidirectional looks at more than one step"),
        ([{"GRU": {"units": 3, "go_backwards": True}}], "gru walks backwards"),
        ([{"Masking": {}}, {"GRU": {"units": 3}}], "masking makes a mask"),
        ([{"Dense": {"units": 3}}], "expected a model with recurrent layers"),
        ([{"LSTM": {"units": 3}}, {"RepeatVector": {"n": 2}}], "repeat_vector looks at more than one step"),
    ],
)
def test_a_model_that_is_no_sequence_of_steps_is_refused(layers: Any, message: str) -> None:
    observed = rnnverify.observe(spec_from_mapping({"N": 3, "T": 6, "D": 4, "layers": layers}))
    with pytest.raises(RequestError, match=message):
        rnnverify.compare(observed, step, per_step=True)
