"""How a command ends: the exit code for each of the ways, and what is said of it."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import click

from rnnverify.cli.interrupts import INTERRUPTED, Heard
from rnnverify.cli.streams import LostOutputError
from rnnverify.errors import limit_of_the_machine

FINISHED, WRONG, BUG, CLOSED_PIPE = 0, 2, 70, 141


class RaisedError(Exception):
    """What a command raised, past click, which makes something of its own of some."""

    def __init__(self, error: BaseException, verbose: bool) -> None:
        super().__init__(error)
        self.error = error
        self.verbose = verbose  # whether to print a traceback


class FoundBugError(Exception):
    """Bugs of ours that a command has survived.

    Args:
        tracebacks: by what they were met with.
    """

    def __init__(self, tracebacks: Mapping[str, str]) -> None:
        first, *rest = tracebacks
        super().__init__(f"it was met in {first}" + (f", and in {len(rest)} more" if rest else ""))
        self.text = "\n".join(tracebacks.values())


def exit_code(command: Callable[[], Any], heard: Heard) -> int:
    """Run a command, say how it ended, if not well, and give the exit code.

    Args:
        command: gives click's exit code, or nothing.
        heard: whether there was a Ctrl-C.
    """
    try:
        code = command()
        sys.stdout.flush()
        return INTERRUPTED if heard() else code or FINISHED
    except SystemExit as left:  # what writes a shell's completion ends so
        return WRONG if left.code else FINISHED
    except BaseException as raised:
        verbose = isinstance(raised, RaisedError) and raised.verbose
        error = raised.error if isinstance(raised, RaisedError) else raised
        if heard() and not isinstance(error, KeyboardInterrupt):
            error = KeyboardInterrupt()  # somebody on the way, importing TensorFlow say, made another error of it
        return ended(error, verbose)


def ended(error: BaseException, verbose: bool = False) -> int:
    """Say what ended a command, and give the exit code."""
    code = code_of(error)
    try:
        tell(error, code, verbose)
    except (LostOutputError, BrokenPipeError):  # it is stderr that nobody reads any more
        return CLOSED_PIPE if code == WRONG else code
    except OSError:
        pass
    return code


def code_of(error: BaseException) -> int:
    """The exit code for what ended a command."""
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return INTERRUPTED
    if isinstance(error, LostOutputError) and error.closed:
        return CLOSED_PIPE
    if isinstance(error, click.ClickException | LostOutputError) or limit_of_the_machine(error):
        return WRONG
    return BUG


def tell(error: BaseException, code: int, verbose: bool) -> None:
    """Say on stderr what ended a command: a line, and where it is a bug of ours a traceback, or where to find it."""
    if isinstance(error, click.ClickException):
        error.show()
    elif isinstance(error, LostOutputError) and not error.closed:
        click.echo(f"the output cannot be written: {error}", err=True)
    elif code == INTERRUPTED:
        click.echo(str(error) or "interrupted", err=True)
    elif code == WRONG:
        click.echo(limit_of_the_machine(error), err=True)
    elif code == BUG:
        report_bug(error, verbose)


def report_bug(error: BaseException, verbose: bool) -> None:
    """One line, and the traceback before it with -v, else in a file that the line names."""
    if isinstance(error, FoundBugError):
        gist, text = str(error), error.text
    else:
        gist, text = f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error))
    gist = " ".join("".join(char if char.isprintable() else " " for char in gist).split())[:300]
    path = None if verbose else kept(text)
    if path is None:
        click.echo(text, nl=False, err=True)
    where = "the traceback above" if path is None else f"the traceback in {path}"
    click.echo(f"a bug of rnnverify, not of your request: {gist}; please report it, with {where}", err=True)


def kept(text: str) -> str | None:
    """The path of a new file that holds a text, and the command that led to it; None where none can be written."""
    import tempfile

    with suppress(OSError):
        number, path = tempfile.mkstemp(prefix="rnnverify-bug-", suffix=".txt")
        with open(number, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{sys.argv}\n{text}")
        return os.path.realpath(path)
    return None
