"""Results as lines and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

from rnnverify.report.parameters import derivation, gates
from rnnverify.report.parts import Line
from rnnverify.report.reasons import checked_text, ledger, parting_text, reason_of, resolution, suspicion, worst_first
from rnnverify.report.tables import Column, Row, Table, row
from rnnverify.results import Comparison, GivenLayer, LayerResult, OutputResult, Verification
from rnnverify.text import shape_text

STYLES = {"match": "bold green", "mismatch": "bold red", "untested": "bold dark_orange3", "error": "bold magenta"}

MOST_ROWS = 20


def render(result: Verification, verbose: bool = False) -> Iterator[Line | Table]:
    """The title, the layer table, the output table and the verdict of one spec.

    Args:
        verbose: show every row, the residual of every layer, versions and times.
    """
    yield title(result.spec, result)
    yield layer_table(result, verbose)
    yield output_table(result.outputs, verbose)
    yield from not_shown(result.outputs, verbose)
    yield Line()
    yield verdict_line(result)
    from rnnverify.report import blind  # its tables are made as these are

    if (unseen := blind.line(result, verbose)) is not None:
        yield unseen
    if result.parting is not None:
        yield Line(parting_text(result))
    for note in result.notes:
        yield Line(("note", "bold"), f": {note}")
    if result.candidate is not None:
        from rnnverify.report import comparison  # it shows tables as these are

        yield Line()
        yield from comparison.render(result.candidate, verbose, beside=True)
    if verbose:
        yield from details(result)


def details(result: Verification) -> Iterator[Line]:
    """What -v adds below."""
    for layer in result.layers:
        if layer.ends is not None:
            yield Line(f"{layer.layer}: {layer.ends}", style="dim")
    for layer in result.layers:
        yield Line(resolution(layer), style="dim")
        if told := ledger(layer):
            yield Line(told, style="dim")
    for layer in result.layers:
        for suspect in layer.suspects:
            yield Line(("suspicious", "bold red"), f": {suspicion(layer.layer, suspect)}")
    yield Line(", ".join(f"{name} {value}" for name, value in result.environment.items()), style="dim")
    yield Line(", ".join(f"{name} {value:.3f} s" for name, value in result.seconds.items()), style="dim")


def title(name: str, result: Verification | Comparison) -> Line:
    """What was verified, in which precision, and from which seed, if one was drawn from."""
    seed = "" if result.seed is None else f", seed {result.seed}"
    return Line((name, "bold"), f"   {result.dtype}{seed}")


def layer_table(result: Verification, verbose: bool) -> Table:
    columns = [
        Column("layer"),
        Column("class"),
        Column("weights", words=True),
        Column("parameters", right=True, words=True),
        Column("output shape", right=True),
        *([Column("max residual", right=True), Column("of allowed", right=True)] if verbose else []),
    ]
    rows = [layer_row(layer, verbose) for layer in result.layers]
    for layer in result.given:  # in order of their places
        rows.insert(layer.place, given_row(layer, verbose))
    narrower = {"class": "layer"}, {"of allowed": "max residual"}, {"output shape": "layer"}, "parameters"
    return Table(tuple(columns), tuple(rows), narrower)


def layer_row(layer: LayerResult, verbose: bool) -> Row:
    weights = [
        f"{name} {shape_text(shape)}{gates(layer, name) if verbose else ''}" for name, shape in layer.weights.items()
    ]
    residual = [f"{layer.max_residual:.2g}", ratio_text(layer.worst_ratio)] if verbose else []
    return row(
        layer.layer,
        layer.class_,
        weights,
        derivation(layer.weights),
        shape_text(layer.output_shape),
        *residual,
        style="" if layer.passed else "red",
    )


def given_row(layer: GivenLayer, verbose: bool) -> Row:
    """A layer that was not checked."""
    parameters, shape = str(layer.parameters), shape_text(layer.output_shape)
    return row(layer.layer, layer.class_, "taken as given", parameters, shape, *[""] * 2 * verbose, style="dim")


def ratio_text(ratio: float) -> str:
    """A residual over its limit, which is infinite where nothing may differ."""
    return f"{ratio:.2g}" if ratio < inf else "beyond any"


def output_table(outputs: Sequence[OutputResult], verbose: bool, whose: str = "Keras") -> Table:
    """A row for each unit of each output, the worst first.

    Args:
        outputs: the rows.
        verbose: show all of them.
        whose: values stand beside the replay's.
    """
    timed = any(output.at.timestep is not None for output in outputs)
    headings = ["max |error|", "mean |error|", "expected", "sample", *["timestep"] * timed, whose, "replay"]
    columns = [Column("output"), *(Column(heading, right=True) for heading in headings), Column("")]
    rows = worst_first(outputs)
    return Table(
        tuple(columns),
        tuple(output_row(output, timed) for output in (rows if verbose else rows[:MOST_ROWS])),
        ("mean |error|", {"replay": whose}, {"expected": "max |error|"}, {"timestep": "sample"}, "sample"),
    )


def output_row(output: OutputResult, timed: bool) -> Row:
    timestep = "" if output.at.timestep is None else str(output.at.timestep)
    return row(
        output.output,
        f"{output.max_abs_error:.3g}",
        f"{output.mean_abs_error:.3g}",
        f"{output.expected_error:.3g}",
        str(output.at.sample),
        *[timestep] * timed,
        f"{output.keras:.9g}",
        f"{output.replay:.9g}",
        "ok" if output.passed else "FAIL",
        style="" if output.passed else "red",
    )


def not_shown(outputs: Sequence[OutputResult], verbose: bool) -> Iterator[Line]:
    """How many rows the table has not."""
    hidden = [] if verbose else worst_first(outputs)[MOST_ROWS:]
    failed = sum(not output.passed for output in hidden)
    if hidden:
        failing = f", {failed} of which fail" if failed else ""
        yield Line(f"and {len(hidden)} smaller ones{failing} (-v shows all)", style="dim", indent=2)


def verdict_line(result: Verification) -> Line:
    """The verdict and what it rests on."""
    return Line((result.verdict, STYLES[result.verdict]), f": {reason_of(result)}")


def hint(result: Verification) -> Line:
    """What there is to see of a verdict that is no match, for those who have not asked for it."""
    weights = ", and which weights are suspicious" if any(layer.suspects for layer in result.layers) else ""
    more = f"each layer's residual, how small a fault it could have shown{weights}"
    return Line(f"-v shows more: {more}", style="dim")


def quiet_line(result: Verification) -> Line:
    """The verdict, and where it is not match what is wrong."""
    told = checked_text(result) if result.passed else reason_of(result)
    return Line(f"{result.verdict}  {result.spec}" + (f"  {told}" if told else ""))
