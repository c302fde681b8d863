"""What can be wrong with a request. Each is the user's to mend: one clear message, exit 2, no traceback."""

from __future__ import annotations


class RequestError(Exception):
    """The request is wrong; the message says what was expected, what was received and what to do next."""


class SpecError(RequestError):
    """A spec is malformed, inconsistent, or too large."""


class UnsupportedError(RequestError):
    """A layer, an option or a call that the replay does not implement."""


class DataError(RequestError):
    """Input data or weights that cannot be read, or do not fit the spec."""
