"""rnnverify explain: text, JSON, a script, and what it says of wrong requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from rnnverify import save_observation
from rnnverify.cli import main
from tests.recorded.observations import recorded
from tests.report.alone import Bare


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["explain", *map(str, arguments)])


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_observation(recorded("gated"), str(tmp_path / "gated.npz"))
    return tmp_path / "gated.npz"


def test_a_spec_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "lstm.yaml"
    path.write_text("N: 3\nT: 4\nD: 2\nM: 5\nK: 2\nlayer: LSTM\n")
    result = run(path, "--sample", "1", "--unit", "2", "--set", "T=6")
    assert result.exit_code == 0
    assert "N = 3 samples, T = 6 timesteps, D = 2 features, M = 5 units, K = 2 outputs" in result.stdout
    assert "4 x (2 + 5 + 1) x 5 = 160" in result.stdout
    assert "which columns are which gate: i 0-4, f 5-9, c 10-14, o 15-19" in result.stdout
    assert "lstm: h of sample 1, timestep 5, unit 2" in result.stdout
    assert "  i[1, 2] = sigmoid(z[1, 2])   input gate" in result.stdout
    assert result.stdout.count("that rounding explains, ok") == 2  # the step, and the Dense behind it


def test_as_json_it_is_one_object(saved: Path) -> None:
    found = json.loads(run(saved, "--layer", "gru", "--timestep", "3", "--format", "json").stdout)
    assert [layer["layer"] for layer in found["layers"]] == ["lstm", "gru", "dense"]
    assert found["layers"][1]["weights"]["kernel"] == {
        "shape": [5, 18],
        "letters": "(D, 3M)",
        "columns": {"z": [0, 5], "r": [6, 11], "h": [12, 17]},
    }
    (step,) = found["worked"]
    assert (step["layer"], step["timestep"], step["passed"]) == ("gru", 3, True)
    assert step["lines"][-1]["value"] == step["replay"]
    assert step["difference"] == pytest.approx(abs(step["keras"] - step["replay"]))
    assert step["difference"] <= step["limit"]
    assert step["keras"] == recorded("gated").walks["gru"][0].sequence[0, 3, 0].astype(np.float64)


def test_a_script_is_written_beside_its_arrays_and_runs(saved: Path, tmp_path: Path, bare: Bare) -> None:
    result = run(saved, "--script", tmp_path / "model.py")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "model.npz are written; next: python" in result.stderr
    assert bare.run(tmp_path / "model.py").code == 0
    again = run(saved, "--script", tmp_path / "model.py")
    assert again.exit_code == 2
    assert "there is" in again.stderr
    assert run(saved, "-q", "--script", tmp_path / "other.py").output == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--unit", "5"], "--unit 5: expected a unit of lstm from 0 to 4; it has 5"),
        (["--timestep", "-1"], "--timestep -1: expected a timestep of lstm from 0 to 6; it has 7"),
        (["--sample", "x"], "'x' is not a valid integer"),
        (["--layer", "no"], "--layer no: expected one of the layers that are replayed: lstm, gru, dense"),
        (["--script", "no/model.py"], "the folder no does not exist; make it first"),
        (["--set", "T=3"], "a saved observation is what it is"),
    ],
)
def test_a_wrong_request_is_told_so(saved: Path, arguments: list[str], message: str) -> None:
    result = run(saved, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_a_mismatch_is_a_result_and_exits_with_one(tmp_path: Path) -> None:
    save_observation(recorded("faulty"), str(tmp_path / "faulty.npz"))
    result = run(tmp_path / "faulty.npz", "--layer", "wrapped", "--sample", "2", "--timestep", "6")
    assert result.exit_code == 1
    assert "that rounding explains, too far" in result.stdout
