"""Files of data: arrays that do not fit, and files that are damaged or none."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnverify.observation.arrays_file import ArraysFile
from tests.spec.malformed.refusals import check_spec, npy_bytes, plus, tokens

ONES = np.ones((2, 3, 2))


@pytest.mark.parametrize(
    ("array", "fragment"),
    [
        (np.ones((2, 3, 3)), "x.npy: expected an array of shape (2, 3, 2) for the input input, got (2, 3, 3)"),
        (np.ones((0, 3, 2)), "got (0, 3, 2)"),
        (np.where(ONES.cumsum().reshape(2, 3, 2) == 5, np.nan, 1), "x.npy: expected finite numbers, got nan"),
        (-np.inf * ONES, "x.npy: expected finite numbers, got -inf"),
        (1e39 * ONES, "x.npy: expected numbers that float32 can hold, got 1e+39"),
        (np.full((2, 3, 2), {}), "x.npy: not a .npy, .npz or .csv file of numbers"),
        (np.full((2, 3, 2), "a"), "x.npy: expected numbers, got an array of <U1"),
        (1j * ONES, "x.npy: expected numbers, got an array of complex128"),
        (ONES.astype([("a", "f8")]), "x.npy: expected numbers, got an array of [('a', '<f8')]"),
    ],
)
def test_an_array_that_does_not_fit_is_refused(array: Any, fragment: str) -> None:
    np.save("x.npy", array, allow_pickle=True)
    check_spec(plus("data: {file: x.npy}"), fragment)


@pytest.mark.parametrize(
    ("ids", "fragment"),
    [
        (np.full((2, 3), -1), "expected token ids from 0 to 4"),
        (np.full((2, 3), 5), "expected token ids from 0 to 4, which is what its Embedding has; got 5 to 5"),
        (np.full((2, 3), 1.5), "x.npy: expected whole token ids, got 1.5"),
        (np.full((2, 3), 2**32 + 1), "x.npy: expected whole token ids, got 4294967297"),
        (np.full((2, 3), 1e20), "x.npy: expected whole token ids, got 1e+20"),
        (np.full((2, 3), -(2**63)), "x.npy: expected whole token ids, got -9223372036854775808"),
        (np.full((2, 3), -(2**31)), "x.npy: expected whole token ids, got -2147483648"),
        (np.full((2, 3), 2**64 - 1, dtype=np.uint64), "x.npy: expected whole token ids, got 18446744073709551615"),
        (np.full((2, 3), -128, dtype=np.int8), "expected token ids from 0 to 4"),
    ],
)
def test_token_ids_that_no_embedding_has_are_refused(ids: Any, fragment: str) -> None:
    np.save("x.npy", ids)
    check_spec(tokens("{input_dim: 5, output_dim: 2}", "{file: x.npy}"), fragment)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("empty.npy", b""),
        ("text.npy", b"hello, world"),
        ("header.npy", npy_bytes("(2, 3, 2)")[:20]),
        ("huge.npy", npy_bytes("(999999999999,)")),
        ("negative.npy", npy_bytes("(-1,)")),
        ("beyond.npy", npy_bytes(f"({2**70},)")),
        ("of nothing.npy", npy_bytes(f"(0, {2**70})")),
        ("brackets.npy", npy_bytes("(" * 900)),
        ("minus.npy", npy_bytes("(" + "-" * 900 + "1,)")),
        ("long.npy", npy_bytes("(" + "1," * 30_000 + ")")),
        ("version 2.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff"),
        ("version 3.npy", b"\x93NUMPY\x03\x00\xff\xff\xff\xff"),
        ("code.npy", npy_bytes("__import__('os').system('touch executed')")),
        ("damaged.npz", b"PK\x03\x04" + bytes(100)),
        ("words.csv", b"a,b\n"),
        ("ragged.csv", b"1,2\n3\n"),
        ("binary.csv", b"\xff\xfe\0"),
    ],
)
def test_a_damaged_data_file_is_refused(name: str, raw: bytes) -> None:
    Path(name).write_bytes(raw)
    check_spec(plus(f"data: {{file: {name}}}"), f"{name}: not a .npy, .npz or .csv file of numbers")


def test_an_archive_without_the_inputs_array_is_refused() -> None:
    np.savez("x.npz", a=ONES, b=ONES)
    check_spec(plus("data: {file: x.npz}"), "x.npz: expected an array named 'input', got a, b")


def test_an_archive_of_no_arrays_is_refused() -> None:
    with zipfile.ZipFile("x.npz", "w") as archive:
        archive.writestr("input.npy", "hello")
    check_spec(plus("data: {file: x.npz}"), "x.npz: not a .npy, .npz or .csv file of numbers: its first bytes")


def test_an_archive_that_claims_more_than_the_memory_is_refused() -> None:
    with zipfile.ZipFile("x.npz", "w") as archive:
        archive.writestr("input.npy", npy_bytes("(99999999999999,)"))
    check_spec(plus("data: {file: x.npz}"), "x.npz: not a .npy, .npz or .csv file of numbers: it is cut short")


def written(name: str = "input.npy", method: int = zipfile.ZIP_DEFLATED) -> bytearray:
    """A right archive, which is about to be spoilt."""
    with zipfile.ZipFile("x.npz", "w", method) as archive, archive.open(name, "w") as entry:
        np.lib.format.write_array(entry, ONES)
    return bytearray(Path("x.npz").read_bytes())


@pytest.mark.parametrize(
    ("offset", "value", "fragment"),
    [
        (8, 1, "without a password"),  # a flag: it is encrypted
        (10, 99, "stored or deflated"),  # a method that nobody knows
        (10, 12, "stored or deflated"),  # bzip2, of which a few bytes may be a gigabyte
        (6, 99, "zip file version"),  # needs a reader of version 9.9
    ],
)
def test_an_archive_that_is_packed_in_another_way_is_refused(offset: int, value: int, fragment: str) -> None:
    raw = written()
    for place in (raw.index(b"PK\x01\x02") + offset, raw.index(b"PK\x03\x04") + offset - 2):
        raw[place] = value
    Path("x.npz").write_bytes(raw)
    check_spec(plus("data: {file: x.npz}"), "x.npz: not a .npy, .npz or .csv file of numbers", fragment)


def test_an_archive_with_two_arrays_of_one_name_is_refused() -> None:
    written()
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile("x.npz", "a") as archive:
        archive.writestr("input.npy", npy_bytes("(2, 3, 2)") + bytes(96))
    check_spec(plus("data: {file: x.npz}"), "x.npz: ", "two of its arrays have the same name")


@pytest.mark.parametrize(("line", "name"), [("data: {file: x.npz}", "input"), ("weights: {file: x.npz}", "dense/bias")])
def test_an_archive_is_not_unpacked_where_its_headers_do_not_fit(
    line: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few megabytes may unpack to as many gigabytes."""

    def read(file: ArraysFile, name: str) -> None:
        raise AssertionError("unpacked")

    monkeypatch.setattr(ArraysFile, "read", read)
    with zipfile.ZipFile("x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.npy", npy_bytes("(1000, 1000)") + bytes(8_000_000))
    check_spec(plus(line), "x.npz: expected ", "(1000, 1000)")
    assert os.path.getsize("x.npz") < 10_000


def test_a_csv_too_large_for_what_is_wanted_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "loadtxt", None)
    Path("x.csv").write_text("1,1,1\n" * 100_000, encoding="utf-8")
    check_spec(tokens("{input_dim: 5, output_dim: 2}", "{file: x.csv}"), "x.csv: expected an array of shape (2, 3)")


def test_a_pipe_in_place_of_data_is_refused_and_not_waited_for() -> None:
    os.mkfifo("x.npy")
    check_spec(
        plus("data: {file: x.npy}"), "spec.yaml:6: data.file: expected the path of a file; x.npy is no regular file"
    )
