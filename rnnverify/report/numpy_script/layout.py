"""Lines of code with comments, as people lay them out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

INDENT = "    "
WIDEST = 110  # columns of a line
FAR = 56  # columns from which on a comment stands where its line ends


class Said(NamedTuple):
    """A line, and what it is."""

    text: str
    comment: str = ""


def laid_out(lines: Sequence[Said]) -> list[str]:
    """The lines, those that are too long broken, with the comments of neighbours below each other."""
    made: list[str] = []
    for _, group in groupby(lines, key=lambda line: len(line.text) - len(line.text.lstrip())):
        own = list(group)
        width = max((len(line.text) for line in own if line.comment and len(line.text) <= FAR), default=0)
        for line in own:
            if not line.comment:
                made += broken(line.text)
                continue
            beside = f"{line.text:<{width}}  # {line.comment}"
            if len(beside) <= WIDEST:
                made.append(beside)
                continue
            inset = line.text[: len(line.text) - len(line.text.lstrip())]
            made += [f"{inset}# {line.comment}", *broken(line.text)]
    return made


def broken(line: str) -> list[str]:
    """A line that is too long in several: what stands between its widest brackets, further in."""
    if len(line) <= WIDEST:
        return [line]
    left, equals, right = line.partition(" = ")
    if equals and ", " in left and len(left) > len(right) and not left.lstrip().startswith("("):
        inset = left[: len(left) - len(left.lstrip())]
        return broken(f"{inset}({left.lstrip()}) = {right}")
    if (pair := brackets(line)) is None:
        return [line]
    start, end = pair
    inset = line[: len(line) - len(line.lstrip())] + INDENT
    inside = list(parts(line[start + 1 : end]))
    rows: list[str] = []
    for part in inside:
        if rows and len(rows[-1]) + len(part) + 2 <= WIDEST:
            rows[-1] += f" {part},"
        else:
            rows.append(f"{inset}{part},")
    if len(inside) == 1 and (" for " in inside[0] or line[start] == "("):
        rows = [rows[0].removesuffix(",")]  # a comprehension, or no list at all
    return [line[: start + 1], *(piece for row in rows for piece in broken(row)), inset[: -len(INDENT)] + line[end:]]


def brackets(line: str) -> tuple[int, int] | None:
    """Where the brackets are between which most stands."""
    opened: list[int] = []
    widest: tuple[int, int] | None = None
    for place, sign in enumerate(line):
        if sign in "([{":
            opened.append(place)
        elif sign in ")]}" and opened:
            start = opened.pop()
            if widest is None or place - start > widest[1] - widest[0]:
                widest = start, place
    return widest


def parts(text: str) -> Iterator[str]:
    """What stands between the commas that are in no brackets."""
    depth, start = 0, 0
    for place, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and depth == 0:
            yield text[start:place].strip()
            start = place + 1
    if text[start:].strip():
        yield text[start:].strip()
