"""The lines of a check."""

from __future__ import annotations

import pytest

from rnnverify.report.lines import outcome_line, summary_line
from rnnverify.results import Outcome
from tests.report.by_hand import OUTCOMES, RIGHT


@pytest.mark.parametrize(
    ("index", "line"),
    [
        (0, "match     a.yaml    max |error| 3e-08, expected 4e-08"),
        (
            1,
            "mismatch  b.yaml    layer lstm, timestep 4, sample 1, unit 2, forget gate: Keras 0.125, replay 0.25, a"
            " difference of 0.125 where rounding gives at most 1e-07; no order of summation can excuse it",
        ),
        (
            2,
            "mismatch  c.yaml    dense[1] differs by 3e-08, not within atol=2e-08, rtol=1e-09, though every step is right"
            " within rounding",
        ),
        (3, "error     d.yaml    4: M: expected a whole number; got 0 (and 1 more)"),
    ],
)
def test_each_outcome_has_a_line_with_its_verdict_its_spec_and_the_gist(index: int, line: str) -> None:
    assert outcome_line(OUTCOMES[index], width=8).plain == line


def test_an_error_of_one_line_is_all_there_is_to_say() -> None:
    assert outcome_line(Outcome("x", error="x: cannot be read"), 1).plain == "error     x  cannot be read"
    assert outcome_line(Outcome("x", error="another thing"), 1).plain == "error     x  another thing"


def test_verdicts_have_colours_and_specs_have_none() -> None:
    found = [outcome_line(outcome, 8) for outcome in OUTCOMES]
    assert [line.pieces[0] for line in found] == [
        ("match   ", "bold green"),
        ("mismatch", "bold red"),
        ("mismatch", "bold red"),
        ("error   ", "bold magenta"),
    ]
    assert [[style for _, style in line.pieces[1:]] for line in found] == [[""]] * 4


def test_what_is_shown_of_a_spec_is_padded() -> None:
    assert outcome_line(Outcome("a\nb", error="no"), 6).plain == r"error     a\nb    no"


def test_the_summary_counts_the_verdicts() -> None:
    assert summary_line(OUTCOMES).plain == "4 specs: 1 match, 2 mismatch, 1 error"
    assert summary_line([Outcome("a.yaml", RIGHT)]).plain == "1 spec: 1 match, 0 mismatch, 0 error"


@pytest.mark.parametrize(("outcomes", "style"), [(OUTCOMES[:1], "bold green"), (OUTCOMES[::3], "bold red")])
def test_the_summary_is_green_only_where_all_match(outcomes: tuple[Outcome, ...], style: str) -> None:
    assert summary_line(outcomes).style == style
