"""What a worker does: verify some points, one after the other, and answer with their records."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from functools import cache

from rnnverify.diagnosis.explanation import explained
from rnnverify.errors import RequestError
from rnnverify.grids.grid import Grid, Point
from rnnverify.keras_model.session import Session
from rnnverify.layers.registry import LAYERS
from rnnverify.report.records import record
from rnnverify.results import Record
from rnnverify.verification.verdict import judge


def verify_points(grid: Grid, points: Sequence[Point]) -> list[Record]:
    """The record of each point: what the JSON report says of a spec, and the point; or why there is none."""
    made = [verify_point(grid, point) for point in points]
    gc.collect()  # worker processes have it switched off otherwise
    return made


def verify_point(grid: Grid, point: Point) -> Record:
    try:
        spec = grid.spec(point)
        result = explained(judge(session().observe(spec)))
    except RequestError as error:
        return failed(grid, point, str(error))
    except Exception as error:  # a bug of ours, or no memory: the points after it count all the same
        session.cache_clear()
        return failed(grid, point, f"{type(error).__name__}: {error}")
    return {"point": dict(point), **record(result)}


def failed(grid: Grid, point: Point, message: str) -> Record:
    """The record of a point that has no result."""
    return {"point": dict(point), "spec": grid.base_path, "verdict": "error", "message": message}


@cache
def session() -> Session:
    """This process's own: points that follow each other share a model."""
    return Session(LAYERS)
