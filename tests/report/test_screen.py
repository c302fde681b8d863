"""How wide a report is, and in which signs."""

from __future__ import annotations

import os
import pty
from collections.abc import Iterator
from io import BytesIO, StringIO, TextIOWrapper
from typing import IO, cast

import pytest

from rnnverify.report.parts import Line
from rnnverify.report.screen import NARROWEST, console, fitted, plain, show, show_record, width_of
from rnnverify.report.sweep_table import render_sweep
from rnnverify.report.table import render
from tests.report.by_hand import RIGHT, SWEEP, WRONG

MESSAGE = "a.yaml:1: M: expected a whole number from 1 to 2147483647; got 'many'"


@pytest.fixture
def terminal() -> Iterator[IO[str]]:
    """A terminal of 44 columns."""
    import fcntl
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 44, 0, 0))
    with os.fdopen(slave, "w") as stream:
        yield stream
    os.close(master)


def test_without_a_terminal_it_is_100_columns() -> None:
    assert width_of(StringIO()) == 100


def test_a_terminal_says_how_wide_it_is(terminal: IO[str]) -> None:
    assert width_of(terminal) == 44


@pytest.mark.parametrize(
    ("columns", "width"),
    [("72", 72), ("0", 100), ("", 100), ("wide", 100), ("²", 100), ("-5", 100), ("9" * 99, 100), ("3", NARROWEST)],
)
def test_columns_asks_for_another_width(columns: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert width_of(StringIO()) == width


def test_a_message_wraps_on_a_terminal_alone(terminal: IO[str]) -> None:
    assert fitted(MESSAGE, StringIO()) == MESSAGE
    assert fitted(f"{MESSAGE}\nb.yaml: no", terminal).splitlines() == [
        "a.yaml:1: M: expected a whole number from 1",
        "  to 2147483647; got 'many'",
        "b.yaml: no",
    ]


def test_one_of_many_lines_stays_one_where_it_can_be_searched() -> None:
    from rnnverify.report.table import quiet_line

    out = StringIO()
    show_record(console(out), quiet_line(WRONG))
    assert len(out.getvalue().splitlines()) == 1
    assert len(out.getvalue()) > 150


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp437", "euc-jp"])
def test_where_there_is_no_utf_8_our_own_signs_are_ascii(encoding: str) -> None:
    for parts in (render(RIGHT), render_sweep(SWEEP)):
        text = plain(parts, 100, encoding)
        assert text.isascii()
        assert "\\u" not in text
        assert "-----" in text
        assert "-+" not in text
    assert "█" in plain(render_sweep(SWEEP), 100, "utf-8")
    assert "@ 1.0e-04" in plain(render_sweep(SWEEP), 100, encoding)


def test_a_stream_without_utf_8_gets_ascii_too() -> None:
    stream = TextIOWrapper(written := BytesIO(), encoding="ascii")
    show(console(stream), *render(RIGHT))
    stream.flush()
    assert b"-----" in written.getvalue()


def test_where_there_is_nothing_to_print_on_it_is_a_page_all_the_same() -> None:
    closed = StringIO()
    closed.close()
    assert width_of(None) == width_of(closed) == width_of(cast(IO[str], object())) == 100


def test_a_dumb_terminal_is_as_wide_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.delenv("LINES", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")  # for rich: it is a terminal
    monkeypatch.setenv("COLUMNS", "40")
    out = StringIO()
    show(console(out), Line(MESSAGE))
    assert max(map(len, out.getvalue().splitlines())) <= 40


def test_plain_is_plain_whatever_the_environment_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "CLICOLOR_FORCE", "COLORTERM"):
        monkeypatch.setenv(name, "1")
    assert "\x1b" not in plain(render(WRONG, verbose=True), 100, "utf-8")
