"""Somebody else's implementation as a section of a page: what was wrong, how to mend it, before and after."""

from __future__ import annotations

from collections.abc import Iterator

from rnnverify.report.comparison import MOST_TIED, lines_of, of_experiments, of_precision, of_probes, unique
from rnnverify.report.page import closeups
from rnnverify.report.page.blocks import Beside, Block, Facts, Folded, Heading, Section, Words
from rnnverify.report.page.models import drift_blocks, every_step, model_blocks, outputs, place_facts
from rnnverify.report.parts import Line
from rnnverify.report.reasons import reason_for_candidate
from rnnverify.report.table import STYLES, quiet_line
from rnnverify.results import Comparison, Diagnosis


def candidate_section(result: Comparison) -> Section:
    """What was found of a candidate, with Keras itself behind it."""
    verdict = result.verdict if result.keras.passed or result.verdict == "mismatch" else result.keras.verdict
    wrong = "" if result.keras.passed else f"; and Keras itself: {quiet_line(result.keras).plain}"
    return Section(
        f"{result.candidate} against {result.spec}",
        verdict,
        reason_for_candidate(result) + wrong,
        ", ".join([result.dtype] + ([] if result.seed is None else [f"seed {result.seed}"])),
        (*candidate_blocks(result), *behind(result)),
    )


def behind(result: Comparison) -> Iterator[Block]:
    """Keras, which the candidate is held beside."""
    if result.keras.layers:
        yield Folded(f"Keras itself: {quiet_line(result.keras).plain}", tuple(model_blocks(result.keras)))
    else:  # of a JSON report
        yield Words(Line(f"Keras itself: {result.keras.verdict}", style="dim"))


def candidate_blocks(result: Comparison) -> Iterator[Block]:
    """Everything below the verdict."""
    for finding in result.findings:
        yield Words(Line(("finding", "bold red"), f": {finding}"))
    for note in result.notes:
        yield Words(Line(("note", "bold"), f": {note}"))
    if result.precision is not None:
        yield from map(Words, of_precision(result.precision, result.dtype))
    elif result.diagnosis is not None and result.diagnosis.verdict == "mismatch":
        yield from diagnosed(result, result.diagnosis)
    if result.first_divergence is not None:
        yield Heading("Where it goes wrong first", "in the order of the layers and of time")
        yield place_facts(result.first_divergence, "candidate")
        if result.pictures is not None and result.pictures.closeup is not None:
            yield Beside(tuple(closeups.closeups(result.pictures.closeup, "candidate")))
    if result.probes or result.why is not None:
        yield Heading("What it was asked beside")
        yield from map(Words, of_probes(result.probes, verbose=True))
        yield from map(Words, () if result.why is None else of_experiments(result.why, verbose=True))
    if result.pictures is not None:
        yield from every_step(result.pictures.maps, against_limits(result))
    if result.outputs:
        yield Heading("End to end", "what it gave, against the free-running replay")
    if result.pictures is not None:
        yield from drift_blocks(result.pictures, {})
    yield from outputs(result.outputs, "candidate")
    if result.by_step:
        yield Words(
            Line(
                f"each step of {', '.join(result.by_step)} was judged by itself, from the states that were given before it; the"
                " table's errors are end to end",
                style="dim",
            )
        )
    if result.untested:
        yield Words(
            Line(
                ("untested", STYLES["untested"]),
                f": no change of 10% could have been seen in {', '.join(result.untested)}",
            )
        )
    if result.diagnosis is not None and result.diagnosis.untested:
        yield Heading("What could not have been seen")
        yield Words(Line(f"mistakes that this input cannot show: {', '.join(result.diagnosis.untested)}"))


def against_limits(result: Comparison) -> Heading:
    """What its elements are held against: the limit of a step, or of all that led to them."""
    if result.by_step:
        return Heading(
            "Every step by itself",
            f"how far the candidate is from the replay: in {', '.join(result.by_step)} of each step, elsewhere of all before it,"
            " over the limit of what rounding does: up to 1 is right",
        )
    return Heading(
        "Every element against its limit",
        "how far the candidate is from the replay, over what rounding does end to end: up to 1 is right",
    )


def diagnosed(result: Comparison, diagnosis: Diagnosis) -> Iterator[Block]:
    """Which mistake it is, how to mend it, and what is left of the difference with it."""
    explaining = [one for one in diagnosis.mistakes if one.explains]
    if not explaining:
        yield Heading("What was wrong")
        yield from map(Words, lines_of(diagnosis))
        return
    first, *others = unique(explaining)
    yield Heading("What was wrong, and how to mend it")
    yield Facts(
        (
            ("mistake", first.id),
            ("in", ", ".join(first.layers)),
            ("what was done", first.says),
            ("to mend it", first.mend),
            *((("seen in", first.seen),) if first.seen else ()),
            ("before", f"off by {diagnosis.before:.2g} from the right replay"),
            ("after", f"off by {first.residual:.2g} from the replay with the mistake in it: within rounding"),
        )
    )
    if result.pictures is not None and result.pictures.mended is not None:
        yield Beside(tuple(closeups.mended_charts(result.pictures.mended)))
    for one in others[:MOST_TIED]:
        yield Words(Line(f"as well explained by: {one.id} in {', '.join(one.layers)}: {one.says}"))
    if len(others) > MOST_TIED:
        yield Words(Line(f"and by {len(others) - MOST_TIED} more; other data would tell them apart"))
