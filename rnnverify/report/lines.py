"""The check's outcomes: a line each, and a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rnnverify.report.parts import Line
from rnnverify.report.reasons import checked_text, reason_of, worst_first
from rnnverify.report.table import STYLES
from rnnverify.report.tables import Column, Table, row
from rnnverify.results import Outcome
from rnnverify.text import cleaned


def outcome_line(outcome: Outcome, width: int) -> Line:
    """The verdict, the spec (padded to `width`), and the largest error or what is wrong."""
    return Line(
        (f"{outcome.verdict:<8}", STYLES[outcome.verdict]),
        f"  {cleaned(outcome.spec):<{width}}  {gist(outcome)}",
        further_in=10,
    )


def told(outcome: Outcome) -> str:
    """All that there is to say of what does not match, in as many lines as it takes."""
    return "\n".join(map(cleaned, (outcome.error or gist(outcome)).splitlines()))


def outcome_table(outcomes: Sequence[Outcome]) -> Table:
    """The same as a table."""
    rows = (
        row(
            outcome.verdict,
            outcome.spec,
            gist(outcome),
            style="" if outcome.passed else STYLES[outcome.verdict].removeprefix("bold "),
        )
        for outcome in outcomes
    )
    return Table((Column("verdict"), Column("spec"), Column("", words=True)), tuple(rows))


def gist(outcome: Outcome) -> str:
    """One line on the outcome."""
    if outcome.result is None:
        first, *rest = (outcome.error or "").splitlines() or [""]
        first = first.removeprefix(f"{cleaned(outcome.spec)}:").strip()
        return f"{first} (and {len(rest)} more)" if rest else first
    if not outcome.result.passed:
        return reason_of(outcome.result)
    worst = worst_first(outcome.result.outputs)[0]
    text = f"max |error| {worst.max_abs_error:.2g}, expected {worst.expected_error:.2g}"
    if checked := checked_text(outcome.result):
        text = f"{text}; {checked}"
    blind = outcome.result.blind
    return f"{text}; blind to {len(blind.spots)} of {blind.known} known mistakes" if blind and blind.spots else text


def summary_line(outcomes: Sequence[Outcome]) -> Line:
    counts = Counter(outcome.verdict for outcome in outcomes)
    style = "bold green" if counts["match"] == len(outcomes) else "bold red"
    specs = "1 spec" if len(outcomes) == 1 else f"{len(outcomes)} specs"
    return Line(f"{specs}: {counted(counts)}", style=style)


def hint() -> Line:
    return Line("-v prints the tables of what does not match", style="dim")


def counted(counts: Mapping[str, int]) -> str:
    """How many of each verdict; untested ones are mentioned where there are any."""
    untested = f" {counts['untested']} untested," if counts["untested"] else ""
    return f"{counts['match']} match, {counts['mismatch']} mismatch,{untested} {counts['error']} error"
