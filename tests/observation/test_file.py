"""An observation survives its file, and a damaged file does no harm."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from click.testing import CliRunner, Result

import rnnverify
from rnnverify import verify
from rnnverify.api import observe
from rnnverify.cli import main
from rnnverify.errors import RequestError
from rnnverify.observation import Asked, Tolerance
from rnnverify.observation.arrays_file import ArraysFile
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


def test_what_was_observed_of_a_model_has_no_seed_and_comes_back_too(keras: Any, tmp_path: Path) -> None:
    given = keras.Input((4, 2))
    model = keras.Model(given, keras.layers.GRU(3)(given), name="mine")
    observed = observe(model, np.ones((2, 4, 2), np.float32))
    save_observation(observed, str(tmp_path / "o.npz"))
    assert (
        load_observation(str(tmp_path / "o.npz")).asked == observed.asked == Asked("mine", None, "float32", Tolerance())
    )


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


@pytest.mark.parametrize("name", ["a\nb.yaml", "caf\udce9.yaml"])
def test_a_spec_of_an_odd_name_can_be_saved_and_read(tmp_path: Path, name: str) -> None:
    observed = observe(spec_from_mapping({"N": 2, "T": 3, "D": 2, "M": 2, "K": 2}, name))
    save_observation(observed, str(tmp_path / "o.npz"))
    assert rnnverify.load_observation(str(tmp_path / "o.npz")).asked.spec == repr(name)


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
    with pytest.raises(RequestError, match="expected an observation of format 5, 4 or 3, got 99"):
        verify(load_observation(str(tmp_path / "o.npz")))


@pytest.mark.parametrize(
    "content", [{"format": 5}, {"format": 4}, {"format": 3, "dtypes": [], "asked": {}}, [], "text", None]
)
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


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The arrays of a saved observation."""
    path = str(tmp_path_factory.mktemp("saved") / "o.npz")
    save_observation(observe(spec_from_mapping({"N": 2, "T": 3, "D": 2, "M": 2, "K": 2}, "x.yaml")), path)
    with np.load(path) as file:
        return dict(file)


def with_content(saved: dict[str, Any], change: Any) -> dict[str, Any]:
    content = json.loads(saved["content"].tobytes())
    content = change(content) or content
    return {**saved, "content": np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)}


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        (lambda c: c.update(more=1), "more: Extra inputs are not permitted"),
        (lambda c: c.pop("nodes") and None, "nodes: Field required"),
        (lambda c: c.update(tf32=1), "tf32: Input should be a valid boolean"),
        (lambda c: c.update(tf32="yes"), "tf32: Input should be a valid boolean"),
        (lambda c: c["asked"].update(seed="1"), "asked.seed: Input should be a valid integer"),
        (lambda c: c["asked"].update(spec=["x"]), "asked.spec: Input should be a valid string"),
        (lambda c: c["asked"].update(spec="a\n::error::b"), "asked.spec: Value error, expected text without control"),
        (lambda c: c["nodes"][0].update(name="\x1b[31m"), "nodes.0.name: Value error, expected text without control"),
        (lambda c: c["seconds"].update({"a\nb": 1.0}), "Value error, expected text without control characters"),
        (lambda c: c["asked"].update(spec="x" * 5000), "asked.spec: String should have at most 4096 characters"),
        (lambda c: c["asked"]["tolerance"].update(atol=-1.0), "asked.tolerance.atol: Input should be greater than"),
        (lambda c: c["asked"]["tolerance"].update(rtol=float("nan")), "asked.tolerance.rtol: Input should be"),
        (lambda c: c["nodes"][0].update(inputs=[["input", -1]]), "nodes.0.inputs.0.1: Input should be greater than"),
        (lambda c: c["nodes"][0].update(inputs=[["input"]]), "nodes.0.inputs.0.1: Field required"),
        (lambda c: c.update(nodes=c["nodes"] * 501), "nodes: List should have at most 1000 items"),
        (lambda c: c["nodes"][0].update(config=[]), "nodes.0.config: Input should be an object"),
        (lambda c: c["inputs"].update(input=True), "inputs.input: Input should be a valid string"),
        (lambda c: c["inputs"].update(input="a\nb"), "inputs.input: Value error, expected text without control"),
        (lambda c: c["dtypes"].update({"a\nb": "float32"}), "Value error, expected text without control"),
        (lambda c: c["inputs"].update(input="x"), "there is no array x"),
        (lambda c: c["inputs"].update(input=0), "inputs.input: Input should be a valid string"),
        (lambda c: c["dtypes"].update({"x": "float32"}), "it lacks the array x"),
        (lambda c: c.update(dtypes=["float32"] * 9), "dtypes: Input should be an object"),
        (lambda c: c["seconds"].update(predict=float("inf")), "seconds.predict: Input should be a finite number"),
        (lambda c: [[[[c]]]], "expected an observation of format 5, 4 or 3, got None"),
        (lambda c: c.update(format=10**30), "expected an observation of format 5, 4 or 3, got 1000"),
    ],
)
def test_a_content_of_other_types_is_refused_by_its_place(
    saved: dict[str, Any], tmp_path: Path, change: Any, fragment: str
) -> None:
    np.savez(tmp_path / "o.npz", **with_content(saved, change))
    with pytest.raises(RequestError) as caught:
        rnnverify.load_observation(str(tmp_path / "o.npz"))
    assert fragment in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "array", "fragment"),
    [
        ("content", np.zeros(3), "expected a content of at most"),
        ("content", np.frombuffer(b"[" * 100_000, np.uint8), "not a saved observation"),
        ("content", np.frombuffer(b"{", np.uint8), "not a saved observation"),
        ("content", np.frombuffer(b"\xff\xff", np.uint8), "not a saved observation"),
        (
            "inputs/input",
            np.ones((0, 3, 2)),
            "expected numbers in inputs/input, got an array of float64 and shape (0, 3, 2)",
        ),
        ("inputs/input", np.full((2, 3, 2), "a"), "expected numbers in inputs/input, got an array of <U1"),
        ("inputs/input", np.full((2, 3, 2), 1j), "expected numbers in inputs/input, got an array of complex128"),
        ("inputs/input", np.ones((2, 3, 9)), "expected the weight kernel of simple_rnn in shape (9, 2), got (2, 2)"),
    ],
)
def test_arrays_that_are_not_what_they_should_be_are_refused(
    saved: dict[str, Any], tmp_path: Path, name: str, array: Any, fragment: str
) -> None:
    np.savez(tmp_path / "o.npz", **{**saved, name: array})
    with pytest.raises(RequestError) as caught:
        rnnverify.load_observation(str(tmp_path / "o.npz"))
    assert fragment in str(caught.value)


def test_an_observation_that_unpacks_to_many_times_its_size_is_refused_unread(
    saved: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "o.npz"
    np.savez_compressed(path, **{**saved, "inputs/input": np.zeros(70 << 20, dtype=np.uint8)})
    assert path.stat().st_size < 1 << 20
    read = ArraysFile.read
    monkeypatch.setattr(ArraysFile, "read", lambda file, name: read(file, {"content": name}[name]))  # that one alone
    with pytest.raises(RequestError, match="expected a file that unpacks to at most 20 times its size"):
        rnnverify.load_observation(str(path))


def test_an_observation_that_takes_more_memory_than_is_free_is_refused(
    saved: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "o.npz", **{**saved, "inputs/input": np.zeros(40 << 20, dtype=np.uint8)})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**28))
    with pytest.raises(
        RequestError, match=r"expected sizes that fit into memory \(0.2 GiB are free\), got about 0.3 GiB"
    ):
        rnnverify.load_observation(str(tmp_path / "o.npz"))


@pytest.mark.parametrize("error", [ValueError, KeyError, RuntimeError])
@pytest.mark.parametrize("broken", ["rnnverify.observation.file.made_of", "rnnverify.api.verifying.judge"])
def test_a_bug_of_ours_is_not_told_as_a_damaged_file(
    saved: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, error: type[Exception]
) -> None:
    np.savez(tmp_path / "o.npz", **saved)

    def fail(*_: Any) -> Any:
        raise error("ours")

    monkeypatch.setattr(broken, fail)
    with pytest.raises(error, match="ours"):
        verify(rnnverify.load_observation(str(tmp_path / "o.npz")))


def test_a_path_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="cannot be read: embedded null byte"):
        load_observation(str(tmp_path / "a\0b.npz"))
