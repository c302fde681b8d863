"""Tables that fit."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from rnnverify.report.blind import render as render_blind
from rnnverify.report.html import html
from rnnverify.report.parts import WORD
from rnnverify.report.sweep_table import render_sweep
from rnnverify.report.table import output_table, render
from rnnverify.report.tables import Column, Table, row
from rnnverify.results import BlindSpot, BlindSpots, Place, SweepResult, Verification
from tests.report.by_hand import AXES, LSTM, RIGHT, SMALL, SWEEP, WRONG, lines, point

WIDTHS = range(30, 131)
NUMBERS = Table(
    tuple(Column(heading, right=heading != "name") for heading in ("name", "one", "two", "three")),
    (row("first", "1.25e-07", "-0.123456789", "3"), row("second", "2.5e-08", "0.987654321", "44")),
    ("one", {"three": "two"}),
)
LONG = replace(
    RIGHT,
    layers=(
        replace(
            LSTM,
            layer="an_lstm_with_quite_a_long_name",
            gates={"kernel": {"i": (0, 2), "f": (3, 5), "c": (6, 8), "o": (9, 11)}},
        ),
    ),
    outputs=tuple(
        replace(SMALL, output=f"an_lstm_with_quite_a_long_name.c[{unit}]", keras=-0.123456789e-5, at=Place(unit, 12345))
        for unit in (7, 1234)
    ),
)
BLIND = BlindSpots(
    "a.yaml",
    9,
    (BlindSpot("time-batch-swapped/reshape", "", ("lstm", "gru"), "the states start from zero", "data: {scale: 6.5}"),),
    (),
    "N: 3",
)


def numbers(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w.\[-])-?\d[\d.]*(?:e[-+]\d+)?(?![\w.])", text))


def shown(width: int, table: Table = NUMBERS) -> list[str]:
    return lines([table], width=width).strip("\n").splitlines()


def test_where_there_is_room_there_are_all_columns() -> None:
    assert shown(80) == [
        " name        one          two three",
        " ──────────────────────────────────",
        " first  1.25e-07 -0.123456789     3",
        " second  2.5e-08  0.987654321    44",
    ]


def test_the_first_thing_done_is_to_leave_out_what_can_be_spared_and_to_say_so() -> None:
    assert shown(34) == [
        " name            two three",
        " ─────────────────────────",
        " first  -0.123456789     3",
        " second  0.987654321    44",
        " left out for want of width: one",
    ]


def test_then_columns_are_put_under_others() -> None:
    assert shown(20)[:7] == [
        "                 two",
        " name          three",
        " ───────────────────",
        " first  -0.123456789",
        "                   3",
        " second  0.987654321",
        "                  44",
    ]
    assert shown(20)[7:] == [" left out for want", "   of width: one"]


def test_at_last_each_row_is_a_list_and_nothing_is_left_out() -> None:
    text = lines([NUMBERS], width=19)
    assert "left out" not in text
    assert numbers(text) == {"1.25e-07", "2.5e-08", "-0.123456789", "0.987654321", "3", "44"}


def test_a_long_name_is_broken_before_rows_become_lists() -> None:
    rows = (row("a_layer_with_a_long_name[10]", "0.5", "-0.123456789", "3"),)
    assert shown(34, replace(NUMBERS, rows=rows)) == [
        "                               two",
        " name                        three",
        " ─────────────────────────────────",
        " a_layer_with_a_long_ -0.123456789",
        " name[10]                        3",
        " left out for want of width: one",
    ]


def test_what_does_not_fit_in_a_picture_stands_below_with_the_first_column_again() -> None:
    headings = ("M", "10", "20", "30")
    table = Table(tuple(Column(one, right=True) for one in headings), (row("4", "1e-7", "2e-7", "3e-7"),), folds=True)
    assert shown(12, table) == [
        " M   10   20",
        " ───────────",
        " 4 1e-7 2e-7",
        "",
        " M   30",
        " ──────",
        " 4 3e-7",
    ]


WIDE = SweepResult(
    "x",
    {"N": tuple(range(20)), **AXES},
    tuple(point("match", 0.5, 10.0**-n, N=n, layer=layer) for n in range(20) for layer in AXES["layer"]),
    SWEEP.summary,
)
REPORTS = {
    "a match": lambda: render(RIGHT),
    "a mismatch": lambda: render(WRONG, verbose=True),
    "long names": lambda: render(LONG, verbose=True),
    "a sweep": lambda: list(render_sweep(WIDE))[:-1],  # the last line is a command
    "blind spots": lambda: render_blind(BLIND),
}


@pytest.mark.parametrize("report", REPORTS)
def test_every_report_fits_every_width_and_no_number_is_cut(report: str) -> None:
    wide = lines(REPORTS[report](), width=1000)
    for width in WIDTHS:
        text = lines(REPORTS[report](), width=width)
        too_long = [line for line in text.splitlines() if len(line) > width and len(WORD.findall(line.strip())) > 1]
        assert not too_long, width
        assert numbers(text) <= numbers(wide), width


@pytest.mark.parametrize("report", REPORTS)
def test_at_100_columns_nothing_is_left_out_of_usual_reports(report: str) -> None:
    if report != "long names":
        assert "left out" not in lines(REPORTS[report](), width=100)


@pytest.mark.parametrize("width", WIDTHS)
def test_both_values_of_each_output_are_always_there(width: int) -> None:
    text = lines([output_table(LONG.outputs, verbose=False)], width=width)
    assert text.count("-1.23456789e-06") == 2
    assert text.count("0.50000001") == 2


def test_words_wrap_in_their_column() -> None:
    table = Table((Column("id"), Column("as", words=True)), (row("a", "the states start from zero"),))
    assert shown(20, table)[2:] == [" a  the states start", "    from zero"]


def test_names_are_no_markup_and_their_line_ends_are_written_out() -> None:
    table = Table((Column("name"), Column("", words=True)), (row("[red]a\n::error::b", "[/] \x1b[2J"),))
    assert shown(80, table)[-1] == r" [red]a\n::error::b [/] \x1b[2J"


@pytest.mark.parametrize("result", [RIGHT, WRONG, LONG])
def test_in_html_there_are_all_columns(result: Verification) -> None:
    block = html(render(result))
    assert block.count("<table") == 2
    for heading in ("mean |error|", "expected", "output shape", "parameters"):
        assert f">{heading}</th>" in block
