"""Files that are opened at once, or not at all: a pipe would wait for somebody at its other end."""

from __future__ import annotations

import errno
import os
import re
import selectors
import stat
import time
from typing import IO, Any, BinaryIO

LONGEST_WAIT = 60.0  # seconds for all that comes through a pipe
# What the process was given open: its stdin, and what a shell makes of `<(command)`.
GIVEN_OPEN = re.compile(r"/dev/(stdin|fd/\d+)|/proc/(self|\d+)/fd/\d+")
ODD = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a folder"}


def opened(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file to read it.

    Raises:
        OSError: there is none, or it is a pipe, a socket or a folder.
    """
    try:
        odd = ODD.get(stat.S_IFMT(os.stat(path).st_mode))
    except ValueError as error:  # a null character, which no path has
        raise OSError(errno.EINVAL, str(error), os.fspath(path)) from None
    if odd is not None:
        raise OSError(errno.EINVAL, f"expected a plain file, got {odd}", os.fspath(path))
    return open(path, "rb")


def is_given_open(path: str) -> bool:
    """Whether a path stands for something that has no place among the files, as /dev/stdin does."""
    return GIVEN_OPEN.fullmatch(path) is not None


def read_at_most(path: str, most: int) -> bytes:
    """The first bytes of a file, or of a pipe that the process was given: it has somebody at its other end, or is at its end.

    Raises:
        OSError: as `opened`, of any other pipe; or the pipe has no end in time.
    """
    if not (is_given_open(path) and stat.S_ISFIFO(os.stat(path).st_mode)):
        with opened(path) as file:
            return file.read(most)
    until = time.monotonic() + LONGEST_WAIT
    read = bytearray()
    with open(path, "rb", buffering=0, opener=at_once) as pipe, selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while len(read) < most:
            if not selector.select(max(0.0, until - time.monotonic())):
                raise OSError(errno.ETIMEDOUT, f"a pipe without an end in {LONGEST_WAIT:g} seconds", path)
            if not (part := pipe.read(most - len(read))):
                break
            read += part
    return bytes(read)


def opened_to_write(path: str | os.PathLike[str], mode: str = "w") -> IO[Any]:
    """Open a file to write it anew: text, as UTF-8, or with the mode `wb` bytes.

    Raises:
        OSError: it cannot be written, or is a pipe that nobody reads.
    """
    binary = "b" in mode
    # What is no UTF-8 in a path stands in a report as an escape.
    return open(
        path, mode, encoding=None if binary else "utf-8", errors=None if binary else "backslashreplace", opener=at_once
    )


def at_once(path: str, flags: int) -> int:
    """What `open` calls to open a file."""
    try:
        number = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(errno.ENXIO, "a pipe that nobody reads", path) from None
        raise
    os.set_blocking(number, True)
    return number
