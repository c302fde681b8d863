"""Arrays that a spec names, in files: judged by their headers first, so that what does not fit is never unpacked."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnverify.errors import DataError
from rnnverify.observation.arrays_file import ArraysFile, DamagedError, Header, one_line, open_arrays
from rnnverify.spec.data import File
from rnnverify.spec.model import Input
from rnnverify.text import cleaned

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

LONGEST_NUMBER = 64  # characters of a number in a .csv, with what is around it
LONGEST_INTRODUCTION = 1 << 16  # characters of comments in a .csv
KINDS = "a .npy, .npz or .csv file of numbers"


def read_array(data: File, given: Input, shape: Shape, inputs: int) -> Array:
    """The array in a file for one of the inputs.

    Args:
        data: where it stands.
        given: the input.
        shape: what it must be, with the samples.
        inputs: how many inputs there are.

    Raises:
        DataError: it cannot be read, or is not what is asked for.
    """
    if is_csv(data):
        return read_csv(data.path, given.name, shape)
    with reading(data.path, KINDS), open_arrays(data.path) as file:
        name = "" if file.single else name_in(file, data, given.name, inputs)
        check_header(data.path, file.header(name), given.name, shape)
        return file.read(name)


def name_in(file: ArraysFile, data: File, name: str, inputs: int) -> str:
    """Which of the arrays in a .npz it is."""
    key = data.key or (file.names[0] if inputs == 1 and len(file.names) == 1 else name)
    if key not in file.names:
        names = cleaned(", ".join(file.names))[:200] or "none"
        raise DataError(f"{data.path}: expected an array named {key!r}, got {names}")
    return key


def check_header(path: str, header: Header, name: str, shape: Shape) -> None:
    """Refuse an array by what it says of itself.

    Raises:
        DataError: it does not hold numbers, or has another shape.
    """
    if header.dtype.kind not in "fiub":
        raise DataError(f"{path}: expected numbers, got an array of {header.dtype}")
    if header.shape != shape:
        raise DataError(f"{path}: expected an array of shape {shape} for the input {name}, got {header.shape}")


def read_csv(path: str, name: str, shape: Shape) -> Array:
    """The numbers in a .csv, whose size tells whether they can be so many."""
    with reading(path, KINDS):
        if os.path.getsize(path) > LONGEST_NUMBER * prod(shape) + LONGEST_INTRODUCTION:
            raise DataError(
                f"{path}: expected an array of shape {shape} for the input {name}, got a file too large for it"
            )
        with open(path, encoding="utf-8-sig") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is nothing in it is said by its shape
            return np.loadtxt(file, delimiter=",", ndmin=2)


def names_in(data: File) -> tuple[str, ...]:
    """The names of the arrays in a file, which may hold initial states beside the inputs."""
    if is_csv(data):
        return ()
    with reading(data.path, KINDS), open_arrays(data.path) as file:
        return () if file.single else file.names


def is_csv(data: File) -> bool:
    return Path(data.path).suffix.lower() == ".csv"


@contextmanager
def reading(path: str, wanted: str) -> Iterator[None]:
    """Whatever goes wrong on reading a file of arrays, as one message; `wanted` says what it should be.

    Raises:
        DataError: the file cannot be read, or is damaged.
    """
    if os.path.exists(path) and not os.path.isfile(path):  # a directory; or a pipe, which may never end
        raise DataError(f"{path}: expected {wanted}, got something that is not a file")
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}; give {wanted}") from None
    except MemoryError:
        raise DataError(f"{path}: expected {wanted}, got one that does not fit into memory") from None
    except (DamagedError, ValueError) as error:  # of NumPy's reader of texts, too
        raise DataError(f"{path}: not {wanted}: {one_line(error)}") from None
