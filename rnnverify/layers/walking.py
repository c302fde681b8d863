"""What layers that walk through time have in common: a cell, and the options of the walk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rnnverify.errors import UnsupportedError
from rnnverify.layers.arrays import Array
from rnnverify.layers.cell import Cell
from rnnverify.layers.layer import Call, Layer, Masked, Outputs, Shape
from rnnverify.layers.walk import Walk
from rnnverify.observation import Walked
from rnnverify.observation.masks import check_of_timesteps


@dataclass(frozen=True, kw_only=True)
class Walking(Layer, ABC):
    """A layer that takes its cell through time."""

    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    zero_output_for_mask: bool = False
    unroll: bool = False
    stateful: bool = False  # what it starts from then is told by the graph

    of_late = frozenset({"stateful"})
    takes_initial_state = True
    state_names: ClassVar[tuple[str, ...]] = ("h",)
    puts_out: ClassVar[bool] = (
        False  # whether what a step puts out stands beside its states, and is not the first of them
    )
    gate_names: ClassVar[tuple[str, ...]] = ()  # in Keras's order
    gate_letters: ClassVar[tuple[str, ...]] = ()  # the textbook's, of the same

    @abstractmethod
    def cell_with(self, weights: Sequence[Array]) -> Cell:
        """The cell that these weights describe."""

    @abstractmethod
    def state_shapes(self, inputs: Sequence[Shape]) -> list[Shape]: ...

    def step_shape(self, inputs: Sequence[Shape]) -> Shape:
        """The shape of what one step puts out."""
        return self.state_shapes(inputs)[0]

    @property
    def width(self) -> int | None:
        """How many units a step puts out, where that is known without its input."""
        return None

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        step = self.step_shape(inputs)
        y = (inputs[0][0], *step) if self.return_sequences else step
        return [y, *self.state_shapes(inputs)] if self.return_state else [y]

    @property
    def output_names(self) -> tuple[str, ...]:
        return ("", *self.state_names) if self.return_state else ("",)

    @property
    def state_outputs(self) -> int:
        return len(self.state_names) if self.return_state else 0

    @property
    def walked_names(self) -> tuple[str, ...]:
        """What each step of its walk leaves, by name: the states, and what it puts out if that is none of them."""
        return ("output", *self.state_names) if self.puts_out else self.state_names

    def walked_shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        """The shapes of those."""
        states = self.state_shapes(inputs)
        return [self.step_shape(inputs), *states] if self.puts_out else states

    def has_time(self, output: int, shape: Shape) -> bool:
        return output == 0 and self.return_sequences

    @property
    def tied_to_time(self) -> bool:
        return self.unroll

    def calls_built(self, inputs: Sequence[Shape]) -> int:
        return 3 * inputs[0][0] if self.unroll else 0  # as measured: a step takes Keras three times as long as a Dense

    def walks(self, call: Call) -> tuple[Walk, ...]:
        x, mask = call.x if call.masked else Masked(call.x.values)
        if (
            self.unroll
            and self.go_backwards
            and self.return_sequences
            and self.zero_output_for_mask
            and mask is not None
        ):
            raise UnsupportedError(
                "unroll=True on a masked sequence that runs backwards under zero_output_for_mask (as in a Bidirectional)"
                " is not implemented: Keras then zeroes the steps that the mask names in the other direction"
            )
        check_of_timesteps(type(self).__name__, mask)
        if self.go_backwards:
            x, mask = x[:, ::-1], None if mask is None else mask[:, ::-1]
        shapes = [x.shape[1:]]
        states = tuple(call.initial_state) or tuple(self.first_states(len(x), shapes, x.dtype))
        if self.puts_out:
            states = (np.zeros((len(x), *self.step_shape(shapes)), dtype=x.dtype), *states)
        return (Walk(self, call.weights, x, mask, states),)

    def outputs(self, call: Call, walked: Sequence[Walked]) -> Outputs:
        (done,) = walked
        # Keras hands the mask on as it came, also where go_backwards has reversed the sequence under it.
        y = Masked(done.sequence, call.x.mask) if self.return_sequences else Masked(done.sequence[:, -1])
        states = done.states[1:] if self.puts_out else done.states
        return (y, *map(Masked, states)) if self.return_state else (y,)


def is_stateful(layer: Layer) -> bool:
    """Whether a layer, or one of two directions, keeps its states from one call to the next."""
    return any(getattr(one, "stateful", False) for one in (layer, getattr(layer, "layer", None)))
