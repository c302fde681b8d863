"""The points of a grid by their numbers in the product: so a million of them are kept apart with little memory."""

from __future__ import annotations

from bisect import bisect_left

from rnnverify.grids.axes import identity
from rnnverify.grids.grid import Grid, Point


class Numbering:
    """Which number each point of a grid has."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.numbers = grid.numbers()
        self.places = {
            key: {identity(value): index for index, value in enumerate(values)} for key, values in grid.axes.items()
        }

    def number_of(self, point: Point) -> int:
        """The number of a point, which may have been read from a file.

        Raises:
            LookupError: it is no point of this grid.
        """
        if point.keys() != self.places.keys():
            raise LookupError("other keys")
        number = 0
        for key, places in self.places.items():
            number = number * len(places) + places[identity(point[key])]
        index = bisect_left(self.numbers, number)
        if index == len(self.numbers) or self.numbers[index] != number:
            raise LookupError("not in the sample")
        return number
