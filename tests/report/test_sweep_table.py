"""A sweep's picture, its worst points and its summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any

import pytest

from rnnverify.report.sweep_table import MOST_ACROSS, picture_of, render_sweep, short, summary_text, worst_table
from rnnverify.results import SweepResult
from tests.report.by_hand import AXES, DIVERGENCE, POINTS, SUMMARY, SWEEP, failed, lines, point

TEXT = """\
max |error|, the worst over all else: layer down, N across

 layer         1         4
 ─────────────────────────
  LSTM   1.0e-08 ░ 1.0e-07
   GRU █ 1.0e-04

 N layer verdict  of limit max |error|
 ────────────────────────────────────────────────────────────────────────
 1   GRU mismatch       40      0.0001 lstm, timestep 4, sample 1, unit 2
 4   GRU error                         N: too large
 4  LSTM match         0.2       1e-07
 1  LSTM match         0.1       1e-08

4 points: 2 match, 1 mismatch, 1 error; the worst at 40 of its limit
the worst point alone: rnnverify run grid.yaml --set N=1 --set layer=GRU"""


def picture(records: Sequence[dict[str, Any]], axes: Mapping[str, Sequence[Any]]) -> str:
    return lines(picture_of(records, {key: tuple(values) for key, values in axes.items()}), width=400)


def cells(text: str) -> list[list[str]]:
    """The rows of a picture, without its title, heading and rule."""
    return [line.split() for line in text.splitlines()[4:] if line]


def test_a_sweep_is_shown_as_a_picture_its_worst_points_and_a_summary() -> None:
    assert lines(render_sweep(SWEEP)) == TEXT


def test_without_a_point_there_is_the_summary_alone() -> None:
    nothing = replace(SUMMARY, points=0, matches=0, mismatches=0, errors=0, worst_ratio=0.0, worst=(), reproduce=None)
    text = "0 points: 0 match, 0 mismatch, 0 error; the worst at 0 of its limit"
    assert lines(render_sweep(SweepResult("grid-sweep", AXES, (), nothing))) == text


def test_the_picture_has_the_worst_over_all_other_axes() -> None:
    records = [point("match", 0.1, error, a=a, b=b, c=c) for a, b, c, error in [
        (1, 1, 1, 1e-3), (1, 1, 2, 1e-5), (1, 2, 1, 1e-6), (1, 2, 2, 1e-2), (2, 1, 1, 0.0), (2, 1, 2, 0.0),
    ]]  # fmt: skip
    text = picture(records, {"a": [1, 2], "b": [1, 2, 3], "c": [1, 2]})
    assert text.startswith("max |error|, the worst over all else: a down, b across\n")
    assert cells(text) == [["1", "1.0e-03", "█", "1.0e-02"], ["2", "0.0e+00"]]


def test_an_infinite_error_is_the_darkest_and_one_of_no_number_is_left_out() -> None:
    records = [point("mismatch", 1.0, error, a=a, b=b) for a, b, error in [(1, 1, inf), (1, 2, 1e-3), (2, 1, 1e-5)]]
    records.append(failed("no", a=2, b=2))
    assert cells(picture(records, {"a": [1, 2], "b": [1, 2]})) == [["1", "█", "inf", "1.0e-05"], ["2", "█", "1.0e-03"]]


@pytest.mark.parametrize(
    ("records", "axes"),
    [
        (POINTS, {"N": [1, 4], "layer": ["LSTM"]}),  # one axis of several values makes no picture
        (POINTS, {"N": [1, 4], "layer": list(range(MOST_ACROSS + 1))}),
        (POINTS[3:], AXES),  # nothing was measured
        ((), AXES),
    ],
)
def test_where_a_picture_would_show_nothing_there_is_none(
    records: Sequence[dict[str, Any]], axes: Mapping[str, Sequence[Any]]
) -> None:
    assert picture(records, axes) == ""


def test_of_a_place_without_time_the_timestep_is_left_out() -> None:
    record = point("mismatch", 2.0, 1.0, replace(DIVERGENCE, layer="dense", timestep=None), N=1)
    table = lines([worst_table(replace(SUMMARY, worst=(record,)), ["N"])])
    assert table.splitlines()[-1].rstrip() == " 1 mismatch        2           1 dense, sample 1, unit 2"


def test_a_long_message_is_cut_and_is_no_markup() -> None:
    record = failed("[red]" + "x" * 300, N=1)
    table = lines([worst_table(replace(SUMMARY, worst=(record,)), ["N"])], width=400)
    assert "[red]" + "x" * 195 in table
    assert "x" * 196 not in table


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        ("LSTM", "LSTM"),
        (None, "null"),
        (True, "true"),
        ({"normal": {"scale": 10}}, '{"normal": {"scale": 10}}'[:21] + "..."),
        ("x" * 24, "x" * 24),
        ("x" * 25, "x" * 21 + "..."),
    ],
)
def test_a_value_is_short_enough_for_a_column(value: Any, text: str) -> None:
    assert short(value) == text


def test_the_summary_is_green_only_where_every_point_matches() -> None:
    assert summary_text(SUMMARY).style == "bold red"
    assert summary_text(replace(SUMMARY, matches=4, mismatches=0, errors=0)).style == "bold green"


def test_a_worst_point_beyond_any_limit_is_told_in_a_sentence() -> None:
    record = point("mismatch", inf, 0.5, replace(DIVERGENCE, allowed=0.0), N=1)
    result = replace(SWEEP, summary=replace(SUMMARY, worst=(record,), worst_ratio=inf))
    text = lines(render_sweep(result), width=200)
    assert "; the worst is off where nothing is rounded, or where only one of the two is finite\n" in text
    assert " beyond any " in text
    assert "inf" not in text


def test_a_message_of_several_lines_is_its_first_and_how_many_more() -> None:
    record = failed("a.yaml: N: too large\na.yaml: T: too large", N=4)
    text = lines([worst_table(replace(SUMMARY, worst=(record,)), ["N"])])
    assert "a.yaml: N: too large (and 1 more)" in text


def test_values_that_begin_alike_have_cells_of_their_own() -> None:
    files = tuple({"file": f"/data/experiments/long/{name}.npy"} for name in "ab")
    axes: dict[str, tuple[Any, ...]] = {"data": files, "N": (1, 2)}
    records = [
        point("match", 0.1, error, data=file, N=N)
        for file, error in zip(files, (1e-8, 1e-5), strict=True)
        for N in (1, 2)
    ]
    text = picture(records, axes)
    assert text.count("1.0e-08") == text.count("1.0e-05") == 2
