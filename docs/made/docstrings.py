"""Docstrings as they are read for the reference: `a, b: both are ...` stands there once for each of the two."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Function

SEVERAL = re.compile(
    r"^(?P<indent> {4,})(?P<names>\w+(?:, \w+)+): (?P<says>.*(?:\n(?P=indent) +\S.*)*)", flags=re.MULTILINE
)


class SeveralAtOnce(Extension):  # type: ignore[misc]
    """Tells parameters apart that one entry describes."""

    def on_function(self, *, func: Function, **_: Any) -> None:
        """Have each of them an entry of its own."""
        if func.docstring is not None:
            func.docstring.value = apart(func.docstring.value)


def apart(text: str) -> str:
    """A docstring with an entry for each parameter."""
    return SEVERAL.sub(
        lambda found: "\n".join(f"{found['indent']}{name}: {found['says']}" for name in found["names"].split(", ")),
        text,
    )
