"""An observation survives its file, and a damaged file does no harm."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from rnnverify import verify
from rnnverify.api import observe
from rnnverify.cli import main
from rnnverify.errors import RequestError
from rnnverify.observation import Asked, Tolerance
from rnnverify.observation.file import load_observation, save_observation
from rnnverify.spec import spec_from_mapping


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["run", *map(str, arguments)])


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "x.yaml"
    path.write_text(
        "N: 3\nT: 6\nM: 4\nK: 2\nseed: 3\ndata: {tokens: {lengths: random}}\nlayers:\n"
        "  - Embedding: {input_dim: 9, output_dim: 5, mask_zero: true}\n"
        "  - Bidirectional: {layer: {LSTM: {units: M, return_sequences: true}}}\n  - GRU: {units: M}\n  - Dense: {units: K}\n"
    )
    return path


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_everything_comes_back_as_it_was(tmp_path: Path, dtype: str) -> None:
    keys = {"seed": 3, "tolerance": {"rtol": 0.5}, "dtype": dtype}
    observed = observe(spec_from_mapping({"N": 2, "T": 3, "D": 4, "M": 5, "K": 2, "layer": "LSTM", **keys}, "x.yaml"))
    path = str(tmp_path / "o.npz")
    save_observation(observed, path)
    loaded = load_observation(path)
    assert loaded.asked == observed.asked == Asked("x.yaml", 3, dtype, Tolerance(None, 0.5))
    assert (loaded.outputs, loaded.tf32, loaded.environment) == (observed.outputs, observed.tf32, observed.environment)
    assert [node.name for node in loaded.nodes] == [node.name for node in observed.nodes]
    for ours, theirs in zip(loaded.nodes, observed.nodes, strict=True):
        assert (ours.inputs, ours.masked, ours.config) == (theirs.inputs, theirs.masked, theirs.config)
        assert all(np.array_equal(ours.weights[name], weight) for name, weight in theirs.weights.items())
    assert all(np.array_equal(loaded.emitted[ref], array) for ref, array in observed.emitted.items())
    for name, walks in observed.walks.items():
        assert np.array_equal(loaded.walks[name][0].sequence, walks[0].sequence)


def test_the_report_of_a_file_is_that_of_the_spec(spec: Path, tmp_path: Path) -> None:
    saved = tmp_path / "o.npz"
    first = json.loads(run(spec, "--format", "json", "--save-observation", saved).stdout)
    second = json.loads(run(saved, "--format", "json").stdout)
    for report in (first, second):
        report["results"][0]["seconds"] = None
        report["results"][0]["blind_spots"] = None  # looked for if there is time; and a file leaves less to be changed
    assert first == second


def test_a_file_is_verified_without_tensorflow(spec: Path, tmp_path: Path) -> None:
    run(spec, "--save-observation", tmp_path / "o.npz")
    code = (
        "import sys; sys.modules['keras'] = sys.modules['tensorflow'] = None\n"
        "from rnnverify.cli import main\nmain(['run', 'o.npz', '-q'])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, f"match  {spec}\n", "")


@pytest.mark.parametrize("size", [0, 10, 1000, -100])
def test_a_file_cut_short_is_refused(spec: Path, tmp_path: Path, size: int) -> None:
    whole = tmp_path / "o.npz"
    run(spec, "--save-observation", whole)
    whole.write_bytes(whole.read_bytes()[:size])
    result = run(whole)
    assert result.exit_code == 2
    assert "not a saved observation, or damaged" in result.stderr


def test_another_version_is_refused(tmp_path: Path) -> None:
    content = np.frombuffer(json.dumps({"format": 99}).encode(), dtype=np.uint8)
    np.savez(tmp_path / "o.npz", content=content)
    with pytest.raises(RequestError, match="expected an observation of format 3, got 99"):
        verify(load_observation(str(tmp_path / "o.npz")))


@pytest.mark.parametrize("content", [{"format": 2}, {"format": 2, "dtypes": [], "asked": {}}, [], "text", None])
def test_a_file_that_lacks_something_is_refused(tmp_path: Path, content: Any) -> None:
    np.savez(tmp_path / "o.npz", content=np.frombuffer(json.dumps(content).encode(), dtype=np.uint8))
    with pytest.raises(RequestError):
        verify(load_observation(str(tmp_path / "o.npz")))


class Trap:
    def __reduce__(self) -> Any:
        return (print, ("executed",))


def test_a_pickle_is_not_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "o.npz").write_bytes(pickle.dumps(Trap()))
    np.savez(tmp_path / "p.npz", content=np.array([Trap()], dtype=object))
    for name in ("o.npz", "p.npz"):
        with pytest.raises(RequestError):
            verify(load_observation(str(tmp_path / name)))
    assert "executed" not in capsys.readouterr().out


def test_options_that_need_a_spec_are_refused(spec: Path, tmp_path: Path) -> None:
    run(spec, "--save-observation", tmp_path / "o.npz")
    assert "they need a spec" in run(tmp_path / "o.npz", "--set", "N=2").stderr
    assert "expected one spec" in run(tmp_path / "o.npz", "--save-observation", tmp_path / "p.npz").stderr
    assert "expected one spec" in run(spec, spec, "--save-observation", tmp_path / "p.npz").stderr
    assert run(tmp_path / "o.npz", "--atol", "0").exit_code == 1
    for wrong in ("-1", "nan", "inf"):
        assert run(tmp_path / "o.npz", "--rtol", wrong).stderr.startswith("rtol: expected a finite number")


def test_a_file_of_the_format_before_is_refused_by_name(tmp_path: Path) -> None:
    content = np.frombuffer(json.dumps({"format": 1, "dtypes": [], "about": {}}).encode(), dtype=np.uint8)
    np.savez(tmp_path / "o.npz", content=content)
    with pytest.raises(RequestError, match="expected an observation of format 3, got 1; save it anew"):
        load_observation(str(tmp_path / "o.npz"))


@pytest.mark.parametrize("change", [{"class_name": 3}, {"config": {}}, {"config": None}, {"inputs": [["nowhere", 0]]}])
def test_a_whole_file_whose_parts_do_not_fit_together_is_refused(spec: Path, tmp_path: Path, change: Any) -> None:
    run(spec, "--save-observation", tmp_path / "o.npz")
    with np.load(tmp_path / "o.npz") as file:
        arrays = dict(file)
    content = json.loads(arrays["content"].tobytes())
    content["nodes"][1].update(change)
    np.savez(tmp_path / "o.npz", **{**arrays, "content": np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)})
    result = run(tmp_path / "o.npz")
    assert result.exit_code == 2
    assert "Traceback" not in result.output
