"""What can be wrong with a request. Each is the user's to mend: one clear message, exit 2, no traceback."""

from __future__ import annotations

import errno

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


# What a system says when it has no more to give, rather than that what it was asked for is wrong.
SCARCE = {
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EIO", "EMFILE", "ENFILE", "ENOMEM", "EAGAIN", "ESTALE")
    if hasattr(errno, name)
}


def limit_of_the_machine(error: BaseException) -> str | None:
    """What to say of an exception that is no bug: there is no more memory, or room; None of any other."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for this; make it smaller (N, T, M), or close other programs"
    if isinstance(error, FileNotFoundError) and error.filename is None:  # it is none that we opened by its name
        return f"{error.strerror}: the folder to work in, or the one for temporary files (TMPDIR), is gone; go to another one"
    if isinstance(error, OSError) and error.errno in SCARCE:
        name = f"{error.filename}: " if error.filename is not None else ""
        return f"{name}{error.strerror or error}; that is what the system says; make room, or ask it for less"
    return None
