"""Blind spots as a table, a line and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rnnverify import __version__
from rnnverify.report.parts import Line
from rnnverify.report.records import dumped
from rnnverify.report.tables import Column, Table, row
from rnnverify.results import BlindSpot, BlindSpots, Verification

MOST_NAMED = 4  # ids in a line


def render(result: BlindSpots) -> Iterator[Line | Table]:
    """The table of what would not show, why, and what would show it; then those that are no mistakes here."""
    yield Line(result.spec, style="bold")
    if result.spots:
        words = (Column(heading, words=True) for heading in ("in", "as", "would show with"))
        rows = (row(spot.id, ", ".join(spot.layers), spot.reason, spot.change or "") for spot in result.spots)
        yield Table((Column("would not show"), *words), tuple(rows))
        yield Line()
    yield summary(result)
    if result.equivalent:
        yield Line(
            f"no mistakes for this model, as nothing shows them: {', '.join(spot.id for spot in result.equivalent)}",
            style="dim",
        )


def summary(result: BlindSpots) -> Line:
    """How many of the known mistakes would not have shown, and what would show them."""
    seen = result.known - len(result.spots)
    if not result.known:
        return Line("no known mistake can be made here")
    if not result.spots:
        return Line(f"each of the {result.known} known mistakes that can be made here would have shown", style="green")
    return Line(
        f"{seen} of the {result.known} known mistakes that can be made here would have shown; for the others try"
        f" {result.change}"
    )


def line(result: Verification, verbose: bool = False) -> Line | None:
    """What a verdict could not have seen; nothing where they were not looked for, but for a hint if verbose."""
    if result.blind is None:
        text = f"blind spots were not looked for, which takes longer than this did; `rnnverify blindspots {result.spec}` does"
        return Line(text, style="dim") if verbose and result.keras_verdict == "match" else None
    return Line(unseen(result.blind, verbose), style="dim" if not result.blind.spots else "")


def unseen(blind: BlindSpots, verbose: bool = False) -> str:
    """One line: `could not have seen 5 of 32 known mistakes: ...; try N: 3`."""
    if not blind.spots:
        return f"could have seen each of {blind.known} known mistakes"
    ids = blind.ids if verbose else blind.ids[:MOST_NAMED]
    more = ", ..." if len(ids) < len(blind.ids) else ""
    return (
        f"could not have seen {len(blind.spots)} of {blind.known} known mistakes: {', '.join(ids)}{more};"
        f" try {blind.change}"
    )


def blind_spots_json(result: BlindSpots) -> str:
    """What `blindspots --format json` prints."""
    return dumped(
        {
            "rnnverify": __version__,
            "spec": result.spec,
            "known": result.known,
            "killed": result.killed,
            "blind_spots": records(result.spots),
            "equivalent": records(result.equivalent),
            "change": result.change,
        }
    )


def records(spots: Sequence[BlindSpot]) -> list[dict[str, Any]]:
    return [
        {
            "mistake": spot.id,
            "says": spot.says,
            "layers": list(spot.layers),
            "reason": spot.reason,
            "change": spot.change,
        }
        for spot in spots
    ]
