"""A time by which a search must have ended."""

from __future__ import annotations

import time


class OutOfTimeError(Exception):
    """It takes longer than it may."""


class Deadline:
    """A time from now on.

    Args:
        seconds: until then; None where there is no end.
    """

    def __init__(self, seconds: float | None) -> None:
        self.until = float("inf") if seconds is None else time.monotonic() + seconds

    @property
    def left(self) -> float:
        """In seconds."""
        return self.until - time.monotonic()

    def check(self) -> None:
        """Go on only where there is time.

        Raises:
            OutOfTimeError: there is none.
        """
        if self.left < 0:
            raise OutOfTimeError
