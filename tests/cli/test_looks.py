"""What is printed fits what it is printed on, and says that there is more to see."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rnnverify.cli import main

SMALL = """\
N: 2
T: 3
D: 2
layers:
  - Bidirectional: {layer: {LSTM: {units: 3, return_sequences: true}}}
  - GRU: {units: 3, return_state: true}
  - Dense: {units: 30, name: a_layer_with_a_name_that_is_rather_long}
"""
HINT = "-v shows more: "


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spec, and what was observed of it, which is verified without Keras."""
    folder = tmp_path_factory.mktemp("looks")
    (folder / "a.yaml").write_text(SMALL)
    (folder / "b.yaml").write_text(SMALL + "tolerance: {atol: 0}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # the reports name the spec as it is named here, and a path is never broken
        assert rnnverify("run", "a.yaml", "--save-observation", "a.npz").exit_code == 0
    return folder


def rnnverify(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("command", [["run"], ["run", "-v"], ["run", "--atol", "0"], ["trace"], ["blindspots"]])
def test_every_line_fits(command: list[str], columns: int, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    monkeypatch.setenv("COLUMNS", str(columns))
    printed = rnnverify(*command, "a.npz").stdout
    assert max(map(len, printed.splitlines())) <= columns
    assert len(printed.splitlines()) > 5


def test_without_a_terminal_it_is_100_columns(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    longest = max(map(len, rnnverify("run", "-v", "a.npz").stdout.splitlines()))
    assert 90 < longest <= 100


def on_a_terminal(columns: int, command: list[str], folder: Path, **environment: str) -> str:
    """What a terminal of so many columns is sent."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", **environment}
    process = subprocess.Popen(
        [sys.executable, "-m", "rnnverify", *command],
        stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    sent = b""
    try:
        while part := os.read(master, 65536):
            sent += part
    except OSError:  # the other end is closed
        pass
    os.close(master)
    assert process.wait() in (0, 1, 2)
    return sent.decode().replace("\r\n", "\n")


def test_on_a_terminal_it_is_as_wide_as_that(files: Path) -> None:
    printed = on_a_terminal(66, ["run", "a.npz"], files, NO_COLOR="1", TERM="dumb")
    assert 60 < max(map(len, printed.splitlines())) <= 66
    assert "\x1b" not in printed
    assert "\x1b[1m" in on_a_terminal(66, ["run", "a.npz"], files, FORCE_COLOR="1")


def test_an_error_wraps_on_a_terminal_and_stays_one_line_elsewhere(files: Path) -> None:
    (files / "c.yaml").write_text("N: 1\nT: 3\nD: 2\nM: many\nK: 2\n")
    told = on_a_terminal(40, ["run", "c.yaml"], files)
    assert len(told.splitlines()) > 1
    assert max(map(len, told.splitlines())) <= 40
    assert len(rnnverify("run", files / "c.yaml").stderr.splitlines()) == 1


def test_a_check_keeps_to_a_line_for_each_spec_where_it_can_be_searched(files: Path) -> None:
    printed = rnnverify("check", files / "a.yaml", files / "b.yaml").stdout.splitlines()
    assert [line.split()[0] for line in printed] == ["match", "mismatch", "2", "-v"]


def test_a_mismatch_says_what_verbose_would_show(files: Path) -> None:
    assert rnnverify("run", files / "a.npz", "--atol", "0").stdout.splitlines()[-1].startswith(HINT)
    for arguments in (["--atol", "0", "-v"], ["--atol", "0", "-q"], ["--atol", "0", "--format", "json"], []):
        assert HINT not in rnnverify("run", files / "a.npz", *arguments).output


def test_a_wrong_candidate_does_too(files: Path) -> None:
    port = files / "port.py"
    outputs = "{'a_layer_with_a_name_that_is_rather_long': np.zeros((2, 30))}"
    port.write_text(f"import numpy as np\n\n\ndef forward(x, weights):\n    return {outputs}\n")
    command = ["compare", files / "a.npz", "--candidate", f"{port}:forward", "--effort", "0"]
    assert HINT in rnnverify(*command).stdout
    assert HINT not in rnnverify(*command, "-v").stdout
    assert HINT not in rnnverify(*command, "-q").stdout


@pytest.mark.parametrize("arguments", [["-q"], ["-v"], ["--format", "json"]])
def test_a_check_says_it_where_the_tables_are_not_printed(arguments: list[str], files: Path) -> None:
    told = "-v prints the tables of what does not match"
    assert told in rnnverify("check", files / "b.yaml").stdout
    assert told not in rnnverify("check", files / "b.yaml", *arguments).output
    assert told not in rnnverify("check", files / "a.yaml").output


def test_a_screen_without_utf_8_gets_ascii(files: Path) -> None:
    poor = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "rnnverify", "run", "a.npz"]
    done = subprocess.run(command, cwd=files, capture_output=True, env=poor, check=True)
    assert done.stdout.isascii()
    assert b"-----" in done.stdout
    assert b"\\u" not in done.stdout
