"""Any result as sections of a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import singledispatch

from rnnverify.report.page.blocks import Section, Words
from rnnverify.report.page.candidates import candidate_section
from rnnverify.report.page.models import model_section
from rnnverify.report.page.sweeps import sweep_section
from rnnverify.report.parts import Line
from rnnverify.report.reasons import worst_first
from rnnverify.report.reread import ABSENT, Reread
from rnnverify.results import CheckResult, Comparison, Outcome, SweepResult, Verification

NO_PICTURES = Line("no pictures were kept of this: verify(..., pictures=True) does", style="dim")


@singledispatch
def sections_of(result: object) -> Iterator[Section]:
    """What a result has to show."""
    raise TypeError(f"no page shows a {type(result).__name__}")


@sections_of.register
def _(result: Verification) -> Iterator[Section]:
    section = model_section(result)
    yield section if result.pictures is not None else replace(section, blocks=(Words(NO_PICTURES), *section.blocks))


@sections_of.register
def _(result: Comparison) -> Iterator[Section]:
    yield candidate_section(result)


@sections_of.register
def _(result: Outcome) -> Iterator[Section]:
    if result.result is not None:
        yield from sections_of(result.result)
    else:
        first, *rest = (result.error or "").splitlines() or [""]
        first = first.removeprefix(f"{result.spec}:").strip()
        yield Section(result.spec, "error", first, blocks=tuple(Words(Line(line)) for line in rest))


@sections_of.register
def _(result: CheckResult) -> Iterator[Section]:
    for outcome in result.outcomes:
        yield from sections_of(outcome)


@sections_of.register
def _(result: SweepResult) -> Iterator[Section]:
    yield sweep_section(result)


@sections_of.register
def _(result: Reread) -> Iterator[Section]:
    """What a report does not hold is said, and what it has of its own stands as it does there."""
    for section in sections_of(result.result):
        if result.verdict == "error":
            yield section
            continue
        blocks = [Words(Line(ABSENT, style="dim"))]
        if result.unchecked:
            blocks.append(Words(Line(f"taken as given, and not checked: {', '.join(result.unchecked)}")))
        sentence = section.sentence if section.verdict == result.verdict else "see below"
        if isinstance(result.result, Verification):
            sentence = reread_sentence(result.result, result.verdict) or sentence
        own = [block for block in section.blocks if not (isinstance(block, Words) and block.line is NO_PICTURES)]
        yield replace(section, verdict=result.verdict, sentence=sentence, blocks=(*blocks, *own))


def reread_sentence(result: Verification, verdict: str) -> str:
    """What a verdict rests on of which a report does not have the reason: what was demanded beside the steps."""
    if verdict == "untested" and not result.untested and result.candidate is None:
        return "fewer of the known mistakes would have shown than were asked for"
    if result.keras_verdict == "mismatch" and result.first_divergence is None:
        worst = next((output for output in worst_first(result.outputs) if not output.passed), None)
        if worst is not None:
            return f"{worst.output} differs by {worst.max_abs_error:.3g}, more than was demanded, though every step is right"
    return ""
