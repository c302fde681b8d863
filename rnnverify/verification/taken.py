"""A walk through time as Keras took it, in parts that fit into memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.recurrence import Walk, sources, states_before
from rnnverify.observation import Walked
from rnnverify.results import Divergence


@dataclass(frozen=True)
class Taken:
    """A walk, and what Keras emitted on it."""

    walk: Walk
    walked: Walked

    @property
    def sequence(self) -> Array:
        """What Keras emitted, (N, T, M)."""
        return self.walked.sequence

    @cached_property
    def sources(self) -> Array | None:
        return None if self.walk.mask is None else sources(self.walk.mask)

    def before(self, part: slice) -> Array:
        """h before each step of a part, in float64."""
        h = self.walk.states[0].astype(self.sequence.dtype)
        return states_before(self.sequence, h, self.sources, part).astype(np.float64)

    def outputs(self, part: slice, h: Any) -> Any:
        """The outputs expected of a part where its steps give h: at a masked step the output before it, or zero."""
        if self.walk.mask is None:
            return h
        held = np.zeros(h.shape)
        if not self.walk.layer.zero_output_for_mask:
            held[:, 1:] = self.sequence[:, part.start : part.stop - 1]
            if part.start:
                held[:, 0] = self.sequence[:, part.start - 1]
        return np.where(self.walk.mask[:, part, np.newaxis], h, held)

    def around(self, first: Divergence, most: int) -> tuple[slice, slice]:
        """Samples and timesteps that hold a divergence, and up to so many elements in all.

        A cell with c is looked at from the first timestep on, for c is not known later.
        """
        samples, timesteps, _ = self.sequence.shape
        assert first.timestep is not None
        end = min(timesteps, max(first.timestep + 1, most // samples))
        count = max(1, min(samples, most // end))
        start = min(first.sample, samples - count)
        return slice(start, start + count), slice(0 if self.walk.states[1:] else max(0, end - most), end)


def stretches_of(timesteps: int, length: int) -> list[slice]:
    """The time axis in parts of that length."""
    return [slice(start, min(start + length, timesteps)) for start in range(0, timesteps, length)]
