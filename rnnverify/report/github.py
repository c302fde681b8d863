"""The check's outcomes for GitHub: workflow commands, which become annotations on files, and a summary of the job."""

from __future__ import annotations

from collections.abc import Sequence

from rnnverify.report.lines import gist, summary_line
from rnnverify.report.places import places_of
from rnnverify.report.reasons import checked_text
from rnnverify.results import Outcome
from rnnverify.text import cleaned

SIGNS = {"match": "✅", "mismatch": "❌", "untested": "⚠️", "error": "❗"}


def github_commands(outcomes: Sequence[Outcome]) -> str:
    """An `::error` for every spec that does not match, and for every problem of one that cannot be run; a `::notice` for one that
    matches, but for layers that are taken as given; then the summary.
    """
    commands = []
    for outcome in outcomes:
        file, title = f"file={escaped(cleaned(outcome.spec), ',:')}", f"title=rnnverify {outcome.verdict}"
        for place in places_of(outcome):
            where = file if place.line is None else f"{file},line={place.line}"
            told = place.message if place.key is None else f"{place.key}: {place.message}"
            commands.append(f"::error {where},{title}::{escaped(cleaned(told))}")
        if outcome.error is None and not outcome.passed:
            commands.append(f"::error {file},{title}::{escaped(gist(outcome))}")
        if outcome.result is not None and outcome.passed and outcome.result.given:
            commands.append(f"::notice {file},{title}::{escaped(cleaned(checked_text(outcome.result)))}")
    return "\n".join([*commands, summary_line(outcomes).plain])


def step_summary(outcomes: Sequence[Outcome]) -> str:
    """A table in Markdown, for the page of the job: what does not match comes first."""
    ordered = sorted(outcomes, key=lambda outcome: outcome.passed)
    rows = [
        f"| {SIGNS[outcome.verdict]} {outcome.verdict} | {cell(outcome.spec)} | {cell(gist(outcome))} |"
        for outcome in ordered
    ]
    head = [f"**rnnverify**: {summary_line(outcomes).plain}", "", "| verdict | spec | |", "|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def cell(text: str) -> str:
    """Text that stays in its cell, and is no markup."""
    for char in "\\`*_[]<>|#":
        text = text.replace(char, f"\\{char}" if char not in "<>" else f"&#{ord(char)};")
    return " ".join(text.split())


def escaped(text: str, also: str = "") -> str:
    """Percent-encode what would end a command, and in a property what separates properties."""
    for char in "%\r\n" + also:
        text = text.replace(char, f"%{ord(char):02X}")
    return text
