"""A sweep as tables for a terminal, and as a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rnnverify.report.lines import counted
from rnnverify.report.parts import Line
from rnnverify.report.records import error_of, ratio_of
from rnnverify.report.table import STYLES, ratio_text
from rnnverify.report.tables import Column, Row, Table, row
from rnnverify.results import Record, Summary, SweepResult

SHADES = " ░▒▓█"
MOST_ACROSS, MOST_DOWN = 24, 24


def render_sweep(result: SweepResult) -> Iterator[Line | Table]:
    """The picture, the worst points and the summary."""
    summary = result.summary
    yield from picture_of(result.records, result.axes)
    if summary.worst:
        yield worst_table(summary, list(result.axes))
        yield Line()
    yield summary_text(summary)
    if summary.reproduce is not None:
        yield Line(f"the worst point alone: {summary.reproduce}", whole=True)


def worst_table(summary: Summary, axes: Sequence[str]) -> Table:
    """The worst points, a row each."""
    columns = (
        *(Column(axis, right=True) for axis in axes),
        Column("verdict"),
        *(Column(heading, right=True) for heading in ("of limit", "max |error|")),
        Column("", words=True),
    )
    return Table(columns, tuple(worst_row(record, axes) for record in summary.worst))


def worst_row(record: Record, axes: Sequence[str]) -> Row:
    numbers = ("", "") if record["verdict"] == "error" else (ratio_text(ratio_of(record)), f"{error_of(record):.2g}")
    style = "" if record["verdict"] == "match" else STYLES[record["verdict"]].removeprefix("bold ")
    point = (short(record["point"].get(axis)) for axis in axes)
    return row(*point, record["verdict"], *numbers, remark(record), style=style)


def remark(record: Record) -> str:
    """Why a point is no match."""
    first = record.get("first_divergence")
    if first:
        when = "" if first["timestep"] is None else f", timestep {first['timestep']}"
        return f"{first['layer']}{when}, sample {first['sample']}, unit {first['unit']}"
    if record.get("untested"):
        return f"no change of 10% could have been seen in {', '.join(record['untested'])}"
    first, *rest = str(record.get("message", "")).splitlines() or [""]
    return first[:200] + (f" (and {len(rest)} more)" if rest else "")


def summary_text(summary: Summary) -> Line:
    return Line(sentence(summary), style="bold green" if summary.passed else "bold red")


def sentence(summary: Summary) -> str:
    """How many points there are of each verdict, and how near to its limit the worst comes."""
    found = {
        "match": summary.matches,
        "mismatch": summary.mismatches,
        "untested": summary.untested,
        "error": summary.errors,
    }
    return f"{summary.points} points: {counted(found)}; {worst_text(summary.worst_ratio)}"


def worst_text(ratio: float) -> str:
    """How near to its limit the worst point comes, or how far beyond."""
    if ratio < math.inf:
        return f"the worst at {ratio:.2g} of its limit"
    return "the worst is off where nothing is rounded, or where only one of the two is finite"


def picture_of(records: Sequence[Record], axes: Mapping[str, Sequence[Any]]) -> Iterator[Line | Table]:
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
    headings = (Column(heading, right=True) for heading in (down, *map(short, columns)))
    cells = (
        row(short(one), *(cell(worst.get((json.dumps(one), json.dumps(column))), low, high) for column in columns))
        for one in rows
    )
    yield Line(f"max |error|, the worst over all else: {down} down, {across} across")
    yield Table(tuple(headings), tuple(cells), folds=True)


def cell(error: float | None, low: float, high: float) -> str:
    """An error as a number on a shade: the denser the larger, on a logarithmic scale over the picture."""
    if error is None:
        return ""
    share = 1.0 if error == math.inf else 0.0 if error <= 0 else (math.log10(error) - low) / max(high - low, 1e-9)
    shade = SHADES[round(share * (len(SHADES) - 1))]
    return f"{shade} {error:.1e}"


def short(value: Any) -> str:
    """A grid value, short enough for a table."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 24 else text[:21] + "..."
