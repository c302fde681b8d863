"""rnnverify trace: tables, JSON, files, and what it says of wrong requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from rnnverify import load_spec, trace
from rnnverify.cli import main


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["trace", *map(str, arguments)])


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "lstm.yaml"
    path.write_text("N: 3\nT: 50\nD: 4\nM: 5\nK: 2\nlayer: LSTM\n")
    return path


def test_a_row_for_each_step_with_its_gates_and_states(spec: Path) -> None:
    text = run(spec, "--set", "T=6", "--sample", "1", "--unit", "2").stdout
    assert "lstm   sample 1, unit 2" in text
    header, _, *rows = text.splitlines()[2:10]
    assert header.split() == ["timestep", "i", "f", "c~", "o", "c", "h"]
    assert [row.split()[0] for row in rows] == list("012345")
    traced = trace(load_spec(str(spec), [("T", 6)]))["lstm"]
    assert [float(row.split()[1]) for row in rows] == pytest.approx(traced["i"][1, :, 2], rel=1e-8)
    assert [float(row.split()[6]) for row in rows] == pytest.approx(traced["h"][1, :, 2], rel=1e-8)


def test_long_walks_are_cut_unless_it_is_verbose(spec: Path) -> None:
    short, long = run(spec).stdout, run(spec, "-v").stdout
    assert "..." in short
    assert "..." not in long
    assert len(long.splitlines()) == len(short.splitlines()) + 9


def test_everything_goes_to_a_file(spec: Path, tmp_path: Path) -> None:
    kept = tmp_path / "trace.npz"
    assert run(spec, "-q", "-o", kept).stdout == ""
    with np.load(kept) as file:
        assert {"lstm.i", "lstm.c~", "lstm.c", "lstm.h", "lstm.output", "dense.output"} <= set(file)
        assert file["lstm.f"].shape == (3, 50, 5)
        assert file["lstm.f"].dtype == np.float64


def test_masked_steps_have_no_gates(tmp_path: Path) -> None:
    path = tmp_path / "masked.yaml"
    path.write_text(
        "N: 4\nT: 6\ndata: {tokens: {lengths: random, padding: pre}}\nlayers:\n"
        "  - Embedding: {input_dim: 9, output_dim: 3, mask_zero: true}\n  - GRU: {units: 5, go_backwards: true}\n"
    )
    found = json.loads(run(path, "--format", "json").stdout)
    ((title, own),) = found["walks"].items()
    assert title == "gru, backwards"
    assert own["z"][0] is None
    assert own["h"][0] is not None
    assert "masked" in run(path).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--unit", "5"], "--unit 5: no recurrent layer has both; counted from 0, lstm 3 samples and 5 units"),
        (["--sample", "3"], "--sample 3"),
        (["-o", "nowhere/trace.npz"], "the folder nowhere does not exist"),
    ],
)
def test_a_wrong_request_is_told_so(spec: Path, arguments: list[str], message: str) -> None:
    result = run(spec, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_model_without_recurrence_has_nothing_to_print(tmp_path: Path) -> None:
    path = tmp_path / "dense.yaml"
    path.write_text("N: 3\nT: 4\nD: 2\nlayers: [{Dense: {units: 2}}]\n")
    result = run(path)
    assert result.exit_code == 2
    assert "no recurrent layer here" in result.stderr


def test_what_is_read_is_not_overwritten_and_a_wrong_request_leaves_no_file(spec: Path, tmp_path: Path) -> None:
    result = run(spec, "-o", spec)
    assert result.exit_code == 2
    assert "would be lost" in result.stderr
    assert run(spec, "-o", tmp_path / "t.npz", "--sample", "99").exit_code == 2
    assert not (tmp_path / "t.npz").exists()
    dense = tmp_path / "dense.yaml"
    dense.write_text("N: 3\nT: 4\nD: 2\nlayers: [{Dense: {units: 2}}]\n")
    assert run(dense, "-o", tmp_path / "t.npz").exit_code == 0
    with np.load(tmp_path / "t.npz") as file:
        assert file["dense.output"].shape == (3, 4, 2)
