"""RNN: any cell taken through time, or several cells on top of each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.cell import Cell, States
from rnnverify.layers.layer import Layer, Shape
from rnnverify.layers.walk import Walk
from rnnverify.layers.walking import Walking


@dataclass(frozen=True)
class RNN(Walking):
    """RNN: a cell taken through time; or a stack of cells, each of which reads what the one below it put out."""

    cell: Walking

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Any:
        """What the cell makes it: an RNN over an LSTMCell is an LSTM."""
        options = {name: cls.read(name, value) for name, value in values.items()}
        cell = options.pop("cell")
        return replace(Stack(tuple(cell)) if isinstance(cell, list | tuple) else cell, **options)

    @classmethod
    def read(cls, name: str, value: Any) -> Any:
        from rnnverify.layers.registry import cell_of  # it imports every layer

        if name != "cell":
            return super().read(name, value)
        if isinstance(value, list | tuple):
            return tuple(cls.read(name, one) for one in value)
        return value if isinstance(value, Layer) else cell_of(value)

    def cell_with(self, weights: Sequence[Array]) -> Cell:
        raise NotImplementedError  # none is ever made: see `of`

    def state_shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        raise NotImplementedError


# What says how a cell is taken through time, and is no argument of the cell.
OF_WALKS = {field.name: field.default for field in fields(Walking)}


class Part(NamedTuple):
    """A cell in a stack."""

    cell: Cell
    states: slice  # its own, among those of all
    puts_out: bool  # whether what it puts out stands beside its states


@dataclass(frozen=True)
class StackedCell(Cell):
    """Several cells, of which each reads what the one below it put out."""

    parts: tuple[Part, ...]

    def project(self, x: Array) -> Array:
        return self.parts[0].cell.project(x)

    def step(self, zx: Array, states: States) -> States:
        return self.step_seen(zx, states, ())

    def step_seen(self, zx: Array, states: States, seen: States) -> States:
        """What the top puts out, and all states: from what each cell was seen to put out, where it is one of its states."""
        made: list[Array] = []
        x = zx
        for index, (cell, own, puts_out) in enumerate(self.parts):
            before = states[own]
            x, *after = cell.step(cell.project(x) if index else zx, (before[0], *before) if puts_out else before)
            made += after if puts_out else [x, *after]
            if seen and not puts_out and index < len(self.parts) - 1:
                x = seen[own][0]
        return (x, *made)


@dataclass(frozen=True)
class Stack(Walking):
    """StackedRNNCells, taken through time."""

    cells: tuple[Walking, ...]

    puts_out = True

    @property
    def rank(self) -> tuple[int, str] | None:  # type: ignore[override]
        return self.cells[0].rank

    @property
    def state_names(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(f"cell_{index}_{name}" for index, one in enumerate(self.cells) for name in one.state_names)

    def read_by_each(self, inputs: Sequence[Shape]) -> list[list[Shape]]:
        """What each cell reads, as the input of a layer around it alone."""
        timesteps = inputs[0][0]
        read = [list(inputs)]
        for one in self.cells[:-1]:
            read.append([(timesteps, *one.step_shape(read[-1]))])
        return read

    def state_shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        each = zip(self.cells, self.read_by_each(inputs), strict=True)
        return [shape for one, read in each for shape in one.state_shapes(read)]

    def step_shape(self, inputs: Sequence[Shape]) -> Shape:
        return self.cells[-1].step_shape(self.read_by_each(inputs)[-1])

    @property
    def width(self) -> int | None:
        return self.cells[-1].width

    def first_states(self, samples: int, inputs: Sequence[Shape], dtype: np.dtype[Any]) -> list[Array]:
        each = zip(self.cells, self.read_by_each(inputs), strict=True)
        return [state for one, read in each for state in one.first_states(samples, read, dtype)]

    @property
    def weight_names(self) -> tuple[str, ...]:
        return tuple(f"cell_{index}_{name}" for index, one in enumerate(self.cells) for name in one.weight_names)

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        each = enumerate(zip(self.cells, self.read_by_each(inputs), strict=True))
        return {
            f"cell_{index}_{name}": shape
            for index, (one, read) in each
            for name, shape in one.weight_shapes(read).items()
        }

    def held(self, inputs: Sequence[Shape]) -> int:
        return sum(one.held(read) for one, read in zip(self.cells, self.read_by_each(inputs), strict=True))

    def calls_built(self, inputs: Sequence[Shape]) -> int:
        return len(self.cells) * super().calls_built(inputs)

    def weights_of_each(self, arrays: Sequence[Array]) -> list[Sequence[Array]]:
        """Each cell's own."""
        ends = accumulate((one.weight_count for one in self.cells), initial=0)
        return [arrays[start:end] for start, end in pairwise(ends)]

    def weights_from(self, arrays: Sequence[Array]) -> Sequence[Array]:
        each = zip(self.cells, self.weights_of_each(arrays), strict=True)
        return [array for one, own in each for array in one.weights_from(own)]

    def walks_of_cells(self, walk: Walk) -> list[Walk]:
        """Of a walk of the stack that of each cell, but for its input, which is what the cell below it puts out."""
        options, made = {name: getattr(self, name) for name in OF_WALKS}, []
        for one, own, place in zip(self.cells, self.weights_of_each(walk.weights), self.places(), strict=True):
            # Of a cell that puts out no state its shape is known without its input.
            output = np.zeros((len(walk.x), *one.step_shape([(1, 1)])), dtype=walk.x.dtype)
            states = (*([output] if one.puts_out else []), *walk.states[place])
            made.append(replace(walk, layer=replace(one, **options), weights=own, states=states))
        return made

    def places(self) -> list[slice]:
        """Where each cell's states are among those of all, behind what the top puts out."""
        ends = accumulate((len(one.state_names) for one in self.cells), initial=1)
        return [slice(start, end) for start, end in pairwise(ends)]

    def cell_with(self, weights: Sequence[Array]) -> Cell:
        each = zip(self.cells, self.weights_of_each(weights), self.places(), strict=True)
        return StackedCell(tuple(Part(one.cell_with(own), place, one.puts_out) for one, own, place in each))
