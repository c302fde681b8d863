"""Modules of the user's own, imported as they stand."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from rnnverify.machine.own_code import module_called


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that we work in, where Python may keep bytecode."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for name in ("own_rnn", "own_rnn.parts", "own_rnn.parts.cell"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (1_600_000_000, 1_600_000_000))


def anew(name: str) -> object:
    """What another process would import."""
    for known in [one for one in sys.modules if one.partition(".")[0] == "own_rnn"]:
        del sys.modules[known]
    return module_called(name).A


def test_a_module_written_again_within_the_second_is_imported_as_it_stands(place: Path) -> None:
    written(place / "own_rnn" / "parts" / "cell.py", "A = 1\n")
    assert anew("own_rnn.parts.cell") == 1
    written(place / "own_rnn" / "parts" / "cell.py", "A = 2\n")
    assert anew("own_rnn.parts.cell") == 2
    assert not list(place.rglob("*.pyc"))
    assert not sys.dont_write_bytecode


def test_a_module_is_found_that_was_written_a_moment_ago(place: Path) -> None:
    with pytest.raises(ImportError):
        module_called("own_rnn")
    before = place.stat()
    written(place / "own_rnn.py", "A = 3\n")
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))  # a file system that tells no finer times
    assert anew("own_rnn") == 3


def test_what_a_module_raises_leaves_python_as_it_was(place: Path) -> None:
    written(place / "own_rnn.py", "1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        anew("own_rnn")
    assert not sys.dont_write_bytecode
