"""Files that are opened at once, or not at all."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from rnnverify import load_observation, load_spec
from rnnverify.candidates.files import of_file
from rnnverify.errors import RequestError
from rnnverify.observation import opening
from rnnverify.observation.opening import opened, opened_to_write, read_at_most
from rnnverify.spec.paths import candidate_located, located


@pytest.mark.parametrize(("kind", "word"), [("pipe", "a pipe"), ("folder", "a folder"), ("socket", "a socket")])
def test_only_a_plain_file_is_read(kind: str, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    path = Path("it")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind("it")
    with pytest.raises(OSError, match=f"expected a plain file, got {word}"):
        opened(path)


def test_a_device_is_read() -> None:
    with opened("/dev/null") as file:
        assert file.read() == b""


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    (tmp_path / "link").symlink_to("file")
    with opened(tmp_path / "link") as file:
        assert file.read() == b"text"


def test_whoever_reads_a_path_refuses_a_pipe_instead_of_waiting(tmp_path: Path) -> None:
    path = str(tmp_path / "pipe.npz")
    os.mkfifo(path)
    for read in (load_spec, load_observation, of_file):
        with pytest.raises(RequestError, match="expected a plain file, got a pipe"):
            read(path)


def test_a_pipe_that_nobody_reads_is_not_written(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="a pipe that nobody reads"):
        opened_to_write(tmp_path / "pipe")


def test_a_pipe_that_somebody_reads_gets_all_however_much_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    text = "x" * 1_000_000  # more than a pipe holds
    got: list[str] = []
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reading, True)
    with open(reading) as reader, opened_to_write(tmp_path / "pipe") as file:
        thread = threading.Thread(target=lambda: got.append(reader.read()))
        thread.start()
        file.write(text)
        file.close()
        thread.join()
    assert got == [text]


def test_what_is_no_character_is_written_as_an_escape(tmp_path: Path) -> None:
    with opened_to_write(tmp_path / "file") as file:
        file.write("größe\udcff")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "größe\\udcff"


def test_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    with opened_to_write(tmp_path / "file.npy", "wb") as file:
        np.save(file, np.arange(3))
    assert np.load(tmp_path / "file.npy").tolist() == [0, 1, 2]


@contextmanager
def pipe_with(*texts: bytes, ends: bool = True) -> Iterator[str]:
    """The path of a pipe such as a shell makes, into which somebody writes."""
    reading, writing = os.pipe()

    def write() -> None:
        for text in texts:
            os.write(writing, text)
            time.sleep(0.05)
        if ends:
            os.close(writing)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield f"/dev/fd/{reading}"
    finally:
        os.close(reading)
        writer.join()
        if not ends:
            os.close(writing)


def test_a_pipe_that_a_shell_made_is_read_to_its_end() -> None:
    with pipe_with(b"N: 1\n", b"T: 2\n", b"D: 3\n", b"M: 4\nK: 5\n") as path:
        spec = load_spec(path)
    assert (spec.N, spec.T, spec.D, spec.M, spec.K) == (1, 2, 3, 4, 5)


def test_no_more_is_read_of_a_pipe_than_is_asked_for() -> None:
    with pipe_with(b"abcdef", ends=False) as path:
        assert read_at_most(path, 4) == b"abcd"


def test_a_pipe_without_an_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "LONGEST_WAIT", 0.2)
    with (
        pipe_with(b"N: 1\n", ends=False) as path,
        pytest.raises(RequestError, match=r"cannot be read: a pipe without an end in 0\.2 seconds; give the path"),
    ):
        load_spec(path)


def test_paths_in_a_spec_that_comes_through_a_pipe_start_where_we_work() -> None:
    text = b"{N: 1, T: 2, D: 3, M: 4, K: 5, candidate: outputs.npz, weights: {file: w/w.npz}, data: {file: x.npy}}"
    with pipe_with(text) as path, pytest.raises(RequestError) as caught:
        load_spec(path)  # there are none
    assert [line.split("; ")[-1] for line in str(caught.value).splitlines()] == [
        f"{file} does not exist" for file in ("x.npy", "w/w.npz", "outputs.npz")
    ]
    assert located("/dev/stdin", "model.keras") == "model.keras"
    assert candidate_located("/proc/self/fd/63", "port.py:forward") == "port.py:forward"
    assert located("/dev/shm/specs/a.yaml", "model.keras") == "/dev/shm/specs/model.keras"
