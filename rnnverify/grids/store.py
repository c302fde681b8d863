"""The folder of a sweep: `results.jsonl`, a line for each point as soon as it is known, and `sweep.json`, what was asked.

A line is written with one call. Whatever ends a sweep in the middle, all lines but perhaps the last are whole; a torn last
line is cut off when the sweep goes on, and its point run again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rnnverify import __version__
from rnnverify.errors import RequestError
from rnnverify.grids.grid import Grid, Point, identity
from rnnverify.report.records import from_line, line
from rnnverify.results import Record

FORMAT = 1
RESULTS, ABOUT, LOCK = "results.jsonl", "sweep.json", ".lock"


class Store:
    """The results of one grid in one folder; open while a sweep runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.about: dict[str, Any] = {}
        self.records: list[Record] = []
        self.done: set[str] = set()
        self.file = -1

    def add(self, record: Record) -> None:
        """Write the record of one point.

        Raises:
            RequestError: it cannot be written; those before it are kept.
        """
        text = line(record).encode() + b"\n"
        before = os.fstat(self.file).st_size
        try:
            if os.write(self.file, text) < len(text):
                raise OSError("no space is left there")
        except OSError as error:
            cut(self.file, before)
            raise RequestError(
                f"{self.folder / RESULTS}: cannot be written: {error.strerror or error}; the {len(self.records)} results"
                " so far are kept; make room and run the same command again"
            ) from None
        self.records.append(record)
        self.done.add(identity(record["point"]))

    def left(self, grid: Grid) -> list[Point]:
        """The points that have no result yet."""
        return [point for point in grid.points() if identity(point) not in self.done]

    def in_order(self, grid: Grid) -> list[Record]:
        """The results in the order of the points."""
        known = {identity(record["point"]): record for record in self.records}
        return [known[one] for one in map(identity, grid.points()) if one in known]

    def note(self, **facts: Any) -> None:
        """Keep facts about the sweep in `sweep.json`."""
        self.about.update(facts)
        path = self.folder / ABOUT
        try:
            replacement = path.with_suffix(".json.new")
            replacement.write_text(json.dumps(self.about, indent=2) + "\n", encoding="utf-8")
            os.replace(replacement, path)
        except OSError as error:
            raise RequestError(f"{path}: cannot be written: {error.strerror or error}") from None


@contextmanager
def opened(folder: str, grid: Grid) -> Iterator[Store]:
    """The store in a folder, which is made where there is none; with the results that it has already.

    Raises:
        RequestError: the folder cannot be written, holds results of another grid, is damaged, or in use.
    """
    store = Store(Path(folder))
    try:
        store.folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(store.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise RequestError(
            f"--output {folder}: cannot be written: {error.strerror or error}; give a folder you can write to"
        ) from None
    try:
        claim(lock, folder)
        compare(store, grid)
        store.file = os.open(store.folder / RESULTS, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        read(store)
    except OSError as error:
        close(store, lock)
        raise RequestError(f"--output {folder}: {error.strerror or error}") from None
    except BaseException:
        close(store, lock)
        raise
    try:
        yield store  # what goes wrong from here on is not the folder's
    finally:
        close(store, lock)


def close(store: Store, lock: int) -> None:
    if store.file >= 0:
        os.close(store.file)
    os.close(lock)


def claim(lock: int, folder: str) -> None:
    """Keep a second sweep out of the folder. The system gives the lock up when the process ends, however it does."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RequestError(
            f"--output {folder}: another sweep is writing there; wait for it, or give another folder"
        ) from None


def compare(store: Store, grid: Grid) -> None:
    """Refuse the results of another grid, or note what this one is."""
    asked = json.loads(json.dumps(grid.description()))
    path = store.folder / ABOUT
    if not path.exists():
        if (store.folder / RESULTS).exists():
            raise RequestError(
                f"{store.folder}: has a {RESULTS} but no {ABOUT}: not the folder of a sweep; give another"
            )
        store.note(format=FORMAT, rnnverify=__version__, **asked, started=now(), finished=None)
        return
    try:
        store.about = json.loads(path.read_text(encoding="utf-8"))
        known = {key: store.about[key] for key in asked} if store.about["format"] == FORMAT else None
    except (ValueError, KeyError, TypeError, UnicodeDecodeError):
        raise RequestError(f"{path}: damaged, or not written by this version; give another folder") from None
    if known is None:
        raise RequestError(
            f"{path}: written by another version of rnnverify ({store.about.get('rnnverify')}); give another folder"
        )
    if known != asked:
        raise RequestError(
            f"--output {store.folder}: holds the results of another grid ({difference(known, asked)}); undo the change, or"
            " give another folder"
        )


def difference(known: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """Where two grids differ, in a few words."""
    for key in asked:
        if known[key] == asked[key]:
            continue
        if isinstance(asked[key], dict) and isinstance(known[key], dict):
            inner = sorted({*asked[key], *known[key]}, key=str)
            changed = [one for one in inner if known[key].get(one) != asked[key].get(one)]
            key = f"{key}.{changed[0]}" if changed else f"the order of {key}"
        return f"{key} is not the same"
    return "nothing differs"


def read(store: Store) -> None:
    """The results that are there; a torn last line is cut off.

    Raises:
        RequestError: another line is damaged.
    """
    path = store.folder / RESULTS
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    for number, text in enumerate(content[:end].splitlines(), start=1):
        try:
            record = from_line(text)
            point = identity(record["point"])
            record["verdict"]
        except (ValueError, KeyError, TypeError):
            if number == content[:end].count(b"\n"):  # torn, and something wrote a line end after it
                end = content[:end].rstrip(b"\n").rfind(b"\n") + 1
                break
            raise RequestError(
                f"{path}:{number}: damaged: not the result of a point; remove the line, or give another folder"
            ) from None
        if point not in store.done:
            store.records.append(record)
            store.done.add(point)
    if end < len(content):
        cut(store.file, end)


def cut(file: int, size: int) -> None:
    os.ftruncate(file, size)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
