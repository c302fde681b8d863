"""The check's outcomes: a line each, and a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.text import Text

from rnnverify.report.table import STYLES, reason_of, worst_first
from rnnverify.results import Outcome


def outcome_line(outcome: Outcome, width: int) -> Text:
    """The verdict, the spec (padded to `width`), and the largest error or what is wrong."""
    return Text.assemble(
        (f"{outcome.verdict:<8}", STYLES[outcome.verdict]), f"  {outcome.spec:<{width}}  {gist(outcome)}"
    )


def gist(outcome: Outcome) -> str:
    """One line on the outcome."""
    if outcome.result is None:
        first, *rest = (outcome.error or "").splitlines()
        first = first.removeprefix(f"{outcome.spec}:").strip()
        return f"{first} (and {len(rest)} more)" if rest else first
    if not outcome.result.passed:
        return reason_of(outcome.result)
    worst = worst_first(outcome.result.outputs)[0]
    text = f"max |error| {worst.max_abs_error:.2g}, expected {worst.expected_error:.2g}"
    blind = outcome.result.blind
    return f"{text}; blind to {len(blind.spots)} of {blind.known} known mistakes" if blind and blind.spots else text


def summary_line(outcomes: Sequence[Outcome]) -> Text:
    counts = Counter(outcome.verdict for outcome in outcomes)
    style = "bold green" if counts["match"] == len(outcomes) else "bold red"
    specs = "1 spec" if len(outcomes) == 1 else f"{len(outcomes)} specs"
    return Text(f"{specs}: {counted(counts)}", style=style)


def counted(counts: Mapping[str, int]) -> str:
    """How many of each verdict; untested ones are mentioned where there are any."""
    untested = f" {counts['untested']} untested," if counts["untested"] else ""
    return f"{counts['match']} match, {counts['mismatch']} mismatch,{untested} {counts['error']} error"
