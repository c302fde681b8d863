"""What came of a sweep."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from rnnverify.grids.grid import Grid, Point
from rnnverify.report.records import ratio_of
from rnnverify.results import Record, Summary

WORST = 5


def summary_of(records: Sequence[Record], grid: Grid) -> Summary:
    """Sum up the records of a grid's points."""
    count = {
        verdict: sum(record["verdict"] == verdict for record in records)
        for verdict in ("match", "mismatch", "untested", "error")
    }
    worst = sorted(records, key=badness, reverse=True)[:WORST]
    ratios = [ratio_of(record) for record in records if record["verdict"] != "error"]
    return Summary(
        points=len(records),
        matches=count["match"],
        mismatches=count["mismatch"],
        untested=count["untested"],
        errors=count["error"],
        worst_ratio=max(ratios, default=0.0),
        worst=tuple(worst),
        reproduce=command_for(worst[0]["point"], grid) if worst else None,
    )


def badness(record: Record) -> tuple[int, float]:
    return ("match", "error", "untested", "mismatch").index(record["verdict"]), ratio_of(record)


def command_for(point: Point, grid: Grid) -> str:
    """The command that runs one point alone."""
    settings = [*grid.overrides, *point.items()]
    given = " ".join(f"--set {shlex.quote(f'{key}={as_yaml(value)}')}" for key, value in settings)
    return f"rnnverify run {shlex.quote(grid.base_path)} {given}"


def as_yaml(value: Any) -> str:
    """A value in YAML, on one line."""
    return value if isinstance(value, str) else json.dumps(value)
