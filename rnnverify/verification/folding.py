"""Ratios by timestep and unit, folded to a size that can be looked at: what is left is the largest of what it stands for."""

from __future__ import annotations

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.results.pictures import RatioMap, WorstUnit

MOST_ROWS, MOST_COLUMNS = 200, 128  # of a map
WORST = 3  # units that have a line of their own


class Folded:
    """The largest ratio by timestep and unit, in at most so many rows: when there are more, two become one."""

    def __init__(self, units: int, timed: bool) -> None:
        self.timed = timed
        self.per_row = 1
        self.timesteps = 0
        self.rows = np.full((MOST_ROWS, units), np.nan)

    def add(self, ratio: Array, start: int) -> None:
        """Take in ratios (timesteps, units) from a timestep on."""
        self.timesteps = max(self.timesteps, start + len(ratio))
        while self.timesteps > MOST_ROWS * self.per_row:
            pairs = np.fmax(self.rows[::2], self.rows[1::2])
            self.rows = np.concatenate([pairs, np.full_like(pairs, np.nan)])
            self.per_row *= 2
        np.fmax.at(self.rows, np.arange(start, start + len(ratio)) // self.per_row, ratio)

    def map_of(self, layer: str, tensor: str, backwards: bool = False) -> RatioMap:
        rows = self.rows[: -(-self.timesteps // self.per_row)]
        top = np.fmax.reduce(rows, axis=0, initial=-1.0)
        worst = np.argsort(-top, kind="stable")[:WORST]
        per_column = -(-rows.shape[1] // MOST_COLUMNS)
        return RatioMap(
            layer,
            tensor,
            by_blocks(rows.T, per_column).T,
            self.timesteps if self.timed else None,
            rows.shape[1],
            self.per_row,
            per_column,
            tuple(WorstUnit(int(unit), rows[:, unit].copy()) for unit in worst),
            backwards,
        )


def by_blocks(rows: Array, per_row: int) -> Array:
    """The largest of every so many rows."""
    padded = np.full((-(-len(rows) // per_row) * per_row, *rows.shape[1:]), np.nan)
    padded[: len(rows)] = rows
    made: Array = np.fmax.reduce(padded.reshape(-1, per_row, *rows.shape[1:]), axis=1)
    return made
