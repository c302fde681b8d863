"""The windows that convolutions and poolings look through, along one axis."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from rnnverify.layers.arguments import for_each
from rnnverify.layers.arrays import Array
from rnnverify.layers.layer import MisfitError
from rnnverify.layers.moving import padded


class Windows(NamedTuple):
    """Windows of `size` places, `dilation` apart, of which each begins `stride` places after the one before it."""

    size: int
    stride: int
    dilation: int
    padding: str  # valid: no place lies outside; same: as many windows as strides; causal: each ends where it stands

    @property
    def span(self) -> int:
        """From a window's first place to its last."""
        return (self.size - 1) * self.dilation + 1

    def count(self, length: int) -> int:
        """How many there are, over so many places; fewer than 1 where there is none."""
        if self.padding == "valid":
            return (length - self.span) // self.stride + 1
        return -(-length // self.stride)

    def before(self, length: int) -> int:
        """How many places lie before the first one that is there."""
        if self.padding == "valid":
            return 0
        if self.padding == "causal":
            return self.span - 1
        return max(0, (self.count(length) - 1) * self.stride + self.span - length) // 2

    def places(self, length: int) -> Array:
        """The places of each window, (count, size); some may lie outside."""
        starts = np.arange(self.count(length)) * self.stride - self.before(length)
        return starts[:, np.newaxis] + np.arange(self.size) * self.dilation

    def over(self, x: Array, axis: int) -> Array:
        """What each window shows along an axis, which becomes two, (count, size); zeros outside."""
        places = self.places(x.shape[axis])
        start, end = max(0, -int(places.min())), max(0, int(places.max()) - x.shape[axis] + 1)
        wide = padded(x, start, end, axis) if start or end else x
        return taken(wide, places + start, axis)

    def inside(self, length: int) -> Array:
        """Which places are there, (count, size)."""
        places = self.places(length)
        found: Array = (places >= 0) & (places < length)
        return found


def shown(x: Array, windows: Sequence[Windows]) -> Array:
    """What each window shows, along one axis or several: (N, counts..., places, channels); zeros outside."""
    for axis, along in enumerate(windows):
        x = along.over(x, 1 + 2 * axis)
    if len(windows) > 1:  # (N, rows, in the window, columns, in the window, ..., channels)
        which = range(1, 1 + 2 * len(windows))
        x = np.transpose(x, (0, *which[::2], *which[1::2], x.ndim - 1))
    counts = x.shape[: 1 + len(windows)]
    return x.reshape(*counts, prod(x.shape[len(counts) : -1]), x.shape[-1])


def taken(x: Array, places: Array, axis: int) -> Array:
    """What stands at these places of an axis, which has their axes then."""
    index: Any = (*(slice(None),) * axis, places)
    return x[index]


def per_axis(numbers: int | tuple[int, ...], count: int, argument: str) -> tuple[int, ...]:
    """A number for each of so many axes; may raise MisfitError."""
    found = for_each(numbers, count)
    if len(found) != count:
        raise MisfitError(f"one number, or {count}", argument)
    return found
