"""The tables of one result, as a terminal shows them."""

from __future__ import annotations

import re
from dataclasses import replace
from math import inf, nan
from typing import Any

import pytest

from rnnverify.observation import Tolerance
from rnnverify.report.reasons import suspicion
from rnnverify.report.table import hint, quiet_line, render, title
from rnnverify.results import Place, Suspect, Verification
from tests.report.by_hand import DENSE, DIVERGENCE, PARTED, RIGHT, SMALL, SUSPECT, TOO_FAR, WRONG, lines

RIGHT_TEXT = """\
a.yaml   float32, seed 7

 layer class weights                                 parameters output shape
 ───────────────────────────────────────────────────────────────────────────
 lstm  LSTM  kernel (8, 12)           4 x (8 + 3 + 1) x 3 = 144    (2, 6, 3)
             recurrent_kernel (3, 12)
             bias (12,)
 dense Dense kernel (3, 2)                      (3 + 1) x 2 = 8    (2, 6, 2)
             bias (2,)

 output   max |error| mean |error| expected sample timestep Keras      replay
 ───────────────────────────────────────────────────────────────────────────────
 dense[1]       3e-08        2e-09    4e-08      0        5 -0.25 -0.25000003 ok
 dense[0]       1e-08        2e-09    4e-08      1        3   0.5  0.50000001 ok

match: every step is right within rounding, the worst at 0.5 of its limit"""

WRONG_TEXT = """\
b.yaml   float32, seed 7

 layer class weights                                 parameters output shape max residual of allowed
 ───────────────────────────────────────────────────────────────────────────────────────────────────
 lstm  LSTM  kernel (8, 12)           4 x (8 + 3 + 1) x 3 = 144    (2, 6, 3)         0.12    1.2e+06
             recurrent_kernel (3, 12)
             bias (12,)
 dense Dense kernel (3, 2)                      (3 + 1) x 2 = 8    (2, 6, 2)        3e-08        0.5
             bias (2,)

 output   max |error| mean |error| expected sample timestep Keras      replay
 ─────────────────────────────────────────────────────────────────────────────────
 dense[1]         0.5        2e-09    4e-08      0        5 -0.25 -0.25000003 FAIL
 dense[0]       1e-08        2e-09    4e-08      1        3   0.5  0.50000001 ok

mismatch: layer lstm, timestep 4, sample 1, unit 2, forget gate: Keras 0.125, replay 0.25, a difference of 0.125 where
  rounding gives at most 1e-07; no order of summation can excuse it
lstm: a relative change of 0.001 would show in 50% of the elements, of 0.01 in 75%, of 0.1 in 100%
dense: a relative change of 0.001 would show in 100% of the elements, of 0.01 in 100%, of 0.1 in 100%
suspicious: lstm recurrent_kernel[0, 5], forget gate: Keras computes as if it were 0.001 more than reported, which
  explains 99.5% of what is wrong with this unit
keras 3.9.0, numpy 2.0.0
build 0.250 s, predict 0.125 s, replay 0.062 s"""


def last_line(result: Verification) -> str:
    return lines(render(result), width=1000).splitlines()[-1]


def test_a_match_is_shown_with_its_layers_and_its_outputs_worst_first() -> None:
    assert lines(render(RIGHT)) == RIGHT_TEXT


def test_verbose_adds_residuals_suspects_versions_and_times() -> None:
    assert lines(render(WRONG, verbose=True)) == WRONG_TEXT


def test_without_verbose_a_mismatch_names_the_place_and_no_suspects() -> None:
    text = lines(render(WRONG))
    assert "mismatch: layer lstm, timestep 4, sample 1, unit 2, forget gate: Keras 0.125" in text
    assert not any(word in text for word in ("suspicious", "of allowed", "numpy 2.0.0", "0.125 s"))


def test_a_place_without_time_and_gate_says_neither() -> None:
    first = replace(DIVERGENCE, layer="dense", timestep=None, gate=None, certain=False)
    assert last_line(replace(WRONG, first_divergence=first)) == (
        "mismatch: layer dense, sample 1, unit 2: Keras 0.125, replay 0.25, a difference of 0.125 where rounding gives at"
        " most 1e-07"
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"allowed": 0.0, "certain": False}, "a difference of 0.125 where nothing is rounded"),
        ({"keras": nan, "residual": inf}, "Keras nan, replay 0.25, of which only one is finite"),
        ({"keras": inf, "replay": -inf, "residual": inf}, "Keras inf, replay -inf, which are not the same"),
    ],
)
def test_where_no_number_says_how_far_off_it_is_a_sentence_does(changes: dict[str, Any], told: str) -> None:
    assert last_line(replace(WRONG, first_divergence=replace(DIVERGENCE, **changes))).endswith(told)


def test_beyond_any_limit_is_no_number_either() -> None:
    layer = replace(DENSE, worst_ratio=inf, passed=False)
    text = lines(render(replace(RIGHT, layers=(layer,), first_divergence=DIVERGENCE), verbose=True))
    assert " beyond any\n" in text
    assert "inf" not in text


def test_a_hint_says_what_verbose_would_show() -> None:
    assert hint(WRONG).plain == (
        "-v shows more: each layer's residual, how small a fault it could have shown, and which weights are suspicious"
    )
    assert hint(TOO_FAR).plain == "-v shows more: each layer's residual, how small a fault it could have shown"


def test_the_seed_is_named_where_there_was_one() -> None:
    assert lines([title("a.yaml", RIGHT)]) == "a.yaml   float32, seed 7"
    assert lines([title("mine", replace(RIGHT, seed=None))]) == "mine   float32"


def test_a_demand_that_is_not_met_is_named() -> None:
    demand = "mismatch: dense[1] differs by 3e-08, not within {}, though every step is right within rounding"
    assert last_line(TOO_FAR) == demand.format("atol=2e-08, rtol=1e-09")
    assert last_line(replace(TOO_FAR, tolerance=Tolerance(atol=0.0))) == demand.format("atol=0")


def test_verbose_says_which_columns_are_which_gate_and_which_end_is_which() -> None:
    lstm = replace(
        RIGHT.layers[0],
        weights={"kernel": (8, 12), "bias": (2, 3)},
        gates={"kernel": {"i": (0, 2), "f": (3, 5)}, "bias": {"z": (0, 0), "r": (1, 1)}},
        ends="walks from the last timestep to the first",
    )
    text = lines(render(replace(RIGHT, layers=(lstm,)), verbose=True), width=200)
    assert "kernel (8, 12): i 0-2, f 3-5 " in text
    assert "bias (2, 3): z 0, r 1; row 0 goes with x, row 1 with h" in text
    assert "\nlstm: walks from the last timestep to the first\n" in text
    assert "i 0-2" not in lines(render(replace(RIGHT, layers=(lstm,))))


def test_a_demand_that_is_met_is_named_too() -> None:
    assert last_line(replace(RIGHT, tolerance=Tolerance(rtol=0.5))).endswith("of its limit; within rtol=0.5 too")


def test_where_two_right_runs_part_it_is_said_when_and_why() -> None:
    assert last_line(PARTED) == (
        "The errors end to end are no fault: the recurrence amplifies rounding 1.2e+04 times, and from timestep 17 of lstm"
        " on the two runs have parted."
    )


def test_a_note_comes_last() -> None:
    assert (
        last_line(replace(RIGHT, notes=("gru runs over the masked steps",))) == "note: gru runs over the masked steps"
    )


def many(count: int, failing: int = 0) -> Verification:
    outputs = [
        replace(SMALL, output=f"dense[{unit}]", max_abs_error=unit * 1e-9, passed=unit >= failing)
        for unit in range(count)
    ]
    return replace(RIGHT, outputs=tuple(outputs))


def units(text: str) -> list[int]:
    return [int(re.sub(r"\D", "", line.split()[0])) for line in text.splitlines() if line.startswith(" dense[")]


def test_more_than_twenty_rows_are_shortened_with_a_line_that_says_so() -> None:
    assert units(lines(render(many(25)))) == list(range(24, 4, -1))
    assert "\n  and 5 smaller ones (-v shows all)\n" in lines(render(many(25)))
    assert units(lines(render(many(25), verbose=True))) == list(range(24, -1, -1))
    assert "smaller ones" not in lines(render(many(25), verbose=True))
    assert "smaller ones" not in lines(render(many(20)))


def test_rows_that_fail_come_first_and_those_that_are_not_shown_are_counted() -> None:
    assert units(lines(render(many(25, failing=2))))[:3] == [1, 0, 24]
    assert "and 5 smaller ones, 4 of which fail (-v shows all)" in lines(render(many(25, failing=24)))


def test_a_timestep_stands_where_an_output_has_one() -> None:
    state = replace(SMALL, output="lstm.c[0]", at=Place(1, None))
    assert "timestep" not in lines(render(replace(RIGHT, outputs=(state,))))
    both = lines(render(replace(RIGHT, outputs=(SMALL, state)))).splitlines()
    assert [line.split()[4:7] for line in both if "lstm.c" in line] == [["1", "0.5", "0.50000001"]]
    assert [line.split()[4:7] for line in both if "dense[0]" in line] == [["1", "3", "0.5"]]


def test_names_are_no_markup() -> None:
    result = replace(RIGHT, spec="[red]a[/red]", layers=(replace(DENSE, layer="[bold]x"),), notes=("[/]",))
    result = replace(result, outputs=(replace(SMALL, output="[blink]"),))
    text = lines(render(result))
    assert all(name in text for name in ("[red]a[/red]", "[bold]x", "[/]", "[blink]"))


@pytest.mark.parametrize(
    ("suspect", "text"),
    [
        (SUSPECT, "lstm recurrent_kernel[0, 5], forget gate: Keras computes as if it were 0.001 more than reported"),
        (
            replace(SUSPECT, weight="bias", index=(3,), gate=None, change=-2.0),
            "lstm bias[3]: Keras computes as if it were 2 less than reported",
        ),
    ],
)
def test_a_suspect_is_named_with_what_it_explains(suspect: Suspect, text: str) -> None:
    assert suspicion("lstm", suspect) == f"{text}, which explains 99.5% of what is wrong with this unit"


def test_the_quiet_line_says_why_only_of_a_mismatch() -> None:
    assert quiet_line(RIGHT).plain == "match  a.yaml"
    assert quiet_line(TOO_FAR).plain.startswith("mismatch  c.yaml  dense[1] differs by 3e-08, not within atol=2e-08")
