"""What a worker does: verify some points, one after the other, and answer with their records."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from functools import cache

from rnnverify.diagnosis.explanation import explained
from rnnverify.errors import RequestError
from rnnverify.grids.elsewhere import observed_by
from rnnverify.grids.grid import Grid, Point
from rnnverify.keras_model.session import Session, load_keras
from rnnverify.keras_model.settings import quiet
from rnnverify.layers.registry import REPLAYED
from rnnverify.report.records import record
from rnnverify.results import Record
from rnnverify.verification.verdict import judge


def ready() -> None:
    """What a worker does before its first point: the time that this takes is not the point's.

    Raises:
        RequestError: Keras cannot be imported, which is no result of a point either.
    """
    with quiet():
        load_keras()


def verify_points(grid: Grid, points: Sequence[Point]) -> list[Record]:
    """The record of each point: what the JSON report says of a spec, and the point; or why there is none."""
    made = [verify_point(grid, point) for point in points]
    gc.collect()  # worker processes have it switched off otherwise
    return made


def verify_point(grid: Grid, point: Point) -> Record:
    try:
        spec = grid.spec(point)
        result = explained(judge(observed_by(session(), spec)))
    except RequestError as error:
        return failed(grid, point, str(error))
    except (
        BaseException
    ) as error:  # a bug of ours, no memory, a model that exits: the points after it count all the same
        session.cache_clear()
        return failed(grid, point, f"{type(error).__name__}: {error}")
    return {"point": dict(point), **record(result)}


def failed(grid: Grid, point: Point, message: str) -> Record:
    """The record of a point that has no result."""
    return {"point": dict(point), "spec": grid.base_path, "verdict": "error", "message": message}


def overdue(grid: Grid, point: Point, limit: float) -> Record:
    """The record of a point that took too long: an error, until it is given more time."""
    told = f"took longer than {limit:g} seconds; give it more with --timeout, or make the point smaller"
    return {**failed(grid, point, told), "timeout": limit}


def lost(grid: Grid, point: Point, death: Exception) -> Record:
    """What is said of a point that takes its worker with it. It has no result, and is run again by the next sweep."""
    told = (
        f"the worker died ({death}), as when memory runs out; make the point smaller, or run fewer workers: the same"
        " command tries it again"
    )
    return {**failed(grid, point, told), "lost": True}


@cache
def session() -> Session:
    """This process's own: points that follow each other share a model."""
    return Session(REPLAYED)
