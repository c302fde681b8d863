"""What came of a sweep."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan
from typing import Any

from rnnverify.sweep.grid import Grid, Point, Record

WORST = 5


@dataclass(frozen=True)
class Summary:
    """Counts, and the worst points."""

    points: int
    matches: int
    mismatches: int
    errors: int
    worst_ratio: float  # the largest residual of its limit over all points
    worst: tuple[Record, ...]  # mismatches first, then the largest ratios
    reproduce: str | None  # a command that runs the worst point

    @property
    def passed(self) -> bool:
        return self.matches == self.points


def summary_of(records: Sequence[Record], grid: Grid) -> Summary:
    """Sum up the records of a grid's points."""
    count = {
        verdict: sum(record["verdict"] == verdict for record in records) for verdict in ("match", "mismatch", "error")
    }
    worst = sorted(records, key=badness, reverse=True)[:WORST]
    ratios = [ratio_of(record) for record in records if record["verdict"] != "error"]
    return Summary(
        points=len(records),
        matches=count["match"],
        mismatches=count["mismatch"],
        errors=count["error"],
        worst_ratio=max(ratios, default=0.0),
        worst=tuple(worst),
        reproduce=command_for(worst[0]["point"], grid) if worst else None,
    )


def badness(record: Record) -> tuple[int, float]:
    return ("match", "error", "mismatch").index(record["verdict"]), ratio_of(record)


def ratio_of(record: Record) -> float:
    """The largest residual of its limit over a point's layers; 0 for an error."""
    return max((number(layer["worst_ratio"]) for layer in record.get("layers", ())), default=0.0)


def error_of(record: Record) -> float:
    """The largest error end to end; NaN for a point that has no result."""
    return max((number(output["max_abs_error"]) for output in record.get("outputs", ())), default=nan)


def number(value: Any) -> float:
    """A number of the JSON report, where infinity and NaN are texts."""
    return {"Infinity": inf, "-Infinity": -inf, "NaN": nan}[value] if isinstance(value, str) else float(value)


def command_for(point: Point, grid: Grid) -> str:
    """The command that runs one point alone."""
    settings = [*grid.overrides, *point.items()]
    given = " ".join(f"--set {shlex.quote(f'{key}={as_yaml(value)}')}" for key, value in settings)
    return f"rnnverify run {shlex.quote(grid.base_path)} {given}"


def as_yaml(value: Any) -> str:
    """A value in YAML, on one line."""
    import json

    return value if isinstance(value, str) else json.dumps(value)
