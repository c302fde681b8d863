"""How wide what we print on is, and what a report looks like there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from io import BytesIO, TextIOWrapper
from typing import IO

from rich.console import Console

from rnnverify.report.parts import FURTHER_IN, Line, wrapped
from rnnverify.report.tables import Table

WITHOUT_TERMINAL = 100  # columns: a file, a log, a notebook
USUAL = 80  # of a terminal that does not say
NARROWEST = 30  # below it a number would have to be cut
HEIGHT = 25  # lines; means nothing, but without it a dumb terminal is 80 columns wide to rich, whatever it is told


def width_of(stream: IO[str] | None) -> int:
    """In columns: what COLUMNS says, or else the terminal, or else what a page has."""
    wanted = os.environ.get("COLUMNS", "")
    width = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 6 else 0
    return max(NARROWEST, width or (columns_of(stream) if stream and is_terminal(stream) else WITHOUT_TERMINAL))


def is_terminal(stream: IO[str]) -> bool:
    """Whether it is one; what a notebook or a test has put in its place may be closed, or not say."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def columns_of(terminal: IO[str]) -> int:
    try:
        return os.get_terminal_size(terminal.fileno()).columns or USUAL
    except (OSError, ValueError):
        return USUAL


def console(stream: IO[str]) -> Console:
    """For lines and tables on a stream, with colours if it is a terminal."""
    return Console(file=stream, width=width_of(stream), height=HEIGHT)


def show(out: Console, *parts: Line | Table) -> None:
    """Print them; what cannot be broken stands out beyond the width."""
    for part in parts:
        out.print(part, crop=False)


def show_record(out: Console, line: Line) -> None:
    """Print one of many lines, each of one spec: where it can be searched, in a file or a log, it stays one line."""
    out.print(line, crop=False, soft_wrap=not is_terminal(out.file))


def fitted(message: str, stream: IO[str]) -> str:
    """A message as a stream shows it: wrapped at words on a terminal."""
    if not is_terminal(stream):
        return message
    width = width_of(stream)
    return "\n".join(part for line in message.splitlines() for part in wrapped(line, width, FURTHER_IN))


def plain(parts: Iterable[Line | Table], width: int, encoding: str) -> str:
    """As text, without colours, in characters that an encoding has."""
    page = TextIOWrapper(written := BytesIO(), encoding=encoding, errors="backslashreplace", newline="\n")
    out = Console(file=page, width=width, height=HEIGHT, color_system=None, force_terminal=False, force_jupyter=False)
    show(out, *parts)
    page.flush()
    return "\n".join(line.rstrip() for line in written.getvalue().decode(encoding).splitlines()).lstrip("\n")
