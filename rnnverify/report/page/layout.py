"""Where the layers of a model stand in a picture of its graph: each below all that it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from rnnverify.results.pictures import Box

WIDTH, HEIGHT = 200, 58  # of a box
APART, BELOW = 20, 34  # between boxes beside each other, and between rows
MARGIN = 46  # for connections that pass by
LONGEST = 24  # characters of a name


@dataclass(frozen=True)
class Placed:
    """A box where it stands."""

    box: Box
    x: float
    y: float
    remark: str  # what was found of it
    wrong: bool

    @property
    def name(self) -> str:
        """As much of its name as there is room for."""
        return shortened(self.box.name)

    @property
    def class_(self) -> str:
        return shortened(self.box.class_)


@dataclass(frozen=True)
class Layout:
    """A picture of a graph."""

    boxes: Sequence[Placed]
    paths: Sequence[str]  # in SVG's language
    width: float
    height: float
    box_width: int = WIDTH
    box_height: int = HEIGHT


def layout(boxes: Sequence[Box], remarks: Mapping[str, tuple[str, bool]]) -> Layout:
    """Place the boxes of a graph, which stand in topological order.

    Args:
        boxes: the layers and inputs.
        remarks: what was found of each, and whether it is wrong.
    """
    ranks: dict[str, int] = {}
    rows: list[list[Box]] = []
    for box in boxes:
        rank = max((ranks[name] + 1 for name in box.reads if name in ranks), default=0)
        ranks[box.name] = rank
        rows += [[] for _ in range(rank + 1 - len(rows))]
        rows[rank].append(box)
    widest = max(len(row) for row in rows)
    width = widest * (WIDTH + APART) - APART + 2 * MARGIN
    centres: dict[str, float] = {}
    placed: list[Placed] = []
    for rank, row in enumerate(rows):
        # A row stands in the order of what it reads, so that few connections cross.
        row.sort(key=lambda box: fmean([centres[name] for name in box.reads if name in centres] or [width / 2]))
        left = (width - len(row) * (WIDTH + APART) + APART) / 2
        for index, box in enumerate(row):
            x, y = left + index * (WIDTH + APART), rank * (HEIGHT + BELOW) + 2.0
            centres[box.name] = x + WIDTH / 2
            placed.append(Placed(box, x, y, *remarks.get(box.name, ("", False))))
    where = {one.box.name: one for one in placed}
    paths = [
        path(where[name], one, width / 2 if ranks[one.box.name] - ranks[name] > 1 else None)
        for one in placed
        for name in one.box.reads
        if name in where
    ]
    return Layout(placed, paths, width, len(rows) * (HEIGHT + BELOW) - BELOW + 4)


def path(above: Placed, below: Placed, middle: float | None) -> str:
    """A connection; one that passes other boxes by goes around them, on the side that is nearer.

    Args:
        above, below: what it connects.
        middle: of the picture, where it passes others by; None where it does not.
    """
    x0, x1 = above.x + WIDTH / 2, below.x + WIDTH / 2
    if middle is None:
        y0, y1 = above.y + HEIGHT, below.y
        half = (y0 + y1) / 2
        return f"M{x0:g} {y0:g}C{x0:g} {half:g} {x1:g} {half:g} {x1:g} {y1:g}"
    side = -1 if (x0 + x1) / 2 < middle else 1
    y0, y1 = above.y + HEIGHT / 2, below.y + HEIGHT / 2
    x0, x1 = x0 + side * WIDTH / 2, x1 + side * WIDTH / 2
    out = max(x0 * side, x1 * side) * side + side * MARGIN
    return f"M{x0:g} {y0:g}C{out:g} {y0:g} {out:g} {y1:g} {x1:g} {y1:g}"


def shortened(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
