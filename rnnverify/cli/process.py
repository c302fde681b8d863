"""A command that has the process to itself: its streams, its terminal, its Ctrl-C."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rnnverify.cli.interrupts import Heard, listening
from rnnverify.cli.streams import open_all, own_streams
from rnnverify.cli.working import working

SIZES = ("COLUMNS", "LINES")  # of the terminal, as rich reads them


@contextmanager
def own_process() -> Iterator[Heard]:
    """Set the process up, unless it is somebody else's who took stdout for another stream, as a test does.

    Gives whether there was a Ctrl-C.
    """
    if sys.stdout is not sys.__stdout__ or os.name != "posix":
        yield lambda: False
        return
    for name in SIZES:
        if not re.fullmatch("[0-9]{1,4}", os.environ.get(name, "0")):
            del os.environ[name]
    open_all()
    # Keras and TensorFlow are kept from the screen by having stderr lead elsewhere for a while, but not this.
    with open(os.dup(2), "w", errors="replace") as screen:

        def last_words() -> None:
            take_away()
            screen.write("interrupted\n")
            screen.flush()

        with working(screen) as take_away, own_streams(take_away), listening(last_words) as heard:
            yield heard
