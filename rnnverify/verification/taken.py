"""A walk through time as Keras took it, in parts that fit into memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.cell import Cell, States
from rnnverify.layers.steps import one_earlier, sources, states_before, steps
from rnnverify.layers.walk import Walk
from rnnverify.observation import Walked
from rnnverify.results import Divergence
from rnnverify.rounding import Precision, Rounded

# How many numbers of the widest intermediate array are worked on at once. Each operation on fewer of them takes longer for
# Python than for the processor; more would take memory, and leave its cache.
STRETCH = 1 << 19
SHARES = 4  # the stretches are a multiple of this, for several cores to have equal shares


@dataclass(frozen=True)
class Taken:
    """A walk, and what Keras emitted on it."""

    walk: Walk
    emitted: Walked

    @property
    def by_step(self) -> bool:
        """Whether every step stands by itself: on a way of its own, which a faulty walk may go, none does."""
        return type(self.walk).run is Walk.run

    @property
    def sequence(self) -> Array:
        """What Keras emitted, (N, T, ...): h at every step."""
        return self.sequences[0]

    @cached_property
    def sequences(self) -> tuple[Array, ...]:
        """Each state at every step, (N, T, ...)."""
        shapes = (state.shape[1:] for state in self.walk.states)
        every = (self.emitted.sequence, *self.emitted.others)
        return tuple(one.reshape(*one.shape[:2], *shape) for one, shape in zip(every, shapes, strict=True))

    @cached_property
    def sources(self) -> Array | None:
        return None if self.walk.mask is None else sources(self.walk.mask)

    @cached_property
    def starts(self) -> tuple[Array, ...]:
        """The states before the first step, in the precision that they were emitted in."""
        return tuple(start.astype(one.dtype) for start, one in zip(self.walk.states, self.sequences, strict=True))

    def before(self, part: slice) -> States:
        """The states before each step of a part, in float64."""
        pairs = zip(self.sequences, self.starts, strict=True)
        return tuple(states_before(*pair, self.sources, part).astype(np.float64) for pair in pairs)

    def after(self, part: slice) -> States:
        """What was emitted at each step of a part, which stood after it unless it was masked, in float64."""
        if type(self.walk.cell).step_seen is Cell.step_seen:
            return ()  # nothing that it would look at
        return tuple(one[:, part].astype(np.float64) for one in self.sequences)

    def rounding(self, precision: Precision, x: Array, before: Sequence[Array], after: Sequence[Array]) -> States:
        """The states after some steps as rounding numbers, state by state, whatever is masked.

        Args:
            precision: what they are computed in.
            x: their input as the cell sees it, (N, t, ...).
            before: the states before each of them, (N, t, ...) each.
            after: those after it, see `after`.
        """
        (given,), *states = (tuple(Rounded.exact(one, precision) for one in arrays) for arrays in ((x,), before, after))
        return steps(self.walk.cell, given, *states)

    def put_out(self, part: slice, states: Sequence[Any]) -> tuple[Any, ...]:
        """What is put out, state by state, in a part whose steps make these of them, (N, t, ...) each."""
        if self.walk.mask is None:
            return tuple(states)
        made = []
        for one, state in zip(self.sequences, states, strict=True):
            before = one_earlier(one, np.zeros_like(one[:, 0]), part)
            made.append(self.walk.put_out(self.walk.mask[:, part], state, before.astype(np.float64)))
        return tuple(made)

    @cached_property
    def stretches(self) -> list[slice]:
        """Parts of the time axis in which the widest intermediate array is small enough."""
        samples, timesteps = self.sequence.shape[:2]
        around = prod(self.walk.states[0].shape[1:-1])
        widths = (size for weight in self.walk.weights for size in (prod(weight.shape[:-1]), weight.shape[-1]))
        width = max(prod(self.walk.x.shape[2:]), around * max(widths, default=1))
        return stretches_of(timesteps, samples * timesteps * width)

    @cached_property
    def walked(self) -> Walked:
        """What it left: the states after the last step are those of the last that was not masked."""
        end = self.sequence.shape[1]
        if self.walk.mask is None:
            return Walked(self.sequence, tuple(one[:, -1] for one in self.sequences))
        after = slice(end, end + 1)
        pairs = zip(self.sequences, self.starts, strict=True)
        return Walked(self.sequence, tuple(states_before(*pair, self.sources, after)[:, 0] for pair in pairs))

    def around(self, first: Divergence, most: int) -> tuple[slice, slice]:
        """Samples and timesteps that hold a divergence, and up to so many elements in all."""
        samples, timesteps = self.sequence.shape[:2]
        assert first.timestep is not None
        end = min(timesteps, max(first.timestep + 1, most // samples))
        count = max(1, min(samples, most // end))
        start = min(first.sample, samples - count)
        return slice(start, start + count), slice(max(0, end - most), end)


def stretches_of(timesteps: int, size: int) -> list[slice]:
    """The time axis in equal parts of STRETCH numbers at most, of `size` in all; as many for each core."""
    length = max(1, STRETCH * timesteps // max(size, 1))
    if timesteps <= length:
        return [slice(0, timesteps)] if timesteps else []
    count = SHARES * -(-timesteps // (SHARES * length))
    ends = dict.fromkeys(timesteps * end // count for end in range(count + 1))
    return [slice(*one) for one in pairwise(ends)]


def same(x: Array, y: Array) -> bool:
    """Whether two arrays are equal, without another of their size."""
    if x.shape != y.shape:
        return False
    return all(np.array_equal(x[:, part], y[:, part], equal_nan=True) for part in stretches_of(x.shape[1], x.size))
