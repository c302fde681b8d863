"""Ctrl-C: 130, one line, and soon, also where Python does not hear it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.in_processes import started

# Deaf as TensorFlow's kernels are: a lock that is taken already, waited for outside of Python.
DEAF = """
def build():
    import ctypes, pathlib
    lock = ctypes.create_string_buffer(256)
    take = ctypes.CDLL(None).pthread_mutex_lock
    take(lock)
    pathlib.Path("deaf").touch()
    take(lock)
"""
SWALLOWED = """
def build():
    import pathlib, time
    try:
        pathlib.Path("deaf").touch()
        time.sleep(100)
    except KeyboardInterrupt:
        raise ImportError("initialization failed") from None  # as some that are written in C++ make of it
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.yaml").write_text("N: 2\nmodel: mine:build\n")
    return tmp_path


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def interrupted(folder: Path, *command: str, there: str = "deaf", **options: Any) -> tuple[int, str, str]:
    """How a command ends after a Ctrl-C as it runs the user's code, when something is there already."""
    process = started(*command, "--allow-code", cwd=folder, **options)
    wait_for((folder / "deaf").exists, process)
    assert list(folder.glob(there))
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGINT)
    out, told = process.communicate(timeout=30)
    return process.returncode, out, told


@pytest.mark.parametrize("code", [DEAF, SWALLOWED], ids=["deaf", "swallowed"])
def test_ctrl_c_ends_a_run_with_130_and_one_line(code: str, folder: Path) -> None:
    (folder / "mine.py").write_text(code)
    assert interrupted(folder, "run", "mine.yaml") == (130, "", "interrupted\n")


def test_ctrl_c_is_heard_although_nothing_can_be_said(folder: Path) -> None:
    (folder / "mine.py").write_text(DEAF)
    with open("/dev/full", "w") as full:
        assert interrupted(folder, "run", "mine.yaml", stderr=full)[0] == 130


def test_a_folder_that_was_begun_is_removed_although_nothing_hears(folder: Path) -> None:
    (folder / "mine.py").write_text(DEAF)
    command = ["vectors", "mine.yaml", "-o", "vectors"]
    assert interrupted(folder, *command, there=".vectors-*") == (130, "", "interrupted\n")
    left = {path.name for path in folder.iterdir()}
    assert left - {"__pycache__"} == {"mine.yaml", "mine.py", "deaf"}


def test_who_takes_the_signal_has_the_time_that_it_takes(folder: Path) -> None:
    code = """
def build():
    import pathlib, signal, sys, time
    told = []
    signal.signal(signal.SIGINT, lambda *_: told.append(time.sleep(3)))
    pathlib.Path("deaf").touch()
    while not told:
        time.sleep(0.01)
    sys.exit("in good order")
"""
    (folder / "mine.py").write_text(code)
    returned, _, told = interrupted(folder, "run", "mine.yaml")
    assert returned == 2
    assert "in good order" in told


def test_ctrl_c_as_the_command_line_is_imported_has_no_traceback(folder: Path) -> None:
    before = """
import builtins
imported = builtins.__import__
def interrupted(name, *rest):
    if name == "rnnverify.cli.sweep":
        raise KeyboardInterrupt
    return imported(name, *rest)
builtins.__import__ = interrupted
"""
    process = started("--version", before=before, cwd=folder)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 130


def test_ctrl_c_that_is_ignored_stays_so(folder: Path) -> None:
    """As in a job that runs in the background of a shell."""
    before = "import os\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nos.kill(os.getpid(), signal.SIGINT)"
    process = started("--version", before=before, cwd=folder)
    assert process.communicate(timeout=60)[0].startswith("rnnverify, version")
    assert process.returncode == 0
