"""Where the layers of a graph stand: below what they read, beside each other, and no two in one place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations

from rnnverify.report.page.layout import BELOW, HEIGHT, LONGEST, WIDTH, Placed, layout
from rnnverify.results.pictures import Box

BOXES = [
    Box("x", "input", (2, 6, 3), ()),
    Box("left", "LSTM", (2, 4), ("x",)),
    Box("right", "GRU", (2, 5), ("x",)),
    Box("further", "Dense", (2, 4), ("right",)),
    Box("joined", "Concatenate", (2, 8), ("left", "further")),
    Box("end", "Dense", (2, 1), ("joined", "x"), returned=True),
]


def test_each_layer_stands_below_all_that_it_reads() -> None:
    made = layout(BOXES, {"left": ("0.3 of its limit", False), "end": ("7 of its limit", True)})
    where = {one.box.name: one for one in made.boxes}
    for one in made.boxes:
        for name in one.box.reads:
            assert one.y >= where[name].y + HEIGHT + BELOW
    assert (where["left"].remark, where["end"].wrong) == ("0.3 of its limit", True)


def test_no_two_stand_in_one_place_and_none_outside() -> None:
    made = layout(BOXES, {})
    for one, other in combinations(made.boxes, 2):
        assert abs(one.x - other.x) >= WIDTH or abs(one.y - other.y) >= HEIGHT
    assert all(0 <= one.x <= made.width - WIDTH and 0 <= one.y <= made.height - HEIGHT for one in made.boxes)


def test_there_is_a_connection_for_each_that_is_read() -> None:
    assert len(layout(BOXES, {}).paths) == sum(len(box.reads) for box in BOXES)
    assert layout([Box("alone", "Dense", (1, 2), ("elsewhere",))], {}).paths == []


def test_a_long_name_is_cut_to_its_box() -> None:
    (placed,) = layout([Box("n" * 99, "C" * 99, (1, 2), ())], {}).boxes
    assert len(placed.name) == len(placed.class_) == LONGEST
    assert placed.name.endswith("…")


def test_what_passes_others_by_goes_around_them() -> None:
    """On the outer side of both, where no box of the rows between can be."""
    made = layout(
        [
            Box("x", "input", (1, 2), ()),
            Box("a", "Dense", (1, 2), ("x",)),
            Box("b", "Dense", (1, 2), ("x",)),
            Box("c", "Dense", (1, 2), ("a",)),
            Box("d", "Dense", (1, 2), ("b",)),
            Box("e", "Dense", (1, 2), ("c", "a")),
            Box("f", "Dense", (1, 2), ("d", "b")),
        ],
        {},
    )
    passing = [path for path in made.paths if around(path, made.boxes)]
    assert len(passing) == 2


def around(path: str, boxes: Iterable[Placed]) -> bool:
    """Whether the middle of a curve lies beside all boxes."""
    numbers = [float(one) for one in re.findall(r"-?[\d.]+", path)]
    x = (numbers[0] + 3 * numbers[2] + 3 * numbers[4] + numbers[6]) / 8
    return x < min(box.x for box in boxes) or x > max(box.x for box in boxes) + WIDTH
