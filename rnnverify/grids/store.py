"""The folder of a sweep: `results.jsonl`, a line for each point as soon as it is known, and `sweep.json`, what was asked.

A line is written with one call. Whatever ends a sweep in the middle, all lines but perhaps the last are whole; a torn last
line is cut off when the sweep goes on, and its point run again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rnnverify import __version__
from rnnverify.errors import RequestError
from rnnverify.grids.grid import Grid, Point
from rnnverify.grids.kept import kept_record
from rnnverify.grids.numbering import Numbering
from rnnverify.report.records import line
from rnnverify.results import Record
from rnnverify.text import cleaned

FORMAT = 1
RESULTS, ABOUT, LOCK = "results.jsonl", "sweep.json", ".lock"
LARGEST_ABOUT = 16 << 20  # bytes that are read of any grid's


class Store:
    """The results of one grid in one folder; open while a sweep runs."""

    def __init__(self, folder: Path, grid: Grid) -> None:
        self.folder = folder
        self.grid = grid
        self.numbering = Numbering(grid)
        self.about: dict[str, Any] = {}
        self.records: dict[int, Record] = {}  # by the numbers of their points
        self.lost: dict[int, Record] = {}  # of points that have no result, because their worker died; in no file
        self.file = -1

    def add(self, record: Record) -> None:
        """Write the record of one point.

        Raises:
            RequestError: it cannot be written, or is none that could be read again; those before it are kept.
        """
        text = line(record).encode() + b"\n"
        try:
            number, _ = kept_record(text, self.numbering)
        except ValueError:
            raise RequestError(
                "a worker answered with what is no result of a point; is the same rnnverify installed there?"
            ) from None
        if record.get("lost"):
            self.lost[number] = record
            return
        before = os.fstat(self.file).st_size
        try:
            if os.write(self.file, text) < len(text):
                raise OSError("no space is left there")
        except OSError as error:
            os.ftruncate(self.file, before)
            raise RequestError(
                f"{self.folder / RESULTS}: cannot be written: {error.strerror or error}; the {len(self.records)} results"
                " so far are kept; make room and run the same command again"
            ) from None
        self.records[number] = record
        self.lost.pop(number, None)

    def left(self) -> Iterator[Point]:
        """The points that have no result yet."""
        return (self.grid.point(number) for number in self.numbering.numbers if number not in self.records)

    def in_order(self) -> list[Record]:
        """The results in the order of the points; in place of one that is lost, what is said of it."""
        known = {**self.lost, **self.records}
        return [known[number] for number in sorted(known)]

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
def opened(folder: str, grid: Grid, timeout: float = 0.0) -> Iterator[Store]:
    """The store in a folder, which is made where there is none; with the results that it has already.

    Args:
        folder: where it is.
        grid: whose results it holds.
        timeout: the seconds that a point may take now; one that took too long when it had fewer has no result.

    Raises:
        RequestError: the folder cannot be written, holds results of another grid, is damaged, or in use.
    """
    store = Store(Path(folder), grid)
    try:
        store.folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(store.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except (OSError, ValueError) as error:
        raise RequestError(
            f"--output {folder}: cannot be written: {reason(error)}; give a folder you can write to"
        ) from None
    try:
        claim(lock, folder)
        for name in (RESULTS, ABOUT):
            if (store.folder / name).exists() and not (store.folder / name).is_file():
                raise RequestError(f"{store.folder / name}: expected a file; give another folder")
        compare(store)
        read(store, timeout)
        store.file = os.open(store.folder / RESULTS, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    except OSError as error:
        close(store, lock)
        raise RequestError(f"--output {folder}: {reason(error)}") from None
    except BaseException:
        close(store, lock)
        raise
    try:
        yield store  # what goes wrong from here on is not the folder's
    finally:
        close(store, lock)


def reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


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


def compare(store: Store) -> None:
    """Refuse the results of another grid, or note what this one is."""
    text = json.dumps(store.grid.description(), indent=2)
    asked = json.loads(text)
    path = store.folder / ABOUT
    if not path.exists():
        if (store.folder / RESULTS).exists():
            raise RequestError(
                f"{store.folder}: has a {RESULTS} but no {ABOUT}: not the folder of a sweep; give another"
            )
        store.note(format=FORMAT, rnnverify=__version__, **asked, started=now(), finished=None)
        return
    try:
        with path.open("rb") as file:
            content = file.read(max(LARGEST_ABOUT, 2 * len(text)))
        store.about = json.loads(content.decode())
        known = {key: store.about[key] for key in asked} if store.about["format"] == FORMAT else None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RequestError(f"{path}: damaged, or not written by this version; give another folder") from None
    if known is None:
        writer = cleaned(str(store.about.get("rnnverify"))[:40])
        raise RequestError(f"{path}: written by another version of rnnverify ({writer}); give another folder")
    # All points are the same in any order of the keys; a sample is drawn from them in their order.
    if known != asked or (store.grid.sample is not None and list(known["grid"]) != list(asked["grid"])):
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
            key = f"{key}.{cleaned(changed[0])[:80]}" if changed else key
        return f"{key} is not the same"
    return "the order of its keys is not the same"


def read(store: Store, timeout: float) -> None:
    """The results that are there. A torn last line is cut off, and what has been given more time is taken out.

    Raises:
        RequestError: another line is damaged.
    """
    path = store.folder / RESULTS
    if not path.exists():
        return
    size = path.stat().st_size
    stale: set[int] = set()
    end = 0
    with path.open("rb") as file:
        for number, text in enumerate(file, start=1):
            try:
                point, record = kept_record(text, store.numbering)
                if not text.endswith(b"\n"):
                    raise ValueError("torn")
            except ValueError:
                if end + len(text) == size:  # torn, and perhaps something wrote a line end after it
                    os.truncate(path, end)
                    break
                raise RequestError(
                    f"{path}:{number}: damaged: not the result of a point of this grid; remove the line, or give another"
                    " folder"
                ) from None
            end += len(text)
            if point in store.records or (record["verdict"] == "error" and record.get("timeout", timeout) < timeout):
                stale.add(number)
            else:
                store.records[point] = record
    if stale:
        take_out(path, stale)


def take_out(path: Path, stale: Set[int]) -> None:
    """Write a file of lines anew, without some."""
    replacement = path.with_suffix(".jsonl.new")
    with path.open("rb") as file, replacement.open("wb") as kept:
        kept.writelines(text for number, text in enumerate(file, start=1) if number not in stale)
        kept.flush()
        os.fsync(kept.fileno())
    os.replace(replacement, path)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
