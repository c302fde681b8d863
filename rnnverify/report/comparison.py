"""A comparison with somebody else's implementation, as tables and lines."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from rnnverify.report.table import MOST_ROWS, STYLES, output_table, quiet_line, reason_for_candidate
from rnnverify.results import Comparison, Diagnosis, Named, Why

MOST_TIED = 6  # mistakes that explain it equally well and are written out


def render(result: Comparison, verbose: bool = False, beside: bool = False) -> Iterator[RenderableType]:
    """The title, the table, the verdict, and what the diagnosis says.

    Args:
        result: the comparison.
        verbose: show every row, and what could not be told.
        beside: Keras's own report stands above.
    """
    yield Text(f"{result.candidate} against {result.spec}   {result.dtype}, seed {result.seed}", style="bold")
    if result.outputs:
        yield output_table(result.outputs, verbose, whose="candidate")
        hidden = len(result.outputs) - MOST_ROWS
        if hidden > 0 and not verbose:
            yield Text(f"  and {hidden} smaller ones (-v shows all)", style="dim")
    yield verdict_line(result)
    for finding in result.findings:
        yield Text(f"finding: {finding}", style="red")
    if result.diagnosis is not None and result.diagnosis.verdict == "mismatch":
        yield from lines_of(result.diagnosis)
    if result.why is not None:
        yield from of_experiments(result.why, verbose)
    for note in result.notes:
        yield Text(f"note: {note}", style="yellow")
    if result.by_step:
        yield Text(
            f"each step of {', '.join(result.by_step)} was judged by itself, from the states that were given before it; the"
            " table's errors are end to end",
            style="dim",
        )
    if verbose and result.diagnosis is not None and result.diagnosis.untested:
        yield Text(f"could not be told with this input: {', '.join(result.diagnosis.untested)}", style="dim")
    if not beside:
        yield Text.assemble("Keras itself: ", quiet_line(result.keras))


def quiet(result: Comparison) -> Text:
    """The verdict, and where it is not match what is wrong."""
    return Text(
        f"{result.verdict}  {result.candidate}" + ("" if result.passed else f"  {reason_for_candidate(result)}")
    )


def verdict_line(result: Comparison) -> Text:
    return Text.assemble((result.verdict, STYLES[result.verdict]), f": {reason_for_candidate(result)}")


def lines_of(diagnosis: Diagnosis) -> Iterator[Text]:
    """Which mistakes explain it, and how to mend them; or what is known instead."""
    explaining = [one for one in diagnosis.mistakes if one.explains]
    if explaining:
        first, *others = unique(explaining)
        yield Text.assemble("mistake: ", (first.id, "bold"), f" in {', '.join(first.layers)}: {first.says}")
        yield Text(f"  to mend it: {first.mend}")
        seen = f"; seen in {first.seen}" if first.seen else ""
        yield Text(
            f"  with it the replay gives what was given, to {first.residual:.2g} (without it {diagnosis.before:.2g}){seen}",
            style="dim",
        )
        for one in others[:MOST_TIED]:
            yield Text(f"as well explained by: {one.id} in {', '.join(one.layers)}: {one.says}")
        if len(others) > MOST_TIED:
            yield Text(f"and by {len(others) - MOST_TIED} more; other data would tell them apart")
        return
    pairs = "" if diagnosis.complete else "; not all pairs of them were tried (--effort gives more time)"
    yield Text(f"no known mistake explains it{pairs}")
    for sentence in diagnosis.shared:
        yield Text(f"  {sentence}")
    for one in diagnosis.mistakes:
        yield Text(
            f"in part, and not all: {one.id} in {', '.join(one.layers)} ({one.says}) leaves {one.residual:.2g}"
            f" of {diagnosis.before:.2g}"
        )


def of_experiments(why: Why, verbose: bool) -> Iterator[Text]:
    """What was found on asking more."""
    yield from (Text(f"not so: {sentence}", style="red") for sentence in why.broken)
    if verbose:
        yield from (Text(f"so: {sentence}", style="dim") for sentence in why.held)
    elif not why.broken:
        yield Text(f"asked more: {len(why.held)} properties of right implementations hold (-v names them)", style="dim")
    if why.sizes:
        yield Text(f"on asking for less: {'; '.join(why.sizes)}")
    if why.case is not None:
        zero = [
            f"{layer} {name}"
            for layer, own in why.case.weights.items()
            for name, array in own.items()
            if not array.any()
        ]
        sizes = ", ".join(f"{letter}={size}" for letter, size in why.smallest.items())
        yield Text(f"the smallest call that differs: {sizes}" + f", with {', '.join(zero)} zero" * bool(zero))
    if not why.complete:
        yield Text("there was no time for all experiments; --effort gives more")


def unique(mistakes: list[Named]) -> list[Named]:
    """One for each id, the best."""
    return list({one.id: one for one in reversed(mistakes)}.values())[::-1]
