"""How small a fault could have been seen: in how many elements a relative change would have been beyond the limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.rounding.storage import sizes_in

# The relative changes whose visibility is counted, by the names that they have in a report.
CHANGES: Mapping[str, float] = {"1e-3": 1e-3, "1e-2": 1e-2, "1e-1": 1e-1}


class Seen(NamedTuple):
    """Of how many elements how many could have shown a change."""

    elements: int
    changes: tuple[int, ...]  # in the order of CHANGES

    def and_of(self, other: Seen) -> Seen:
        both = (one + two for one, two in zip(self.changes, other.changes, strict=True))
        return Seen(self.elements + other.elements, tuple(both))


NOTHING = Seen(0, (0,) * len(CHANGES))


def seen_in(value: Array, allowed: Array, unknown: Any, largest: float) -> Seen:
    """In how many elements a relative change of each size would have been beyond the limit."""
    size = sizes_in(allowed.dtype, value)
    if unknown is not False or not size.max(initial=0) <= largest:  # of an infinity no change is seen
        size = np.where(unknown | ~(size <= largest), 0, size)
    with np.errstate(divide="ignore", invalid="ignore"):
        visible = size / allowed  # any change of a number of which nothing is allowed, and none of zero
    return Seen(value.size, tuple(int(np.count_nonzero(visible > 1 / change)) for change in CHANGES.values()))
