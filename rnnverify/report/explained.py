"""A model explained, as lines and tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rnnverify import __version__
from rnnverify.report.formulas import SetLine, figures, in_latex, in_names, in_numbers, name_in_latex, number_in_latex
from rnnverify.report.numpy_script.functions import definition_of
from rnnverify.report.parameters import derivation, gate_words
from rnnverify.report.parts import Line
from rnnverify.report.records import dumped, written
from rnnverify.report.tables import Column, Table, row
from rnnverify.results.explained import ExplainedLayer, Explanation, Formula, Worked, Working
from rnnverify.text import shape_text

WORDS = {"N": "samples", "T": "timesteps", "D": "features", "M": "units", "K": "outputs"}


def render(result: Explanation) -> Iterator[Line | Table]:
    """All of it."""
    yield Line(result.spec, style="bold")
    sizes = ", ".join(f"{letter} = {size} {WORDS[letter]}" for letter, size in result.sizes.items())
    if sizes:
        yield Line(sizes)
    yield Line()
    yield layers_table(result)
    for layer in result.layers:
        for note in layer.notes:
            yield Line(f"{layer.layer}: {note}", style="dim")
    seen: set[str] = set()
    for one in result.worked:
        if one.layer not in seen:
            seen.add(one.layer)
            yield Line()
            yield from layer_lines(next(layer for layer in result.layers if layer.layer == one.layer))
        yield Line()
        yield from worked_lines(one)


def layers_table(result: Explanation) -> Table:
    """Every layer: what goes in, what comes out, and how its parameters are counted."""
    rows = [
        row(
            layer.layer,
            layer.class_,
            " and ".join(map(shape_text, layer.inputs)) or "none",
            " and ".join(map(shape_text, layer.outputs)),
            layer.letters,
            derivation(layer.shapes),
        )
        for layer in result.layers
    ]
    columns = (
        Column("layer"),
        Column("class"),
        Column("input"),
        Column("output"),
        Column("in letters"),
        Column("parameters"),
    )
    return Table(columns, tuple(rows), narrower=("class", "in letters", "input"), folds=True)


def layer_lines(layer: ExplainedLayer) -> Iterator[Line | Table]:
    """One layer: its sentence, and its weights."""
    yield Line((layer.layer, "bold"), f"   {layer.says}")
    if layer.weights:
        columns = {gate_words(weight.columns) for weight in layer.weights} - {""}
        rows = [row(weight.name, shape_text(weight.shape), weight.letters) for weight in layer.weights]
        yield Table((Column("weight"), Column("shape"), Column("in letters")), tuple(rows), narrower=("in letters",))
        for words in sorted(columns):
            yield Line(f"which columns are which gate: {words}", style="dim")


def worked_lines(one: Worked) -> Iterator[Line]:
    """One number, line by line, and what Keras gave."""
    yield Line((heading(one), "bold"))
    for note in one.notes:
        yield Line(note, style="dim", indent=2)
    for line in one.lines:
        yield from lines_of(line)
    called = dict.fromkeys(name for line in one.lines for name in calls_in(line.formula))
    for definition in filter(None, map(definition_of, called)):
        yield Line(f"where {definition}", style="dim", indent=2)
    yield verdict_line(one)


def calls_in(formula: Formula) -> Iterator[str]:
    """The functions that it calls."""
    if formula.kind == "call":
        yield formula.text
    for part in formula.parts:
        yield from calls_in(part)


def heading(one: Worked) -> str:
    when = "" if one.timestep is None else f", timestep {one.timestep}"
    return f"{one.layer}: {one.tensor} of sample {one.sample}{when}, unit {one.unit}"


def lines_of(line: Working) -> Iterator[Line]:
    """What a number is in names, in numbers, and what comes out."""
    names, numbers, value = in_names(line.formula), in_numbers(line.formula), figures(line.value)
    said = f"   {line.says}" if line.says else ""
    steps = [step for step in dict.fromkeys([names, numbers, value]) if step]
    words = Line((line.says, "dim")) if line.says else None
    yield SetLine(
        f"{line.name} = {steps[0]}", (said, "dim"), indent=2, further_in=4, latex=working_in_latex(line), said=words
    )
    inset = 2 + min(len(line.name), 24) + 1
    for step in steps[1:]:
        yield SetLine(f"= {step}", indent=inset)


def working_in_latex(line: Working) -> str:
    """The same as one formula."""
    name = name_in_latex(line.name)
    steps = [in_latex(line.formula, names=True), in_latex(line.formula, names=False), number_in_latex(line.value)]
    if line.formula.kind == "chosen" and line.formula.text:
        condition = "true" if line.formula.parts[1].value else "false"
        steps[0] += rf" \quad \text{{as }} {name_in_latex(line.formula.text)} \text{{ is {condition}}}"
    rows = r" \\ ".join(f"&= {step}" for step in dict.fromkeys(steps))
    return rf"\begin{{aligned}} {name} {rows} \end{{aligned}}"


def verdict_line(one: Worked) -> Line:
    """What Keras gave, and how far from it the number above is."""
    told = "ok" if one.passed else "too far"
    return Line(
        f"Keras gave {one.keras:.9g}: {one.difference:.2g} away, of {one.limit:.2g} that rounding explains, ",
        (told, "green" if one.passed else "red"),
        indent=2,
    )


def explanation_json(result: Explanation) -> str:
    """What `explain --format json` prints."""
    return dumped(
        {
            "rnnverify": __version__,
            "spec": result.spec,
            "sizes": dict(result.sizes),
            "inputs": {name: list(shape) for name, shape in result.inputs.items()},
            "layers": [layer_record(layer) for layer in result.layers],
            "worked": [worked_record(one) for one in result.worked],
        }
    )


def layer_record(layer: ExplainedLayer) -> dict[str, Any]:
    return {
        "layer": layer.layer,
        "class": layer.class_,
        "says": layer.says,
        "reads": list(layer.reads),
        "inputs": [list(shape) for shape in layer.inputs],
        "outputs": [list(shape) for shape in layer.outputs],
        "letters": layer.letters or None,
        "parameters": derivation(layer.shapes),
        "weights": {
            weight.name: {
                "shape": list(weight.shape),
                "letters": weight.letters or None,
                "columns": {gate: list(ends) for gate, ends in weight.columns.items()} or None,
            }
            for weight in layer.weights
        },
        "notes": list(layer.notes),
    }


def worked_record(one: Worked) -> dict[str, Any]:
    return {
        "layer": one.layer,
        "class": one.class_,
        "tensor": one.tensor,
        "sample": one.sample,
        "timestep": one.timestep,
        "unit": one.unit,
        "index": list(one.index),
        "lines": [
            {
                "name": line.name,
                "says": line.says or None,
                "names": in_names(line.formula),
                "numbers": in_numbers(line.formula),
                "value": written(line.value),
            }
            for line in one.lines
        ],
        "notes": list(one.notes),
        "replay": written(one.replay),
        "keras": written(one.keras),
        "difference": written(one.difference),
        "limit": written(one.limit),
        "passed": one.passed,
    }
