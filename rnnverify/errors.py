"""What can be wrong with a request. Each is the user's to mend: one clear message, exit 2, no traceback."""

from __future__ import annotations

from rnnverify.text import cleaned


class RequestError(Exception):
    """The request is wrong; the message says what was expected, what was received and what to do next.

    Args:
        lines: the message, each with whatever names and values from outside it quotes: they are cleaned here.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(*map(cleaned, lines))

    def __str__(self) -> str:
        return "\n".join(self.args)


class SpecError(RequestError):
    """A spec is malformed, inconsistent, or too large."""


class UnsupportedError(RequestError):
    """A layer, an option or a call that the replay does not implement."""


class DataError(RequestError):
    """Input data or weights that cannot be read, or do not fit the spec."""
