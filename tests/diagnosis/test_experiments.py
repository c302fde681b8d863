"""Experiments with candidates that can be called: properties without a reference, and the smallest call that differs."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import rnnverify
from rnnverify.cli import main
from rnnverify.diagnosis import smaller
from rnnverify.errors import RequestError
from rnnverify.layers.graph import Graph
from rnnverify.observation import Observation
from rnnverify.report.script import script
from rnnverify.results import Why
from rnnverify.spec import spec_from_mapping
from rnnverify.verification.verdict import judge

SIZES: dict[str, Any] = {"N": 4, "T": 7, "D": 3, "M": 5, "K": 2}


@pytest.fixture(scope="module")
def exercise() -> Observation:
    return rnnverify.observe(spec_from_mapping(SIZES))


def forward(
    x: Any, weights: Any, carried: bool = False, bias: float = 1.0, turned: bool = False, at: int | None = None
) -> Any:
    """The exercise, with one thing wrong or none."""
    kernel, recurrent, offset = weights["simple_rnn"]
    head, last = weights["dense"]
    out = []
    h = np.zeros(len(recurrent))
    for n in range(len(x)):
        h = h if carried else np.zeros(len(recurrent))
        for t in range(x.shape[1]):
            h = np.tanh(x[n, t] @ kernel + h @ (recurrent.T if turned else recurrent) + bias * offset)
            h = h + 0.01 if t == at else h
        out.append(h @ head + last)
    return np.array(out)


def why_of(observed: Observation, candidate: Any) -> Why:
    result = rnnverify.compare(observed, candidate, why=True, effort=0.0)
    assert result.why is not None
    assert result.why.complete
    return result.why


def test_a_right_candidate_has_every_property_and_no_call_that_differs(exercise: Observation) -> None:
    why = why_of(exercise, forward)
    assert why.broken == ()
    assert why.held == (
        "it gives the same twice",
        "a batch gives the same in another order",
        "a batch gives what its samples give alone",
        "every block of the weights is read",
    )
    assert (why.sizes, why.smallest, why.case) == ((), {}, None)


def test_a_state_that_is_carried_over_needs_two_samples(exercise: Observation) -> None:
    why = why_of(exercise, lambda x, w: forward(x, w, carried=True))
    assert why.broken == ("a batch gives the same in another order", "a batch gives what its samples give alone")
    assert "right for N=1, wrong for N=2" in why.sizes
    assert "right where every recurrent_kernel is zero" in why.sizes
    assert why.smallest == {"N": 2, "T": 1, "D": 1, "M": 1}
    assert why.case is not None
    assert not why.case.weights["dense"]["bias"].any()
    assert why.case.weights["simple_rnn"]["recurrent_kernel"].any()


def test_a_bias_that_is_never_read_is_named(exercise: Observation) -> None:
    why = why_of(exercise, lambda x, w: forward(x, w, bias=0.0))
    assert "simple_rnn bias is read (changing it changes nothing)" in why.broken
    assert "right where every bias is zero" in why.sizes
    assert why.smallest == {"N": 1, "T": 1, "D": 1, "M": 1}


def test_a_transposed_kernel_needs_two_steps_and_two_units(exercise: Observation) -> None:
    why = why_of(exercise, lambda x, w: forward(x, w, turned=True))
    assert why.broken == ()
    assert {"right for T=1, wrong for T=2", "right for M=1, wrong for M=2"} <= set(why.sizes)
    assert why.smallest == {"N": 1, "T": 2, "D": 1, "M": 2}


def test_a_fault_at_a_late_step_needs_that_many(exercise: Observation) -> None:
    why = why_of(exercise, lambda x, w: forward(x, w, at=5))
    assert "right for T=1 to 4, wrong for T=6" in why.sizes


def test_one_that_gives_something_else_each_time_is_told_so(exercise: Observation) -> None:
    rng = np.random.default_rng(3)
    why = why_of(exercise, lambda x, w: forward(x, w) + rng.uniform())
    assert "it gives the same twice" in why.broken


def test_one_for_a_single_size_says_what_it_cannot_take(exercise: Observation) -> None:
    def fixed(x: Any, weights: Any) -> Any:
        return forward(x[[0, 1, 2, 3]], weights, carried=True)

    why = why_of(exercise, fixed)
    alone = "a batch gives what its samples give alone: with one of them it raised IndexError"
    assert any(one.startswith(alone) for one in why.broken)
    assert any(one.startswith("with N=1 it gives nothing to judge: it raised IndexError") for one in why.sizes)
    assert why.smallest["N"] == 4


def test_a_gate_that_is_never_read_is_named() -> None:
    observed = rnnverify.observe(spec_from_mapping({**SIZES, "layer": "GRU"}))

    def without(x: Any, weights: Any) -> Any:
        kernel, recurrent, bias = weights["gru"]
        head, last = weights["dense"]
        h = np.zeros((len(x), len(recurrent)))
        for t in range(x.shape[1]):
            zx, zh = x[:, t] @ kernel + bias[0], h @ recurrent + bias[1] * np.repeat([1, 0, 1], len(recurrent))
            (xz, xr, xh), (hz, hr, hh) = np.split(zx, 3, axis=-1), np.split(zh, 3, axis=-1)
            z, r = 1 / (1 + np.exp(-xz - hz)), 1 / (1 + np.exp(-xr - hr))
            h = z * h + (1 - z) * np.tanh(xh + r * hh)
        return h @ head + last

    why = why_of(observed, without)
    assert [one for one in why.broken if "gate" in one] == [
        "gru bias row 1, gate r (columns 5-9) is read (changing it changes nothing)"
    ]


def test_pieces_of_a_sequence_give_what_the_whole_does() -> None:
    layers = [{"GRU": {"units": "M", "return_state": True}}]
    observed = rnnverify.observe(spec_from_mapping({**SIZES, "layers": layers, "initial_state": "random"}))

    def walked(x: Any, weights: Any, forgets: bool = False) -> Any:
        x, h = x
        kernel, recurrent, bias = weights["gru"]
        h = 0 * h if forgets else h
        for t in range(x.shape[1]):
            zx, zh = x[:, t] @ kernel + bias[0], h @ recurrent + bias[1]
            (xz, xr, xh), (hz, hr, hh) = np.split(zx, 3, axis=-1), np.split(zh, 3, axis=-1)
            z, r = 1 / (1 + np.exp(-xz - hz)), 1 / (1 + np.exp(-xr - hr))
            h = z * h + (1 - z) * np.tanh(xh + r * hh)
        return [h, h]

    sentence = "two halves of a sequence, the second from the states of the first, end as the whole does"
    assert sentence in why_of(observed, walked).held
    forgetful = why_of(observed, lambda x, w: walked(x, w, forgets=True))
    assert sentence in forgetful.broken
    assert "right where the initial states are zero" in forgetful.sizes


@pytest.mark.parametrize(
    "spec",
    [
        {"layer": "LSTM"},
        {"layer": "GRU", "initial_state": "random"},
        {"layers": [{"Bidirectional": {"layer": {"LSTM": {"units": "M"}}}}, {"Dense": {"units": "K"}}]},
        {
            "layers": [
                {"Embedding": {"input_dim": 9, "output_dim": 4, "mask_zero": True}},
                {"GRU": {"units": 6, "return_sequences": True}},
                {"SimpleRNN": {"units": "M"}},
            ],
            "D": None,
            "K": None,
            "data": {"tokens": {"lengths": "random"}},
        },
    ],
)
def test_a_smaller_model_is_what_its_weights_say(spec: Any) -> None:
    """The smaller one is a model: its replay and what it is said to emit agree, and sizes are what was asked for."""
    mapping = {key: value for key, value in {**SIZES, **spec}.items() if value is not None}
    observed = rnnverify.observe(spec_from_mapping(mapping))
    made = smaller.of_units(smaller.of_timesteps(smaller.of_samples(observed, [2, 0]), slice(0, 3)), 2)
    assert judge(made).result.verdict == "match"
    kernels = [
        array for node in made.nodes for name, array in node.weights.items() if name.endswith("recurrent_kernel")
    ]
    assert {len(array) for array in kernels} == {2}
    assert {len(x) for x in made.inputs.values()} == {2}
    name = next(node.name for node in made.nodes if node.name in made.walks)
    kept = made.walks[name][0].sequence
    assert kept.shape == (2, 3, 2)


def test_fewer_units_and_features_are_the_first_ones_of_every_gate() -> None:
    observed = rnnverify.observe(spec_from_mapping({**SIZES, "layer": "LSTM"}))
    made = smaller.of_features(smaller.of_units(observed, 2), 1)
    before, after = (dict(one.nodes[0].weights) for one in (observed, made))
    np.testing.assert_array_equal(after["kernel"], before["kernel"][:1, [0, 1, 5, 6, 10, 11, 15, 16]])
    np.testing.assert_array_equal(
        after["recurrent_kernel"], before["recurrent_kernel"][:2, [0, 1, 5, 6, 10, 11, 15, 16]]
    )
    np.testing.assert_array_equal(made.nodes[1].weights["kernel"], observed.nodes[1].weights["kernel"][:2])
    assert Graph(made.nodes).run(made.inputs)[made.outputs[0]].values.shape == (4, 2)


@pytest.mark.parametrize(("given", "how"), [(np.ones((4, 2)), {}), (forward, {"per_step": True})])
def test_only_what_can_be_called_can_be_asked_more(exercise: Observation, given: Any, how: Any) -> None:
    with pytest.raises(RequestError, match="expected a candidate"):
        rnnverify.compare(exercise, given, why=True, **how)


def test_diagnose_takes_a_function_too(exercise: Observation) -> None:
    found = rnnverify.diagnose(exercise, None, lambda x, w: forward(x, w, carried=True), why=True)
    assert found.mistakes[0].id == "state-carried-across-samples"
    assert found.why is not None
    assert found.why.smallest["N"] == 2


def test_the_command_keeps_the_smallest_call_as_a_script_for_numpy_alone(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("N: 4\nT: 5\nD: 3\nM: 4\nK: 2\n")
    (tmp_path / "port.py").write_text(
        "import numpy as np\n\ndef forward(x, weights):\n"
        "    (w, u, b), (v, d) = weights['simple_rnn'], weights['dense']\n"
        "    h = np.zeros((len(x), len(u)))\n"
        "    for t in range(x.shape[1]):\n"
        "        h = np.tanh(x[:, t] @ w + h @ u)\n"
        "    return h @ v + d\n"
    )
    script = tmp_path / "case.py"
    arguments = [
        "compare",
        str(tmp_path / "a.yaml"),
        "--candidate",
        f"{tmp_path}/port.py:forward",
        "--script",
        str(script),
    ]
    result = CliRunner().invoke(main, arguments)
    assert "not so: simple_rnn bias is read (changing it changes nothing)" in result.stdout
    assert "the smallest call that differs: N=1, T=1, D=1, M=1, with " in result.stdout
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "off by at most" in run.stdout
    assert float(run.stdout.split()[-1]) > 1e-3
    assert "rnnverify" not in script.read_text()


PORT_OF_TORCH = """
import torch

import beside


def build(weights):
    kernel, recurrent, bias = weights["simple_rnn"]
    net = beside.Net(len(kernel), len(recurrent), len(weights["dense"][1]))
    given = [kernel.T, recurrent.T, bias, bias, weights["dense"][0].T, weights["dense"][1]]
    with torch.no_grad():
        for own, array in zip(net.parameters(), given, strict=True):
            own.copy_(torch.tensor(array))
    return net
"""
NET_OF_TORCH = """
import torch


class Net(torch.nn.Module):
    def __init__(self, features, units, outputs):
        super().__init__()
        self.rnn = torch.nn.RNN(features, units, batch_first=True)
        self.dense = torch.nn.Linear(units, outputs)

    def forward(self, x):
        return self.dense(self.rnn(x)[0][:, -1])
"""


def test_the_script_for_a_module_of_torch_builds_it_from_what_stands_beside_it(
    exercise: Observation, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "port.py").write_text(PORT_OF_TORCH)
    (tmp_path / "nets" / "beside.py").write_text(NET_OF_TORCH)
    result = rnnverify.compare(exercise, lambda x, w: forward(x, w, bias=2.0), why=True, effort=0.0)
    assert result.why is not None
    assert result.why.case is not None
    case = tmp_path / "case.py"
    case.write_text(script(replace(result, candidate=f"torch:{tmp_path}/nets/port.py:build"), result.why.case))
    run = subprocess.run([sys.executable, str(case)], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (1, "")
    assert float(run.stdout.split()[-1]) > 1e-3
    once = PORT_OF_TORCH.replace("bias, bias", "bias, 0 * bias")
    (tmp_path / "nets" / "port.py").write_text(once)
    run = subprocess.run([sys.executable, str(case)], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_one_that_was_right_when_it_was_judged_and_is_not_any_more_is_told_so(exercise: Observation) -> None:
    calls = []

    def tires(x: Any, weights: Any) -> Any:
        calls.append(1)
        return forward(x, weights) + 0.1 * (len(calls) > 1)

    assert "it gives the same twice" in why_of(exercise, tires).broken


def test_a_right_candidate_of_a_chaotic_or_saturated_model_is_not_blamed_for_rounding() -> None:
    """In float32, as it would be: what its samples give alone is rounded otherwise, and no gate moves any more."""
    sizes = {**SIZES, "T": 60, "M": 24}
    chaotic = rnnverify.observe(spec_from_mapping({**sizes, "weights": {"scale": 4.0}}))

    def port(x: Any, weights: Any) -> Any:
        (w, u, b), (v, d) = weights["simple_rnn"], weights["dense"]
        h = np.zeros((len(x), len(u)), np.float32)
        for t in range(x.shape[1]):
            h = np.tanh((x[:, t] @ w + h @ u + b).astype(np.float32))
        return h @ v + d

    assert why_of(chaotic, port).broken == ()
    saturated = rnnverify.observe(spec_from_mapping({**SIZES, "weights": {"scale": 60.0}}))
    assert why_of(saturated, port).broken == ()
