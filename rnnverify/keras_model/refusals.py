"""What another library says of what it refuses, in one line."""

from __future__ import annotations

import re

PAINT = re.compile(r"\x1b\[[0-9;]*m")  # the colours of a terminal
# Lines of Keras's and TensorFlow's messages before the one that says what is wrong.
SAY_NOTHING = (
    "Exception encountered when calling",
    "Graph execution error",
    "Detected at node",
    "<stack traces",
    'File "',
)


def refusal(origin: str, layer: str, error: BaseException) -> str:
    return f"{origin}: layer {layer!r}: Keras refuses to build it: {first_line(error)}"


def first_line(error: BaseException) -> str:
    """The gist of another library's error."""
    lines = [PAINT.sub("", line).strip() for line in str(error).splitlines()]
    told = [line for line in lines if line and not line.startswith(SAY_NOTHING)]
    return f"{type(error).__name__}: {told[0][:300]}" if told else type(error).__name__
