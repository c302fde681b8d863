"""A sweep as tables for a terminal, and as a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from rnnverify.report.lines import counted
from rnnverify.report.records import error_of, ratio_of
from rnnverify.report.table import new_table
from rnnverify.results import Record, Summary, SweepResult

SHADES = " ░▒▓█"
MOST_ACROSS, MOST_DOWN = 24, 24


def render_sweep(result: SweepResult) -> Iterator[RenderableType]:
    """The picture, the worst points and the summary."""
    summary = result.summary
    yield from picture_of(result.records, result.axes)
    if summary.worst:
        yield worst_table(summary, list(result.axes))
    yield summary_text(summary)
    if summary.reproduce is not None:
        yield Text(f"the worst point alone: {summary.reproduce}")


def worst_table(summary: Summary, axes: Sequence[str]) -> Table:
    """The worst points, a row each."""
    table = new_table()
    for axis in axes:
        table.add_column(axis, justify="right", no_wrap=True)
    for heading in ("verdict", "of limit", "max |error|", ""):
        table.add_column(heading, justify="left" if heading in ("verdict", "") else "right", no_wrap=heading != "")
    for record in summary.worst:
        table.add_row(
            *(short(record["point"].get(axis)) for axis in axes),
            record["verdict"],
            *(("", "") if record["verdict"] == "error" else (f"{ratio_of(record):.2g}", f"{error_of(record):.2g}")),
            Text(remark(record)),
            style={"mismatch": "red", "untested": "yellow", "error": "magenta"}.get(record["verdict"]),
        )
    return table


def remark(record: Record) -> str:
    """Why a point is no match."""
    first = record.get("first_divergence")
    if first:
        when = "" if first["timestep"] is None else f", timestep {first['timestep']}"
        return f"{first['layer']}{when}, sample {first['sample']}, unit {first['unit']}"
    if record.get("untested"):
        return f"no change of 10% could have been seen in {', '.join(record['untested'])}"
    return str(record.get("message", ""))[:200]


def summary_text(summary: Summary) -> Text:
    found = {
        "match": summary.matches,
        "mismatch": summary.mismatches,
        "untested": summary.untested,
        "error": summary.errors,
    }
    counts = f"{summary.points} points: {counted(found)}; the worst at {summary.worst_ratio:.2g} of its limit"
    return Text(counts, style="bold green" if summary.passed else "bold red")


def picture_of(records: Sequence[Record], axes: Mapping[str, Sequence[Any]]) -> Iterator[RenderableType]:
    """The worst error over the two axes with the most values; nothing where there are not two, or too many values."""
    longest = sorted((axis for axis, values in axes.items() if len(values) > 1), key=lambda axis: -len(axes[axis]))
    if len(longest) < 2:
        return
    across, down = longest[:2]
    columns, rows = axes[across], axes[down]
    if len(columns) > MOST_ACROSS or len(rows) > MOST_DOWN:
        return
    worst: dict[tuple[str, str], float] = {}  # by the whole values, of which the table shows the beginnings
    for record in records:
        key = json.dumps(record["point"].get(down)), json.dumps(record["point"].get(across))
        error = error_of(record)
        if not math.isnan(error):
            worst[key] = max(worst.get(key, 0.0), error)
    finite = [math.log10(error) for error in worst.values() if 0 < error < math.inf]
    if not finite:
        return
    low, high = min(finite), max(finite)
    table = new_table()
    table.add_column(down, justify="right", no_wrap=True)
    for column in columns:
        table.add_column(short(column), justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            short(row), *(cell(worst.get((json.dumps(row), json.dumps(column))), low, high) for column in columns)
        )
    yield Text(f"max |error|, the worst over all else: {down} down, {across} across")
    yield table


def cell(error: float | None, low: float, high: float) -> Text:
    """An error as a number on a shade: the denser the larger, on a logarithmic scale over the picture."""
    if error is None:
        return Text("")
    share = 1.0 if error == math.inf else 0.0 if error <= 0 else (math.log10(error) - low) / max(high - low, 1e-9)
    shade = SHADES[round(share * (len(SHADES) - 1))]
    return Text(f"{shade} {error:.1e}")


def short(value: Any) -> str:
    """A grid value, short enough for a table."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 24 else text[:21] + "..."
