"""Results as tables for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from rnnverify.report.parameters import derivation, gates
from rnnverify.results import Comparison, Divergence, LayerResult, OutputResult, Suspect, Verification

STYLES = {"match": "bold green", "mismatch": "bold red", "untested": "bold yellow", "error": "bold magenta"}

MOST_ROWS = 20


def render(result: Verification, verbose: bool = False) -> Iterator[RenderableType]:
    """The title, the layer table, the output table and the verdict of one spec.

    Args:
        verbose: show every row, the residual of every layer, versions and times.
    """
    yield Text(f"{result.spec}   {result.dtype}, seed {result.seed}", style="bold")
    yield layer_table(result, verbose)
    yield output_table(result.outputs, verbose)
    hidden = len(result.outputs) - MOST_ROWS
    if hidden > 0 and not verbose:
        failed = sum(not output.passed for output in worst_first(result.outputs)[MOST_ROWS:])
        yield Text(
            f"  and {hidden} smaller ones{f', {failed} of which fail' if failed else ''} (-v shows all)", style="dim"
        )
    yield verdict_line(result)
    from rnnverify.report import blind  # its tables are made as these are

    if (unseen := blind.line(result, verbose)) is not None:
        yield unseen
    if result.parting is not None:
        yield Text(
            f"The errors end to end are no fault: the recurrence amplifies rounding {result.amplification:.2g} times, and"
            f" from timestep {result.parting.timestep} of {result.parting.layer} on the two runs have parted."
        )
    for note in result.notes:
        yield Text(f"note: {note}", style="yellow")
    if result.candidate is not None:
        from rnnverify.report import comparison  # it shows tables as these are

        yield from comparison.render(result.candidate, verbose, beside=True)
    if verbose:
        for layer in result.layers:
            if layer.ends is not None:
                yield Text(f"{layer.layer}: {layer.ends}", style="dim")
        for layer in result.layers:
            yield Text(resolution(layer), style="dim")
        for layer in result.layers:
            for suspect in layer.suspects:
                yield Text(f"suspicious: {suspicion(layer.layer, suspect)}", style="yellow")
        yield Text(", ".join(f"{name} {value}" for name, value in result.environment.items()), style="dim")
        yield Text(", ".join(f"{name} {value:.3f} s" for name, value in result.seconds.items()), style="dim")


def new_table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0), collapse_padding=True)


def layer_table(result: Verification, verbose: bool) -> Table:
    table = new_table()
    for heading in ("layer", "class", "weights"):
        table.add_column(heading, no_wrap=True)
    table.add_column("parameters", justify="right", overflow="fold")
    table.add_column("output shape", justify="right", no_wrap=True)
    if verbose:
        table.add_column("max residual", justify="right")
        table.add_column("of allowed", justify="right")
    for layer in result.layers:
        row: list[Any] = [
            escape(layer.layer),
            layer.class_,
            "\n".join(
                f"{name} {shape}{gates(layer, name) if verbose else ''}" for name, shape in layer.weights.items()
            ),
            derivation(layer.weights),
            str(layer.output_shape),
        ]
        if verbose:
            row += [f"{layer.max_residual:.2g}", f"{layer.worst_ratio:.2g}"]
        table.add_row(*row, style=None if layer.passed else "red")
    return table


def output_table(outputs: Sequence[OutputResult], verbose: bool, whose: str = "Keras") -> Table:
    """A row for each unit of each output, the worst first.

    Args:
        outputs: the rows.
        verbose: show all of them.
        whose: values stand beside the replay's.
    """
    table = new_table()
    timed = any(output.at.timestep is not None for output in outputs)
    table.add_column("output", no_wrap=True)
    headings = [
        "max |error|",
        "mean |error|",
        "expected",
        "sample",
        *(["timestep"] if timed else []),
        whose,
        "replay",
    ]
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    rows = worst_first(outputs)
    for output in rows if verbose else rows[:MOST_ROWS]:
        table.add_row(
            escape(output.output),
            f"{output.max_abs_error:.3g}",
            f"{output.mean_abs_error:.3g}",
            f"{output.expected_error:.3g}",
            str(output.at.sample),
            *([("" if output.at.timestep is None else str(output.at.timestep))] if timed else []),
            f"{output.keras:.9g}",
            f"{output.replay:.9g}",
            "ok" if output.passed else "FAIL",
            style=None if output.passed else "red",
        )
    return table


def worst_first(outputs: Sequence[OutputResult]) -> list[OutputResult]:
    return sorted(outputs, key=lambda output: (output.passed, -output.max_abs_error))


def verdict_line(result: Verification) -> Text:
    """One line: the verdict and what it rests on."""
    return Text.assemble((result.verdict, STYLES[result.verdict]), f": {reason_of(result)}")


def reason_of(result: Verification) -> str:
    """What the verdict rests on: Keras's, or if Keras is right what is wrong with the candidate beside it."""
    if result.candidate is not None and not result.candidate.passed and result.keras_verdict == "match":
        return f"candidate {result.candidate.candidate}: {reason_for_candidate(result.candidate)}"
    reasons = {"match": reason_for_match, "mismatch": reason_for_mismatch, "untested": reason_for_untested}
    return reasons[result.keras_verdict](result)


def reason_for_match(result: Verification) -> str:
    worst = max((layer.worst_ratio for layer in result.layers), default=0.0)
    demand = tolerance_text(result)
    further = f"; within {demand} too" if demand else ""
    return f"every step is right within rounding, the worst at {worst:.2g} of its limit{further}"


def reason_for_mismatch(result: Verification) -> str:
    """Where it first goes wrong, or which demand is not met."""
    if result.first_divergence is not None:
        return place_of(result.first_divergence)
    worst = next(output for output in worst_first(result.outputs) if not output.passed)
    return (
        f"{worst.output} differs by {worst.max_abs_error:.3g}, not within {tolerance_text(result)},"
        " though every step is right within rounding"
    )


def reason_for_untested(result: Verification) -> str:
    """What could not have shown a fault, and what to change."""
    if not result.untested and result.blind is not None:
        from rnnverify.report import blind

        return f"{blind.unseen(result.blind)}; --min-kill asks for {percent(result.min_kill or 0.0)} of them"
    return (
        f"no element of {', '.join(result.untested)} could have shown a change of 10%: they are zero, or rounding alone may"
        f" move them by more ({result.dtype}); give the model other data or weights, or a finer dtype"
    )


def reason_for_candidate(result: Comparison) -> str:
    """What the verdict on somebody else's implementation rests on."""
    if result.verdict == "match":
        worst = worst_first(result.outputs)[0]
        judged = (
            f"every step of {', '.join(result.by_step)} is right within rounding"
            if result.by_step
            else "every element is within what rounding does end to end"
        )
        return f"{judged}; max |error| {worst.max_abs_error:.2g} in {worst.output}"
    if result.first_divergence is not None:
        first = result.first_divergence
        return place_of(first, "candidate", "layer" if first.layer in result.by_step else "output")
    if result.verdict == "untested":
        return f"no element of {', '.join(result.untested)} could have shown a change of 10%"
    if not result.outputs:
        return f"it gave nothing that can be compared{''.join(f': {one}' for one in result.findings[:1])}"
    return "what it gave is incomplete" if result.findings else "it is not within the tolerance"


def place_of(first: Divergence, whose: str = "Keras", what: str = "layer") -> str:
    """Where it is wrong: in a step of a layer, or in an output of which only the end is known."""
    when = "" if first.timestep is None else f", timestep {first.timestep}"
    gate = "" if first.gate is None else f", {first.gate} gate"
    return (
        f"{what} {first.layer}{when}, sample {first.sample}, unit {first.unit}{gate}: {whose} {first.keras:.9g},"
        f" replay {first.replay:.9g}, a difference of {first.residual:.3g} where rounding gives at most {first.allowed:.3g}"
        f"{'; no order of summation can excuse it' if first.certain else ''}"
    )


def resolution(layer: LayerResult) -> str:
    """How small a fault could have been seen: `lstm: a relative change of 0.001 would show in 97% of the elements, of ...`."""
    first, *others = [(f"{float(size):g}", percent(share)) for size, share in layer.resolution.items()]
    further = "".join(f", of {size} in {share}" for size, share in others)
    return f"{layer.layer}: a relative change of {first[0]} would show in {first[1]} of the elements{further}"


def percent(share: float) -> str:
    """Never more than there is: 100% are all of them."""
    return f"{math.floor(1000 * share) / 10:g}%"


def suspicion(layer: str, suspect: Suspect) -> str:
    """What is wrong, if it is this one weight: `lstm recurrent_kernel[0, 37], forget gate: ...`."""
    place = f"{suspect.weight}[{', '.join(map(str, suspect.index))}]"
    gate = "" if suspect.gate is None else f", {suspect.gate} gate"
    size = f"{abs(suspect.change):.3g} {'more' if suspect.change > 0 else 'less'}"
    return (
        f"{layer} {place}{gate}: Keras computes as if it were {size} than reported,"
        f" which explains {suspect.explains:.1%} of what is wrong with this unit"
    )


def tolerance_text(result: Verification) -> str:
    parts = {"atol": result.tolerance.atol, "rtol": result.tolerance.rtol}
    return ", ".join(f"{name}={value:g}" for name, value in parts.items() if value is not None)


def quiet_line(result: Verification) -> Text:
    """The verdict, and where it is not match what is wrong."""
    return Text(f"{result.verdict}  {result.spec}" + ("" if result.passed else f"  {reason_of(result)}"))
