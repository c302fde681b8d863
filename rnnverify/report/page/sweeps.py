"""A sweep as a section of a page: its points over any two axes, and a table that sorts and filters."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from rnnverify.report.commands import command_for
from rnnverify.report.page.blocks import Block, Points, Section, Words
from rnnverify.report.page.numbers import BEYOND, rounded
from rnnverify.report.parts import Line
from rnnverify.report.records import error_of, ratio_of, written
from rnnverify.report.sweep_table import remark, sentence
from rnnverify.report.table import ratio_text
from rnnverify.results import Record, Summary, SweepResult
from rnnverify.text import cleaned

LONGEST = 40  # characters of a value
MOST_POINTS = 5000  # on a page
FEWER = "first those that do not match, then those that are nearest to their limits"


def sweep_section(result: SweepResult) -> Section:
    """All points of a sweep."""
    summary = result.summary
    verdict = verdict_of(summary)
    blocks: list[Block] = []
    if summary.reproduce is not None:
        blocks.append(Words(Line(("the worst point alone", "bold"), ": ", (summary.reproduce, "code"))))
    blocks.append(points(result))
    return Section(result.folder, verdict, sentence(summary) + unfinished(result.left), blocks=tuple(blocks))


def verdict_of(summary: Summary) -> str:
    counts = {"mismatch": summary.mismatches, "untested": summary.untested, "error": summary.errors}
    return next((verdict for verdict, count in counts.items() if count), "match")


def unfinished(left: int) -> str:
    return f"; {left:,} {'point has' if left == 1 else 'points have'} no result yet" if left else ""


def points(result: SweepResult) -> Points:
    """The points that are shown, in the order of the grid."""
    numbered = list(enumerate(result.records))
    if len(numbered) > MOST_POINTS:
        worst = sorted(numbered, key=lambda one: (one[1]["verdict"] == "match", -ratio_of(one[1])))
        numbered = sorted(worst[:MOST_POINTS], key=lambda one: one[0])
    axes = [axis_of(name, values) for name, values in result.axes.items()]
    records = [record for _, record in numbered]
    data: dict[str, Any] = {
        "number": [number for number, _ in numbered],
        "error": [None if value is None or value == 0 else value for value in rounded(map(error_of, records))],
        "ratio": [
            None if record["verdict"] == "error" else value
            for record, value in zip(records, rounded(map(ratio_of, records)), strict=True)
        ],
        "verdict": [record["verdict"] for record in records],
        "at": [
            [axis["places"].get(key_of(record["point"].get(axis["name"])), -1) for axis in axes] for record in records
        ],
    }
    total = len(result.records)
    longest = sorted(range(len(axes)), key=lambda index: -len(axes[index]["texts"]))
    return Points(
        [{key: value for key, value in axis.items() if key != "places"} for axis in axes],
        [point_row(number, record, result, axes) for number, record in numbered],
        data,
        (longest * 2)[:2],
        "" if total == len(numbered) else f"the page has {len(numbered):,} of {total:,} points: {FEWER}",
    )


def axis_of(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """A key of the grid: its values as text, and how they are drawn."""
    numeric = all(map(is_number, values))
    texts = list(map(value_text, values))
    texts = [text if texts.count(text) == 1 else f"{text} ({index})" for index, text in enumerate(texts)]
    return {
        "name": name,
        "texts": texts,
        "numbers": [float(value) for value in values] if numeric else None,
        "places": {key_of(value): index for index, value in enumerate(values)},
    }


def is_number(value: Any) -> bool:
    """Whether it can stand along an axis."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < BEYOND


def text_at(axis: Mapping[str, Any], value: Any) -> tuple[Any, str]:
    """A value with its text, which no other of its axis has."""
    place = axis["places"].get(key_of(value))
    return value, value_text(value) if place is None else axis["texts"][place]


def value_text(value: Any) -> str:
    """A value of a grid, short enough for a chart: of layers their classes."""
    if isinstance(value, list) and value and all(isinstance(one, str | dict) and len(one) for one in value):
        names = ", ".join(one if isinstance(one, str) else next(iter(one)) for one in value)
        return cleaned(names if len(names) <= LONGEST else names[: LONGEST - 3] + "...")
    text = value if isinstance(value, str) else json.dumps(value)
    return cleaned(text if len(text) <= LONGEST else text[: LONGEST - 3] + "...")


def key_of(value: Any) -> str:
    """The same for the same values, also where one of them was read from a file."""
    return json.dumps(written(value), sort_keys=True)


def point_row(number: int, record: Record, result: SweepResult, axes: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """A row of the table."""
    failed = record["verdict"] == "error"
    ratio, error = ratio_of(record), error_of(record)
    return {
        "number": number,
        "values": [
            {"text": text, "sort": value if is_number(value) else text}
            for value, text in (text_at(axis, record["point"].get(axis["name"])) for axis in axes)
        ],
        "verdict": record["verdict"],
        "ratio": "" if failed else ratio_text(ratio),
        "ratio_sort": "" if failed else f"{ratio:.6g}",
        "error": "" if failed or math.isnan(error) else f"{error:.2g}",
        "error_sort": "" if failed or math.isnan(error) else f"{error:.6g}",
        "remark": remark(record),
        "command": command_for(record["spec"], [*result.overrides, *record["point"].items()]),
    }
