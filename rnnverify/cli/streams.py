"""The process's own standard streams: open, at home with every character, and with errors that say whose they are."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

Before = Callable[[], object]  # what is done before anything is written


class LostOutputError(Exception):
    """Something printed cannot be written: no OSError, which click and rich would take for theirs to end the process on."""

    def __init__(self, error: OSError) -> None:
        full = error.errno == errno.ENOSPC
        super().__init__("no space is left where it goes" if full else error.strerror or str(error))
        self.closed = isinstance(error, BrokenPipeError | ConnectionResetError)


class Descriptor(io.FileIO):
    """What a standard stream writes to."""

    def __init__(self, number: int, before: Before) -> None:
        super().__init__(number, "w", closefd=False)
        self.before = before

    def write(self, data: Any) -> int:
        self.before()
        try:
            while (written := super().write(data)) is None:  # shared with a program that has it set not to wait
                select.select([], [self], [])
        except OSError as error:
            raise LostOutputError(error) from None
        return written


class Messages(Descriptor):
    """What stderr writes to: a message that finds no room there changes no verdict."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except LostOutputError as lost:
            if lost.closed:
                raise
            return len(data)


def open_all() -> None:
    """Leave none of the three closed: the next file that is opened would get its number, and all that others print there."""
    for number, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)):
        if stream is None:
            fill(number)


@contextmanager
def own_streams(before: Before) -> Iterator[None]:
    """stdout and stderr for a command that has the process to itself."""
    kept = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = stream_to(Descriptor(1, before), kept[0]), stream_to(Messages(2, before), kept[1])
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            settle(stream)
        sys.stdout, sys.stderr = kept


def stream_to(descriptor: Descriptor, before: TextIO | None) -> TextIO:
    """A text stream like the one before; a path may hold characters that the terminal has not."""
    encoding = before.encoding if before is not None else "utf-8"
    return io.TextIOWrapper(io.BufferedWriter(descriptor), encoding, "backslashreplace", line_buffering=True)


def fill(number: int) -> None:
    """Have a descriptor lead nowhere, whatever it was."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


def settle(stream: TextIO) -> None:
    """Nothing is left that Python would try to write as the process ends, and whose failure would change the exit code."""
    try:
        stream.flush()
    except LostOutputError:
        fill(stream.fileno())
        stream.flush()
