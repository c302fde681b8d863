"""What came of a sweep."""

from __future__ import annotations

from collections.abc import Sequence

from rnnverify.grids.grid import Grid
from rnnverify.report.commands import command_for
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
        reproduce=command_for(grid.base_path, [*grid.overrides, *worst[0]["point"].items()]) if worst else None,
    )


def badness(record: Record) -> tuple[int, float]:
    return ("match", "error", "untested", "mismatch").index(record["verdict"]), ratio_of(record)
