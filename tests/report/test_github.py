"""GitHub workflow commands."""

from __future__ import annotations

from rnnverify.report.github import escaped, github_commands, step_summary
from rnnverify.report.places import places_of
from rnnverify.results import Outcome
from tests.report.by_hand import OUTCOMES

COMMANDS = [
    "::error file=b.yaml,title=rnnverify mismatch::layer lstm, timestep 4, sample 1, unit 2, forget gate: Keras 0.125,"
    " replay 0.25, a difference of 0.125 where rounding gives at most 1e-07; no order of summation can excuse it",
    "::error file=c.yaml,title=rnnverify mismatch::dense[1] differs by 3e-08, not within atol=2e-08, rtol=1e-09, though"
    " every step is right within rounding",
    "::error file=d.yaml,line=4,title=rnnverify error::M: expected a whole number; got 0",
    "::error file=d.yaml,line=5,title=rnnverify error::K: expected a whole number; got 0",
    "4 specs: 1 match, 2 mismatch, 1 error",
]


def test_every_spec_that_does_not_match_is_annotated_and_the_summary_comes_last() -> None:
    assert github_commands(OUTCOMES).splitlines() == COMMANDS


def test_where_all_match_there_is_the_summary_alone() -> None:
    assert github_commands(OUTCOMES[:1]) == "1 spec: 1 match, 0 mismatch, 0 error"


def test_an_error_without_a_line_annotates_the_file() -> None:
    command, _ = github_commands([Outcome("x.yaml", error="x.yaml: empty")]).splitlines()
    assert command == "::error file=x.yaml,title=rnnverify error::empty"


def test_what_would_end_a_command_or_a_property_is_escaped() -> None:
    assert escaped("50%\r\na:b,c") == "50%25%0D%0Aa:b,c"
    assert escaped("50%\r\na:b,c", also=",:") == "50%25%0D%0Aa%3Ab%2Cc"
    command, _ = github_commands([Outcome("C:\\a,b.yaml", error="100%")]).splitlines()
    assert command == "::error file=C%3A\\a%2Cb.yaml,title=rnnverify error::100%25"


def test_the_summary_of_a_job_is_a_table_that_nothing_breaks_out_of() -> None:
    text = step_summary([*OUTCOMES, Outcome("a|b.yaml", error="a|b.yaml:3: M: `x`\n| <b> |")])
    lines = text.splitlines()
    assert lines[0] == "**rnnverify**: 5 specs: 1 match, 2 mismatch, 2 error"
    assert lines[3] == "|---|---|---|"
    assert [line.split("|")[1].split()[1] for line in lines[4:]] == ["mismatch", "mismatch", "error", "error", "match"]
    assert "| a\\|b.yaml | 3: M: \\`x\\` (and 1 more) |" in lines[7]


def test_each_problem_of_a_spec_has_its_place() -> None:
    outcome = Outcome(
        "d.yaml",
        error="d.yaml:4: layers[0].LSTM.units: expected: 3; got 0\nd.yaml: empty; see x\nd.yaml:7: not valid YAML: no",
    )
    assert places_of(outcome) == [
        ("d.yaml", 4, "layers[0].LSTM.units", "expected: 3; got 0"),
        ("d.yaml", None, None, "empty; see x"),
        ("d.yaml", 7, None, "not valid YAML: no"),
    ]
