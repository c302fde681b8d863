"""Files that are opened at once, or not at all."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import numpy as np
import pytest

from rnnverify import load_observation, load_spec
from rnnverify.candidates.files import of_file
from rnnverify.errors import RequestError
from rnnverify.observation.opening import opened, opened_to_write


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
