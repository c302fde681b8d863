"""The line that says what is being done: on a terminal, once it takes a second, and gone again."""

from __future__ import annotations

import logging
import os
import pty
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest
from click.testing import CliRunner

from rnnverify.cli import main, working
from tests.cli.in_processes import environment, started

SMALL = "N: 3\nT: 7\nD: 2\nM: 5\nK: 4\nlayer: GRU\n"
AT_ONCE = "import rnnverify.cli.working\nrnnverify.cli.working.PATIENCE = 0.0"
log = logging.getLogger("rnnverify.anywhere")


class Screen:
    """A terminal, and what was written to it."""

    def __init__(self) -> None:
        self.reading, writing = pty.openpty()
        self.terminal = open(writing, "w")  # noqa: SIM115
        os.set_blocking(self.reading, False)
        self.seen = ""

    def look(self) -> str:
        try:
            while part := os.read(self.reading, 4096):
                self.seen += part.decode()
        except OSError:  # there is no more yet, or ever
            pass
        return self.seen

    def wait_for(self, words: str) -> None:
        end = time.monotonic() + 60
        while words not in self.look():
            assert time.monotonic() < end, self.seen
            time.sleep(0.01)

    def left(self) -> str:
        """What a reader sees in the end."""
        rows, row = {0: ""}, 0
        for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\n|[^\x1b\n]+", self.look()):
            if part == "\n":
                row += 1
            elif part == "\x1b[1A":
                row -= 1
            elif part == "\x1b[2K":
                rows[row] = ""
            elif not part.startswith("\x1b"):
                rows[row] = rows.get(row, "") + part
        return "\n".join(rows.values())


@pytest.fixture
def screen() -> Iterator[Screen]:
    made = Screen()
    yield made
    made.terminal.close()
    os.close(made.reading)


@pytest.fixture(autouse=True)
def usual_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")


def test_what_takes_long_is_said_until_it_is_taken_away(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "PATIENCE", 0.0)
    with working.working(screen.terminal) as take_away:
        log.info("building")
        screen.wait_for("building")
        log.info("predicting %s", "all")
        screen.wait_for("predicting all")
        take_away()
        assert screen.left().strip() == ""
        log.info("verifying")
        screen.wait_for("verifying")
    assert screen.left().strip() == ""
    assert "\x1b[?25l" not in screen.seen  # the cursor stays: who is killed could not show it again


def test_what_takes_less_than_a_second_is_not_said(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "PATIENCE", 1000.0)
    with working.working(screen.terminal):
        log.info("building")
        log.info("predicting")
    assert screen.look() == ""


def test_a_terminal_on_which_nothing_can_be_taken_away_is_left_alone(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "PATIENCE", 0.0)
    monkeypatch.setenv("TERM", "dumb")
    with working.working(screen.terminal):
        log.info("building")
        time.sleep(0.1)
    assert screen.look() == ""


def test_a_file_is_no_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "PATIENCE", 0.0)
    monkeypatch.setenv("FORCE_COLOR", "1")
    file: TextIO
    with (tmp_path / "log").open("w") as file, working.working(file):
        log.info("building")
        time.sleep(0.1)
    assert (tmp_path / "log").read_text() == ""


def test_the_log_is_as_it_was(screen: Screen) -> None:
    library = logging.getLogger("rnnverify")
    before = library.level, library.propagate, list(library.handlers)
    with working.working(screen.terminal):
        assert len(library.handlers) == len(before[2]) + 1
    assert (library.level, library.propagate, library.handlers) == before


@pytest.mark.parametrize("format_", ["table", "json"])
def test_run_says_what_it_does_while_stdout_has_the_report_alone(format_: str, screen: Screen, tmp_path: Path) -> None:
    (tmp_path / "gru.yaml").write_text(SMALL)
    arguments = ["run", "gru.yaml", "--format", format_]
    process = started(*arguments, before=AT_ONCE, cwd=tmp_path, stderr=screen.terminal, env=environment(TERM="xterm"))
    screen.wait_for("importing TensorFlow")
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert screen.left().strip() == ""
    assert out.startswith("{" if format_ == "json" else "gru.yaml")
    assert "\x1b" not in out


def test_quiet_is_quiet(screen: Screen, tmp_path: Path) -> None:
    (tmp_path / "gru.yaml").write_text(SMALL)
    options = {"cwd": tmp_path, "stderr": screen.terminal, "env": environment(TERM="xterm")}
    process = started("run", "gru.yaml", "-q", before=AT_ONCE, **options)
    assert process.communicate(timeout=120)[0] == "match  gru.yaml\n"
    assert screen.look() == ""


COMMANDS = {
    "run": (["run", "SPEC"], ["building the model", "predicting", "verifying", "looking for blind spots"]),
    "check": (["check", "SPEC"], ["building the model", "predicting", "verifying", "looking for blind spots"]),
    "trace": (["trace", "SPEC"], ["building the model", "predicting"]),
    "blindspots": (["blindspots", "SPEC"], ["building the model", "predicting", "looking for blind spots"]),
    "compare": (
        ["compare", "SPEC", "--candidate", "PORT:forward", "--effort", "0"],
        ["building the model", "predicting", "verifying", "running the candidate", "verifying the candidate"],
    ),
    "explain": (["explain", "SPEC"], ["building the model", "predicting"]),
    "vectors": (
        ["vectors", "SPEC", "-o", "OUT"],
        ["building the model", "predicting", "choosing what shows the known mistakes", "verifying"],
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "spec.yaml").write_text(SMALL)
    (tmp_path / "port.py").write_text("import numpy as np\ndef forward(x, weights): return np.zeros((len(x), 4))\n")
    places = {"SPEC": tmp_path / "spec.yaml", "PORT:forward": f"{tmp_path / 'port.py'}:forward", "OUT": tmp_path / "v"}
    arguments, stages = COMMANDS[name]
    with caplog.at_level(logging.INFO, "rnnverify"):
        CliRunner().invoke(main, [str(places.get(word, word)) for word in arguments])
    said = [record.getMessage() for record in caplog.records if record.name.startswith("rnnverify")]
    rest = iter(said)
    assert all(stage in rest for stage in stages), said  # in this order
