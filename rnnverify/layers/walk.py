"""The walk through time: one loop, for every cell. No loop runs over samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.cell import Cell, States
from rnnverify.observation import Walked

if TYPE_CHECKING:
    from rnnverify.layers.walking import Walking

STRETCH = 1 << 18  # numbers of the input, or of the state, whose projection is computed at once


@dataclass(frozen=True)
class Walk:
    """A walk through time, about to be taken: a layer's cell, and what it starts from. All in the order of the walk."""

    layer: Walking
    weights: Sequence[Array]
    x: Array  # (N, T, ...): (N, T, D) but in convolutions
    mask: Array | None  # (N, T) of bool; False marks a step to skip
    states: States  # before the first step, (N, ...) each

    @cached_property
    def cell(self) -> Cell:
        return self.layer.cell_with(self.weights)

    def run(self, every_step: bool = False) -> Walked:
        """Take it, free-running: each step from the states that the step before it left.

        Without `every_step` only what the layer returns is kept: perhaps the last output alone, (N, 1, ...). With it, every
        state at every step is.
        """
        if hasattr(self.x, "walked"):  # an array type that is not NumPy's may take it in its own way
            left: Walked = self.x.walked(self)
            return left
        samples, timesteps, *features = self.x.shape
        states, output = self.states, np.zeros_like(self.states[0])
        sequence: list[Array] = []
        others: list[States] = []
        sequenced = every_step or self.layer.return_sequences
        stretch = max(1, STRETCH // (samples * max(prod(features), prod(output.shape[1:]))))
        for t in range(timesteps):
            if t % stretch == 0:  # the input's share, for as many timesteps at once as memory allows
                by_time = np.swapaxes(self.x[:, t : t + stretch], 0, 1)
                zx = self.cell.project(by_time.reshape(-1, *features))
                zx = zx.reshape(len(by_time), samples, *zx.shape[1:])
            new = self.cell.step(zx[t % stretch], states)
            states, output = self.after(new, states, output, None if self.mask is None else self.mask[:, t])
            if sequenced:
                sequence.append(output)
            if every_step:
                others.append(states[1:])
        every_other = tuple(np.stack(one, axis=1) for one in zip(*others, strict=True))
        return Walked(np.stack(sequence if sequenced else [output], axis=1), states, every_other)

    def after(self, new: States, states: States, output: Array, awake: Array | None) -> tuple[States, Array]:
        """The states and the output after a step, masked or not.

        Args:
            new: the states that the cell makes of it, (N, ...) each.
            states: those before it.
            output: what the step before it put out.
            awake: which samples are not masked, (N,) of bool; None where there is no mask.
        """
        if awake is None:
            return new, new[0]
        left = tuple(kept(awake, after, before) for after, before in zip(new, states, strict=True))
        return left, self.put_out(awake, new[0], output)

    def put_out(self, awake: Array, h: Array, before: Array) -> Array:
        """What steps put out: h; where they are masked, the output before them again, or zero (zero_output_for_mask).

        Args:
            awake: which are not masked, (N,) for one step or (N, T) for many.
            h: what they make of the state, (N, ...) or (N, T, ...).
            before: what the step before each of them put out; zero before the first.
        """
        return kept(awake, h, np.zeros_like(before) if self.layer.zero_output_for_mask else before)


def kept(awake: Array, after: Array, before: Array) -> Array:
    """A masked step leaves a state as it was."""
    return np.where(awake.reshape(*awake.shape, *[1] * (after.ndim - awake.ndim)), after, before)
