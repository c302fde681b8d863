"""What goes through the graph: tensors with their masks, and what a layer is called on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rnnverify.layers.arrays import Array


class Masked(NamedTuple):
    """A tensor on its way through the graph: its values and, where a layer made one, its mask."""

    values: Array  # (N, ...) or (N, T, ...)
    mask: Array | None = None  # (N, T) of bool; False marks a step to skip


Outputs = tuple[Masked, ...]


class Call(NamedTuple):
    """What a layer is given: its inputs, its weights and, for recurrent layers, the states to start from."""

    inputs: Sequence[Masked]
    weights: Sequence[Array] = ()
    initial_state: Sequence[Array] = ()
    masked: bool = True  # whether the input's mask is to be heeded; it is handed on in either case

    @property
    def x(self) -> Masked:
        """The input of a layer that has one."""
        return self.inputs[0]
