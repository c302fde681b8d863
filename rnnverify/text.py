"""Text from outside, as it may be shown: on a screen, in a log, in a report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

LONGEST = 20_000  # characters
# What a CI server reads as a command: `::error::` where a line or a word starts, `##[error]` anywhere.
COMMAND = re.compile(r"(?<!\w):(?=:[a-z])|#(?=#\w*\[)", re.IGNORECASE)


def cleaned(text: str) -> str:
    """A text on one line, without anything that a terminal or a CI server obeys.

    Line ends, escape sequences, marks that turn the direction of writing, halves of characters: each stands there as
    Python's escape for it, `\\n`, `\\x1b`, `\\u202e`. What nobody can want to read to its end is cut. What is clean already
    stays as it is, so that twice does no harm.
    """
    if not text.isprintable():
        text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    text = COMMAND.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def json_cleaned(text: str) -> str:
    """JSON, in ASCII, that says the same without what a terminal or a CI server obeys."""
    return COMMAND.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\x7f", "\\u007f"))


def shape_text(sizes: Sequence[object]) -> str:
    """A shape as people write it: (4, 10, 3), (N, 10, 3), (5,)."""
    return f"({', '.join(map(str, sizes))}{',' * (len(sizes) == 1)})"


def shapes_text(shapes: Iterable[Sequence[object]]) -> str:
    """Several shapes: (4, 5) and (4, 5)."""
    return " and ".join(map(shape_text, shapes)) or "none"
