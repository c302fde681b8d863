"""What tests have workers do in place of verifying points; workers import it by name."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

from rnnverify.errors import RequestError
from rnnverify.grids.grid import Grid, Point

Record = dict[str, Any]


def nothing() -> None:
    """A worker that needs no TensorFlow is ready at once."""


def matching(grid: Grid, points: Sequence[Point]) -> list[Record]:
    """Every point is a match, at once."""
    return [record(point) for point in points]


def slow(grid: Grid, points: Sequence[Point]) -> list[Record]:
    """The same, but each takes some milliseconds."""
    for _ in points:
        time.sleep(0.004)
    return matching(grid, points)


def deadly(grid: Grid, points: Sequence[Point]) -> list[Record]:
    """The same, but T=3 kills the process that it runs in."""
    if any(point["T"] == 3 for point in points):
        os._exit(9)
    return matching(grid, points)


def endless(grid: Grid, points: Sequence[Point]) -> list[Record]:
    """The same, but T=3 takes a minute."""
    if any(point["T"] == 3 for point in points):
        time.sleep(60)
    return matching(grid, points)


def refusing(grid: Grid, points: Sequence[Point]) -> list[Record]:
    """A worker on which nothing can be verified."""
    raise RequestError("Keras cannot be imported")


def broken(grid: Grid, points: Sequence[Point]) -> list[Record]:
    """A worker that has another version of something."""
    raise ModuleNotFoundError("No module named 'rnnverify.grids.points'")


def unsendable(grid: Grid, points: Sequence[Point]) -> Any:
    """An answer that cannot be sent back."""
    return lambda: None


def where(grid: Grid, points: Sequence[Point]) -> list[Record]:
    """The process that a point is run in, as its message."""
    return [{**record(point), "pid": os.getpid()} for point in points]


def record(point: Point) -> Record:
    return {"point": dict(point), "verdict": "match", "layers": [{"worst_ratio": 0.5}], "outputs": []}
