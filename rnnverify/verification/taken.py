"""A walk through time as Keras took it, in parts that fit into memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.steps import one_earlier, sources, states_before
from rnnverify.layers.walk import Walk
from rnnverify.observation import Walked
from rnnverify.results import Divergence


@dataclass(frozen=True)
class Taken:
    """A walk, and what Keras emitted on it."""

    walk: Walk
    walked: Walked

    @property
    def sequence(self) -> Array:
        """What Keras emitted, (N, T, ...)."""
        return self.walked.sequence

    @cached_property
    def sources(self) -> Array | None:
        return None if self.walk.mask is None else sources(self.walk.mask)

    def before(self, part: slice) -> Array:
        """h before each step of a part, in float64."""
        h = self.walk.states[0].astype(self.sequence.dtype)
        return states_before(self.sequence, h, self.sources, part).astype(np.float64)

    def outputs(self, part: slice, h: Any) -> Any:
        """The outputs expected of a part where its steps give h, (N, t, ...)."""
        if self.walk.mask is None:
            return h
        before = one_earlier(self.sequence, np.zeros_like(self.sequence[:, 0]), part)
        return self.walk.put_out(self.walk.mask[:, part], h, before.astype(np.float64))

    def around(self, first: Divergence, most: int) -> tuple[slice, slice]:
        """Samples and timesteps that hold a divergence, and up to so many elements in all.

        Where a state beside h is carried it is looked at from the first timestep on: later, that state is not known.
        """
        samples, timesteps = self.sequence.shape[:2]
        assert first.timestep is not None
        end = min(timesteps, max(first.timestep + 1, most // samples))
        count = max(1, min(samples, most // end))
        start = min(first.sample, samples - count)
        return slice(start, start + count), slice(0 if self.walk.states[1:] else max(0, end - most), end)


def stretches_of(timesteps: int, length: int) -> list[slice]:
    """The time axis in parts of that length."""
    return [slice(start, min(start + length, timesteps)) for start in range(0, timesteps, length)]
