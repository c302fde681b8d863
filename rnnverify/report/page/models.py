"""One model as a section of a page: the verdict, where it is wrong, its graph, every step, the outputs, what was not seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

from rnnverify.report.page import closeups, maps
from rnnverify.report.page.blocks import (
    Beside,
    Block,
    Chart,
    Drawn,
    Facts,
    Folded,
    Heading,
    Key,
    Section,
    Tabulated,
    Words,
)
from rnnverify.report.page.layout import layout
from rnnverify.report.page.unseen import unseen
from rnnverify.report.parts import Line
from rnnverify.report.reasons import (
    difference,
    ledger,
    parting_text,
    reason_of,
    suspicion,
    worst_first,
)
from rnnverify.report.table import layer_table, output_table, ratio_text
from rnnverify.results import Divergence, LayerResult, OutputResult, Verification
from rnnverify.results.pictures import Drift, Pictures, RatioMap

MOST_ROWS = 200  # of a table of outputs
MOST_MAPS = 40  # tensors that have pictures: those nearest to their limits
EVERY_STEP = Heading(
    "Every step by itself",
    "how far Keras is from the replay of each step, over the limit of what rounding does: up to 1 is right",
)


def model_section(result: Verification) -> Section:
    """What was found of one model, and of the candidate that its spec names."""
    return Section(
        result.spec,
        result.verdict,
        reason_of(result),
        ", ".join([result.dtype] + ([] if result.seed is None else [f"seed {result.seed}"])),
        tuple(model_blocks(result)),
    )


def model_blocks(result: Verification) -> Iterator[Block]:
    """Everything below the verdict."""
    yield from remarks(result)
    if result.first_divergence is not None:
        yield from where_it_is_wrong(result, result.first_divergence)
    if result.candidate is not None:
        from rnnverify.report.page.candidates import candidate_blocks

        yield Heading(
            f"The candidate {result.candidate.candidate}", "what the spec names, held against the replay as Keras is"
        )
        yield from candidate_blocks(result.candidate)
    yield from the_model(result)
    if result.pictures is not None:
        yield from every_step(result.pictures.maps, EVERY_STEP)
    yield from end_to_end(result)
    yield from unseen(result)
    yield Folded("The run: options, versions, times", tuple(details(result)))


def remarks(result: Verification) -> Iterator[Block]:
    if result.parting is not None:
        yield Words(Line(parting_text(result)))
    for note in result.notes:
        yield Words(Line(("note", "bold"), f": {note}"))


def where_it_is_wrong(result: Verification, first: Divergence) -> Iterator[Block]:
    """The first divergence with its surroundings, and the weights that it points at."""
    yield Heading("Where it goes wrong first", "in the order of the layers and of time")
    yield place_facts(first, "Keras")
    pictures = result.pictures
    if pictures is not None and pictures.closeup is not None:
        yield Beside(tuple(closeups.closeups(pictures.closeup, "Keras")))
    suspects = [(layer.layer, suspect) for layer in result.layers for suspect in layer.suspects]
    for layer, suspect in suspects:
        yield Words(Line(("suspicious", "bold red"), f": {suspicion(layer, suspect)}"))
    if pictures is not None and pictures.suspicions:
        yield Heading(
            "Which weight would explain it",
            "the share of what is wrong with this unit that each of its weights would explain, if it alone were off; of several"
            " that would, none need be it",
        )
        yield Beside(tuple(closeups.suspicion_chart(one) for one in pictures.suspicions))


def place_facts(first: Divergence, whose: str) -> Facts:
    """A place, and both values there."""
    where = f"sample {first.sample}, unit {first.unit}"
    when = "" if first.timestep is None else f"timestep {first.timestep}, "
    gate = [("gate", first.gate)] if first.gate else []
    return Facts(
        (
            ("layer", first.layer),
            ("place", when + where),
            *gate,
            (whose, f"{first.keras:.9g}"),
            ("replay", f"{first.replay:.9g}"),
            ("difference", difference(first).removeprefix("a difference of ")),
        )
    )


def the_model(result: Verification) -> Iterator[Block]:
    """Its graph, and the table of its layers."""
    yield Heading("The model", "residuals are those of single steps, on what Keras fed to each layer")
    if result.pictures is not None and result.pictures.boxes:
        found = {layer.layer: (nearness(layer), not layer.passed) for layer in result.layers}
        found |= {layer.layer: ("taken as given", False) for layer in result.given}
        yield Drawn(layout(result.pictures.boxes, found))
    table = layer_table(result, verbose=True)
    known = any(layer.output_shape for layer in result.layers)
    yield Tabulated(table if known else table.without("output shape"))


def nearness(layer: LayerResult) -> str:
    """How near a layer comes to its limit, in the few words that its box has room for."""
    return f"{ratio_text(layer.worst_ratio)} of its limit" if layer.worst_ratio else "exact"


def every_step(found: Sequence[RatioMap], heading: Heading) -> Iterator[Block]:
    """Residuals over limits: a map of each tensor, and lines of the worst units."""
    rounding = [one for one in found if maps.top(one) > 0]
    exact = [one.tensor for one in found if maps.top(one) <= 0]
    if not found:
        return
    yield heading
    shown = sorted(rounding, key=lambda one: -maps.top(one))[:MOST_MAPS]
    if shown:
        yield Key((), gradient=True)
    kept = [one for one in rounding if one in shown]
    pairs = [chart for one in kept if len(one.ratios) > 1 for chart in (maps.ratio_map(one), maps.worst_lines(one))]
    alone = [maps.ratio_map(one) for one in kept if len(one.ratios) == 1]
    for charts in (pairs, alone):
        if charts:
            yield Beside(tuple(charts))
    if len(shown) < len(rounding):
        yield Words(Line(f"and {len(rounding) - len(shown)} tensors further below their limits", style="dim"))
    if exact:
        yield Words(Line(f"nothing is rounded, and nothing differs, in {', '.join(exact)}", style="dim"))


def end_to_end(result: Verification) -> Iterator[Block]:
    """The outputs, and how two runs drift apart."""
    yield Heading(
        "End to end",
        "the free-running replay against what Keras returned: here errors add up, or are amplified, without any fault",
    )
    if result.pictures is not None:
        parted = {} if result.parting is None else {result.parting.layer: result.parting.timestep}
        yield from drift_blocks(result.pictures, parted)
    yield from outputs(result.outputs, "Keras")


def drift_blocks(pictures: Pictures, parted: dict[str, int]) -> Iterator[Block]:
    shown: Sequence[Drift] = pictures.drifts[:MOST_MAPS]
    made: list[Chart] = []
    for one in shown:
        made.append(maps.drift_chart(one, parted.pop(one.layer, None)))
    if made:
        yield Key(
            (
                ("line-accent", "largest difference"),
                ("line-other", "standard deviation that is derived for it"),
                ("line-quiet", "largest value"),
            )
        )
        yield Beside(tuple(made))


def outputs(rows: Sequence[OutputResult], whose: str) -> Iterator[Block]:
    """The table, the worst first."""
    shown = worst_first(rows)[:MOST_ROWS]
    if shown:
        yield Tabulated(output_table(shown, True, whose))
    if len(shown) < len(rows):
        yield Words(Line(f"and {len(rows) - len(shown)} smaller ones", style="dim"))


def details(result: Verification) -> Iterator[Block]:
    for layer in result.layers:
        if layer.ends is not None:
            yield Words(Line(f"{layer.layer}: {layer.ends}"))
        if told := ledger(layer):
            yield Words(Line(told))
    if result.amplification is not None and result.amplification < inf:
        yield Words(Line(f"errors end to end are {result.amplification:.3g} times those of the worst step"))
    if result.environment:
        yield Words(Line(", ".join(f"{name} {value}" for name, value in result.environment.items())))
    if result.seconds:
        yield Words(Line(", ".join(f"{name} {value:.3f} s" for name, value in result.seconds.items())))
