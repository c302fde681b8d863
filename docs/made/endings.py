"""The exit codes, from the constants that the commands end with."""

from __future__ import annotations

from collections.abc import Iterator

from rnnverify.cli.ending import BUG, CLOSED_PIPE, FINISHED, WRONG
from rnnverify.cli.interrupts import INTERRUPTED

NOT_A_MATCH = 1
MEANINGS = {
    FINISHED: "every verdict is match",
    NOT_A_MATCH: "some verdict is mismatch or untested",
    WRONG: "the request is wrong, or what is printed cannot be written; one message says what was expected, what was"
    " received and where",
    BUG: "a bug of rnnverify, with one line that names the file with the traceback",
    INTERRUPTED: "Ctrl-C",
    CLOSED_PIPE: "whoever read the output has gone, as `head` does",
}


def endings() -> Iterator[str]:
    """A row for each."""
    yield "| exit code | what it says |"
    yield "|---|---|"
    for code, meaning in MEANINGS.items():
        yield f"| {code} | {meaning} |"
