"""Where in its file each problem of a spec is, for reports that point there."""

from __future__ import annotations

import re
from typing import NamedTuple

from rnnverify.results import Outcome
from rnnverify.text import cleaned

KEY = re.compile(r"([A-Za-z_]\w*(?:\.\w+|\[\d+\])*): ")
LINE = re.compile(r":(\d+): ")


class Place(NamedTuple):
    """One problem."""

    file: str
    line: int | None
    key: str | None  # such as layers[0].LSTM.units
    message: str


def places_of(outcome: Outcome) -> list[Place]:
    """The problems of a spec that could not be run, from its error: file:line: key: expected ..., got ..."""
    file = cleaned(outcome.spec)  # as it is written in messages
    return [place_of(file, line) for line in (outcome.error or "").splitlines()]


def place_of(file: str, sentence: str) -> Place:
    message, line, key = sentence, None, None
    if sentence.startswith(file):
        rest = sentence[len(file) :]
        if numbered := LINE.match(rest):
            line, message = int(numbered[1]), rest[numbered.end() :]
        elif rest.startswith(": "):
            message = rest[2:]
        if named := KEY.match(message):
            key, message = named[1], message[named.end() :]
    return Place(file, line, key, message)
