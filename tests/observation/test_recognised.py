"""Files that are something else than a spec say what they are, and what is meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from rnnverify.cli import main
from rnnverify.observation.recognised import what_it_is


def npz(path: Path, **arrays: Any) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)


def saved_model(path: Path) -> None:
    path.mkdir()
    (path / "saved_model.pb").write_bytes(b"\x08\x01")


def swept(path: Path) -> None:
    path.mkdir()
    (path / "sweep.json").write_text("{}")


FILES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "x.npy": (lambda path: np.save(path, np.zeros(3)), "an array; a spec is fed with it by `data: {file: x.npy}`"),
    "xs.npz": (lambda path: npz(path, dense=np.zeros(3)), "judges them as somebody's outputs"),
    "seen": (lambda path: npz(path, content=np.zeros(3)), "a saved observation; `rnnverify run"),
    "model.onnx": (lambda path: path.write_bytes(b"\x08\x07"), "an ONNX model; run it"),
    "model.bin": (lambda path: path.write_bytes(b"\x1c\0\0\0TFL3"), "a LiteRT model; run it"),
    "port.py": (lambda path: path.write_text("x = 1\n"), "port.py:FUNCTION` judges a function in it"),
    "arch.json": (
        lambda path: path.write_text(json.dumps({"class_name": "Sequential", "config": {}})),
        "model_from_json",
    ),
    "report.json": (lambda path: path.write_text(json.dumps({"rnnverify": "0.1.0"})), "a report of rnnverify"),
    "w.weights.h5": (
        lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n"),
        "weights alone (save_weights) need their model",
    ),
    "saved": (saved_model, "a SavedModel"),
    "swept": (swept, "a folder of a sweep; `rnnverify sweep GRID --output "),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_says_what_it_is(tmp_path: Path, name: str) -> None:
    make, words = FILES[name]
    make(tmp_path / name)
    assert words in (what_it_is(str(tmp_path / name)) or "")


@pytest.mark.parametrize("content", [b"", b"N: 2\n", b"{", b"{" * 100_000, b"[1]", b"PK\x03\x04", b"\xff\xfe"])
def test_what_is_nothing_that_is_known_is_not_guessed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.yaml").write_bytes(content)
    assert what_it_is(str(tmp_path / "x.yaml")) is None
    assert what_it_is(str(tmp_path / "none")) is None


@pytest.mark.parametrize(
    ("command", "name", "content", "words"),
    [
        ("run", "grid.yaml", "base: {D: 3}\ngrid: {T: [1, 2]}\n", "whose points `rnnverify sweep grid.yaml` tries"),
        ("sweep", "spec.yaml", "N: 1\nT: 2\n", "a spec, and no grid; `rnnverify run spec.yaml` verifies it"),
        ("check", "seen.npz", {"content": np.zeros(2)}, "a saved observation; `rnnverify run seen.npz` verifies it"),
        ("sweep", "seen.npz", {"content": np.zeros(2)}, "a saved observation; `rnnverify run seen.npz` verifies it"),
        ("run", "outputs.npz", {"dense": np.zeros(2)}, "rnnverify compare SPEC --candidate outputs.npz"),
        ("vectors", "outputs.npz", {"dense": np.zeros(2)}, "rnnverify compare SPEC --candidate outputs.npz"),
        ("run", "model.onnx", "x", "an ONNX model"),
    ],
)
def test_a_command_says_which_other_one_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, name: str, content: Any, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if isinstance(content, str):
        Path(name).write_text(content)
    else:
        npz(Path(name), **content)
    found = CliRunner().invoke(main, [command, name, *(["-o", "v"] if command == "vectors" else [])])
    assert found.exit_code == 2
    assert words in found.output
