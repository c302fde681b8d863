"""Files that are opened at once, or not at all: a pipe would wait for somebody at its other end."""

from __future__ import annotations

import errno
import os
import stat
from typing import IO, Any, BinaryIO

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
