"""GitHub workflow commands."""

from __future__ import annotations

from rnnverify.report.github import escaped, github_commands
from rnnverify.results import Outcome
from tests.report.by_hand import OUTCOMES

COMMANDS = [
    "::error file=b.yaml,title=rnnverify mismatch::layer lstm, timestep 4, sample 1, unit 2, forget gate: Keras 0.125,"
    " replay 0.25, a difference of 0.125 where rounding gives at most 1e-07; no order of summation can excuse it",
    "::error file=c.yaml,title=rnnverify mismatch::dense[1] differs by 3e-08, not within atol=2e-08, rtol=1e-09, though"
    " every step is right within rounding",
    "::error file=d.yaml,line=4,title=rnnverify error::d.yaml:4: M: expected a whole number; got 0%0Ad.yaml:5: K: expected"
    " a whole number; got 0",
    "4 specs: 1 match, 2 mismatch, 1 error",
]


def test_every_spec_that_does_not_match_is_annotated_and_the_summary_comes_last() -> None:
    assert github_commands(OUTCOMES).splitlines() == COMMANDS


def test_where_all_match_there_is_the_summary_alone() -> None:
    assert github_commands(OUTCOMES[:1]) == "1 spec: 1 match, 0 mismatch, 0 error"


def test_an_error_without_a_line_annotates_the_file() -> None:
    command, _ = github_commands([Outcome("x.yaml", error="x.yaml: empty")]).splitlines()
    assert command == "::error file=x.yaml,title=rnnverify error::x.yaml: empty"


def test_what_would_end_a_command_or_a_property_is_escaped() -> None:
    assert escaped("50%\r\na:b,c") == "50%25%0D%0Aa:b,c"
    assert escaped("50%\r\na:b,c", also=",:") == "50%25%0D%0Aa%3Ab%2Cc"
    command, _ = github_commands([Outcome("C:\\a,b.yaml", error="100%")]).splitlines()
    assert command == "::error file=C%3A\\a%2Cb.yaml,title=rnnverify error::100%25"
