"""What another library says of what it refuses, in one line: the one that says something."""

from __future__ import annotations

import re

LONGEST = 300  # characters
PAINT = re.compile(r"\x1b\[[0-9;]*m")  # the colours of a terminal
# Lines of Keras's and TensorFlow's messages before the one that says what is wrong.
SAY_NOTHING = (
    "Exception encountered",
    "Graph execution error",
    "Detected at node",
    "<stack traces",
    'File "',
    "A total of ",
    "Exception from ",
)
REASON = re.compile(
    r"Exception encountered: (?:''(.*)''|(\S.*))$"
)  # behind a config of pages; the innermost comes last
TRACED, RAISED = "in user code:", re.compile(r"\w*(?:Error|Exception): (.*)")  # a trace of TensorFlow's, and its end
NUMBERS = re.compile(r", value=\[.*")  # of a variable that does not fit


def refusal(origin: str, layer: str, error: BaseException) -> str:
    return f"{origin}: layer {layer!r}: Keras refuses to build it: {first_line(error)}"


def first_line(error: BaseException) -> str:
    """The gist of another library's error."""
    lines = [line for line in (PAINT.sub("", line).strip() for line in str(error).splitlines()) if line]
    if lines[:1] == [TRACED]:
        lines = [RAISED.sub(r"\1", line) for line in lines[raised_at(lines) :]]
    reasons = [found[1] or found[2] for line in lines if (found := REASON.search(line))]
    told = reasons[-1:] or [line for line in lines if not line.startswith(SAY_NOTHING)]
    return f"{type(error).__name__}: {NUMBERS.sub('', told[0])[:LONGEST]}" if told else type(error).__name__


def raised_at(lines: list[str]) -> int:
    """Which line ends a trace."""
    return next((index for index, line in enumerate(lines) if RAISED.match(line)), 1)
