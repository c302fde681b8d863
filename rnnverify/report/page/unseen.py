"""What could not have been seen: how small a fault, and which known mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnnverify.mistakes import MISTAKES
from rnnverify.report import blind
from rnnverify.report.page.blocks import Block, Folded, Heading, Tabulated, Words
from rnnverify.report.parts import Line
from rnnverify.report.reasons import percent
from rnnverify.report.tables import Column, Table, row
from rnnverify.results import BlindSpots, LayerResult, Verification

MANY = 8  # mistakes that are shown on demand


def unseen(result: Verification) -> Iterator[Block]:
    """How small a fault could have been seen, and which known mistakes could not."""
    yield Heading("What could not have been seen", "a match says no more than that nothing larger than this is wrong")
    if result.untested:
        yield Words(
            Line(
                ("untested", "bold dark_orange3"),
                f": no change of 10% could have been seen in {', '.join(result.untested)}",
            )
        )
    if result.layers:
        yield Tabulated(resolution_table(result.layers))
    if (
        result.blind is None
        and result.keras_verdict == "match"
        and (hint := blind.line(result, verbose=True)) is not None
    ):
        yield Words(hint)
    if result.blind is not None:
        yield Words(Line(blind_text(result.blind)))
        table = Tabulated(blind_table(result.blind))
        if len(result.blind.spots) > MANY:
            yield Folded("Each of them, why, and what would show it", (table,))
        elif result.blind.spots:
            yield table


def blind_text(found: BlindSpots) -> str:
    if found.known:
        return blind.summary(found).plain
    count = len(found.spots)  # of a JSON report, which has the ids alone
    return f"{count} known mistakes would not have shown" if count else "each of the known mistakes would have shown"


def resolution_table(layers: Sequence[LayerResult]) -> Table:
    """The share of elements in which a change would have been a mismatch."""
    changes = list(layers[0].resolution)
    columns = (Column("layer"), *(Column(f"a change of {float(change):g}", right=True) for change in changes))
    rows = (row(one.layer, *(percent(one.resolution[change]) for change in changes)) for one in layers)
    return Table(columns, tuple(rows))


def blind_table(found: BlindSpots) -> Table:
    """The mistakes that would not have shown; of what a report does not say there is no column."""
    says = {one.id: one.says for one in MISTAKES}
    wide = found.known > 0
    headings = ("would not have shown", "what is done", *(("in", "as", "would show with") if wide else ()))
    rows = (
        row(
            spot.id,
            spot.says or says.get(spot.id, ""),
            *((", ".join(spot.layers), spot.reason, spot.change or "") if wide else ()),
        )
        for spot in found.spots
    )
    return Table(tuple(Column(heading, words=index > 0) for index, heading in enumerate(headings)), tuple(rows))
