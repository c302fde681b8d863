"""Files of arrays, .npy and .npz: known by their headers, and judged by them, before any array is read.

A few kilobytes can claim to be an array of any size, and an archive of a few megabytes can unpack to as many gigabytes.
"""

from __future__ import annotations

import math
import os
import sys
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rnnverify.machine.memory import NoRoomError, check_unpacked
from rnnverify.observation.opening import opened

if TYPE_CHECKING:
    from rnnverify.observation.observed import Array

LONGEST_HEADER = 1024  # bytes; that of an array of numbers takes some 100
MOST_AXES = 32
MAGIC, VERSION_2, ARCHIVE = b"\x93NUMPY", (2, 0), (b"PK\x03\x04", b"PK\x05\x06")
ENCRYPTED = 0x1
KNOWN_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class DamagedError(Exception):
    """A file that is not what it should be; says in what way."""


class Header(NamedTuple):
    """What an array says of itself."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Its bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


class ArraysFile:
    """The arrays in an open file, by name; that of a .npy, which has but one, is the empty text."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self.stream = stream
        self.size = size
        self.archive = zipfile.ZipFile(stream) if stream.read(4) in ARCHIVE else None
        entries = [] if self.archive is None else self.archive.infolist()
        self.entries = {entry.filename.removesuffix(".npy"): entry for entry in entries}
        if len(self.entries) < len(entries):
            raise DamagedError("two of its arrays have the same name")

    @property
    def single(self) -> bool:
        """Whether it is a .npy."""
        return self.archive is None

    @property
    def names(self) -> tuple[str, ...]:
        """What its arrays are called."""
        return ("",) if self.single else tuple(self.entries)

    def header(self, name: str) -> Header:
        """What one of them says of itself."""
        with self.opened(name) as (stream, size):
            return read_header(stream, size)

    def read(self, name: str) -> Array:
        """One of them, which is as its header says."""
        self.header(name)
        with self.opened(name) as (stream, _), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            array = np.lib.format.read_array(stream, allow_pickle=False)
            return array.astype(array.dtype.newbyteorder("="), copy=False)  # in this machine's order of bytes

    @contextmanager
    def opened(self, name: str) -> Iterator[tuple[IO[bytes], int]]:
        """Where an array begins, and how many bytes there are; packed in a way that is read piece by piece."""
        if self.archive is None:
            self.stream.seek(0)
            yield self.stream, self.size
            return
        entry = self.entries[name]
        if not entry.filename.endswith(".npy"):
            raise DamagedError(f"expected numbers in {entry.filename[:80]!r}, got something that is no array")
        if entry.flag_bits & ENCRYPTED or entry.compress_type not in KNOWN_METHODS:
            raise DamagedError(f"expected {entry.filename[:80]!r} to be stored or deflated, without a password")
        with self.archive.open(entry) as stream:
            yield stream, entry.file_size


@contextmanager
def open_arrays(path: str) -> Iterator[ArraysFile]:
    """Open a .npy or .npz.

    Raises:
        OSError: it cannot be read.
        DamagedError: it is neither, or damaged.
    """
    with opened(path) as stream, damage():
        yield ArraysFile(stream, os.fstat(stream.fileno()).st_size)


def read_all(path: str) -> dict[str, Array]:
    """Every array of a .npy or .npz.

    Raises:
        OSError: it cannot be read.
        DamagedError: as `open_arrays`; or it is larger than it may be.
    """
    with open_arrays(path) as file:
        size = sum(file.header(name).size for name in file.names)
        try:
            check_unpacked(file.size, size, size)
        except NoRoomError as error:
            raise DamagedError(str(error)) from None
        return {name: file.read(name) for name in file.names}


@contextmanager
def damage() -> Iterator[None]:
    """Whatever NumPy and zipfile raise where a file is damaged, as one error."""
    try:
        yield
    except (DamagedError, OSError):
        raise
    except MemoryError:
        raise DamagedError("it does not fit into memory") from None
    except (ValueError, LookupError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise DamagedError(one_line(error)) from None


def read_header(stream: IO[bytes], size: int) -> Header:
    """The header of an array that takes so many bytes with it.

    Raises:
        DamagedError: it is none, or there is less behind it than it claims.
    """
    start = stream.read(8)
    if start[:6] != MAGIC or len(start) < 8:
        raise DamagedError("its first bytes are those of neither .npy nor .npz")
    version = (start[6], start[7])
    prefix = stream.read(4 if version == VERSION_2 else 2)
    length = int.from_bytes(prefix, "little")
    if version not in ((1, 0), VERSION_2) or length > LONGEST_HEADER:
        raise DamagedError("its header is not one of an array of numbers")
    text = stream.read(length)
    parse = np.lib.format.read_array_header_2_0 if version == VERSION_2 else np.lib.format.read_array_header_1_0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape, _, dtype = parse(BytesIO(prefix + text))
    except Exception as error:  # a literal of Python's, of which anything can be wrong
        raise DamagedError(f"its header cannot be read: {one_line(error)}") from None
    header = checked(Header(shape, dtype))
    if header.size > size - len(start) - len(prefix) - len(text):
        raise DamagedError(f"it is cut short: it claims to be an array of shape {header.shape}")
    return header


def checked(header: Header) -> Header:
    """A header without code, of a shape that an array can have."""
    if header.dtype.hasobject:
        raise DamagedError("it holds objects of Python's, which are code")
    if len(header.shape) > MOST_AXES or min(header.shape, default=0) < 0:
        raise DamagedError(f"no array has the shape {str(header.shape)[:60]}")
    if math.prod(max(1, size) for size in (*header.shape, header.dtype.itemsize)) > sys.maxsize:
        raise DamagedError(f"no memory holds an array of shape {str(header.shape)[:60]}")
    return header


def one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())[:120] or type(error).__name__
    return text if text.isprintable() else repr(text)


def write_arrays(to: str | IO[bytes], arrays: Mapping[str, Any]) -> None:
    """Write a .npz, not compressed, with any names; NumPy's own function takes `file` for an argument of its."""
    with zipfile.ZipFile(to, "w", allowZip64=True) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asanyarray(array), allow_pickle=False)


def plain(array: Array) -> Array:
    """An array that NumPy can read without further packages: bfloat16 as float32, which holds it."""
    return array if array.dtype.kind in "fiub" else array.astype(np.float32)
