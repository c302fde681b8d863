"""Arrays are known by their headers, and a file by them."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from rnnverify.errors import RequestError
from rnnverify.observation.arrays_file import DamagedError, open_arrays, read_all, write_arrays
from rnnverify.observation.file import load_observation

ARRAYS = {"a": np.arange(6.0).reshape(2, 3), "file": np.array([True, False]), "b/c": np.float32(3)}


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    path = str(tmp_path / "x.npz")
    write_arrays(path, ARRAYS)
    found = read_all(path)
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f8", ">f8", ">i2", "?", "<f2"])
def test_every_kind_of_numbers_is_read(tmp_path: Path, order: str, dtype: str) -> None:
    array = np.asarray(np.arange(12).reshape(3, 4), dtype=dtype, order=order)  # type: ignore[call-overload]
    np.save(tmp_path / "x.npy", array)
    (found,) = read_all(str(tmp_path / "x.npy")).values()
    assert np.array_equal(found, array)
    assert found.dtype.isnative


def test_headers_are_read_without_the_arrays(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros((1000, 3), dtype="f4"))
    with open_arrays(str(tmp_path / "x.npz")) as file:
        assert file.names == ("a",)
        assert not file.single
        assert (file.header("a").shape, file.header("a").size) == ((1000, 3), 12_000)


def test_an_array_of_another_version_or_of_no_numbers_harms_nobody_who_does_not_ask(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("notes.txt", "hello")
    with pytest.raises(DamagedError, match="something that is no array"):
        read_all(str(tmp_path / "x.npz"))
    with open_arrays(str(tmp_path / "x.npz")) as file:
        assert file.names == ("notes.txt",)


@pytest.mark.parametrize("cut", [0, 5, 9, 60, 200])
def test_a_file_cut_short_is_damaged(tmp_path: Path, cut: int) -> None:
    np.save(tmp_path / "x.npy", np.ones(100))
    raw = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(raw[:cut])
    with pytest.raises(DamagedError):
        read_all(str(tmp_path / "x.npy"))


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.npz")
    with pytest.raises(OSError, match="expected a plain file, got a pipe"):
        read_all(str(tmp_path / "x.npz"))
    with pytest.raises(RequestError, match="cannot be read: expected a plain file, got a pipe"):
        load_observation(str(tmp_path / "x.npz"))


def test_a_file_that_unpacks_to_many_times_its_size_is_refused_unread(tmp_path: Path) -> None:
    path = str(tmp_path / "x.npz")
    np.savez_compressed(path, a=np.zeros(70 << 20, dtype=np.uint8))
    assert os.path.getsize(path) < 1 << 20
    with pytest.raises(DamagedError, match="expected a file that unpacks to at most 20 times its size"):
        read_all(path)
