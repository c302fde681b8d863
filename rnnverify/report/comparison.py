"""A comparison with somebody else's implementation, as tables and lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnnverify.report.parts import Line
from rnnverify.report.reasons import reason_for_candidate
from rnnverify.report.table import STYLES, not_shown, output_table, quiet_line, title
from rnnverify.report.tables import Table
from rnnverify.results import Comparison, Diagnosis, Named, PrecisionFound, Probe, Why

MOST_TIED = 6  # mistakes that explain it equally well and are written out


def render(result: Comparison, verbose: bool = False, beside: bool = False) -> Iterator[Line | Table]:
    """The title, the table, the verdict, and what the diagnosis says.

    Args:
        result: the comparison.
        verbose: show every row, and what could not be told.
        beside: Keras's own report stands above.
    """
    yield title(f"{result.candidate} against {result.spec}", result)
    if result.outputs:
        yield output_table(result.outputs, verbose, whose="candidate")
        yield from not_shown(result.outputs, verbose)
        yield Line()
    yield verdict_line(result)
    for finding in result.findings:
        yield Line(("finding", "bold red"), f": {finding}")
    if result.precision is not None:
        yield from of_precision(result.precision, result.dtype)
    elif result.diagnosis is not None and result.diagnosis.verdict == "mismatch":
        yield from lines_of(result.diagnosis)
    yield from of_probes(result.probes, verbose)
    if result.why is not None:
        yield from of_experiments(result.why, verbose)
    for note in result.notes:
        yield Line(("note", "bold"), f": {note}")
    if result.by_step:
        yield Line(
            f"each step of {', '.join(result.by_step)} was judged by itself, from the states that were given before it; the"
            " table's errors are end to end",
            style="dim",
        )
    if verbose and result.diagnosis is not None and result.diagnosis.untested:
        yield Line(f"could not be told with this input: {', '.join(result.diagnosis.untested)}", style="dim")
    if not beside:
        yield Line(f"Keras itself: {quiet_line(result.keras).plain}")


def hint(result: Comparison) -> Line:
    """What there is to see of a verdict that is no match, for those who have not asked for it."""
    held = ", the properties that hold" if result.why is not None else ""
    return Line(f"-v shows more: every row{held}, and which mistakes could not be told with this input", style="dim")


def quiet(result: Comparison) -> Line:
    """The verdict, and where it is not match what is wrong."""
    return Line(
        f"{result.verdict}  {result.candidate}" + ("" if result.passed else f"  {reason_for_candidate(result)}")
    )


def verdict_line(result: Comparison) -> Line:
    return Line((result.verdict, STYLES[result.verdict]), f": {reason_for_candidate(result)}")


def lines_of(diagnosis: Diagnosis) -> Iterator[Line]:
    """Which mistakes explain it, and how to mend them; or what is known instead."""
    explaining = [one for one in diagnosis.mistakes if one.explains]
    if explaining:
        first, *others = unique(explaining)
        yield Line("mistake: ", (first.id, "bold"), f" in {', '.join(first.layers)}: {first.says}")
        yield Line(f"to mend it: {first.mend}", indent=2)
        seen = f"; seen in {first.seen}" if first.seen else ""
        yield Line(
            f"with it the replay gives what was given, to {first.residual:.2g} (without it {diagnosis.before:.2g}){seen}",
            style="dim",
            indent=2,
        )
        for one in others[:MOST_TIED]:
            yield Line(f"as well explained by: {one.id} in {', '.join(one.layers)}: {one.says}")
        if len(others) > MOST_TIED:
            yield Line(f"and by {len(others) - MOST_TIED} more; other data would tell them apart")
        return
    pairs = "" if diagnosis.complete else "; not all pairs of them were tried (--effort gives more time)"
    yield Line(f"no known mistake explains it{pairs}")
    for sentence in diagnosis.shared:
        yield Line(sentence, indent=2)
    for one in diagnosis.mistakes:
        yield Line(
            f"in part, and not all: {one.id} in {', '.join(one.layers)} ({one.says}) leaves {one.residual:.2g}"
            f" of {diagnosis.before:.2g}"
        )


def of_probes(probes: Sequence[Probe], verbose: bool) -> Iterator[Line]:
    """What came of other calls, each by its name."""
    for one in probes:
        if one.verdict == "mismatch":
            named = f"; mistake: {', '.join(one.mistakes)}" if one.mistakes else ""
            yield Line((f"wrong with {one.probe}", "bold red"), f": {one.says}{named}")
    for verdict, words in (("match", "right as well with"), ("untested", "nothing could be told with")):
        if names := [one.probe for one in probes if one.verdict == verdict]:
            yield Line(f"{words} {', '.join(names)}", style="dim")
    refused = [one for one in probes if one.verdict == "refused"]
    if refused and not verbose:
        yield Line(f"it does not take {', '.join(one.probe for one in refused)} (-v says why)", style="dim")
    yield from (Line(f"it does not take {one.probe}: {one.says}", style="dim") for one in refused if verbose)


def of_precision(found: PrecisionFound, dtype: str) -> Iterator[Line]:
    """In which precision it is right, why that is sure, and what it costs."""
    what = {
        "arithmetic": f"this is {found.name} arithmetic, and right in it",
        "weights": f"right with {found.name}",
        "outputs": f"right, with {found.name}",
    }[found.kind]
    whose = {"arithmetic": "its", "weights": f"{dtype}'s", "outputs": "that rounding's"}[found.kind]
    yield Line(
        ("precision", "bold"),
        f": {what}: {found.evidence}, and the worst is at {found.ratio:.2g} of {whose} limit",
    )
    advice = f"; {found.option} verifies against that" if found.option else ""
    yield Line(f"it costs up to {found.cost:.2g} against {dtype}{advice}", indent=2)


def of_experiments(why: Why, verbose: bool) -> Iterator[Line]:
    """What was found on asking more."""
    yield from (Line(("not so", "bold red"), f": {sentence}") for sentence in why.broken)
    if verbose:
        yield from (Line(f"so: {sentence}", style="dim") for sentence in why.held)
    elif not why.broken:
        yield Line(f"asked more: {len(why.held)} properties of right implementations hold (-v names them)", style="dim")
    if why.sizes:
        yield Line(f"on asking for less: {'; '.join(why.sizes)}")
    if why.case is not None:
        zero = [
            f"{layer} {name}"
            for layer, own in why.case.weights.items()
            for name, array in own.items()
            if not array.any()
        ]
        sizes = ", ".join(f"{letter}={size}" for letter, size in why.smallest.items())
        yield Line(f"the smallest call that differs: {sizes}" + f", with {', '.join(zero)} zero" * bool(zero))
    if not why.complete:
        yield Line("there was no time for all experiments; --effort gives more")


def unique(mistakes: list[Named]) -> list[Named]:
    """One for each id, the best."""
    return list({one.id: one for one in reversed(mistakes)}.values())[::-1]
