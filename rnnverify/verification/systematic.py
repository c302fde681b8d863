"""Steps that all err to the same side: each of them within its limit, and together a fault that grows through time.

For one unit of a state: its residuals in standard deviations, q, and its values in standard deviations, g. If every step
multiplied it by 1 + e, the sum of q g over the square root of the sum of g^2 would be that of a normal variable, off by e
times that root. Over the square root of how many steps there are, it is the systematic part of q. Roundings have one, too,
for libraries' functions err to one side over whole ranges: up to 2.3 (benchmarks/aggregated.py). Where data repeat roundings
do, too, and nothing can be said: so a unit is only judged by steps that are distinct in all their gates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.steps import folded, gates_of_steps
from rnnverify.verification.taken import Taken

MOST = 4096  # steps that are looked at of a unit, spread over all samples and timesteps
FEWEST = 300  # distinct ones, without which nothing is said
ROUNDING = 3.2  # standard deviations by which rounding may err to the same side


class Side(NamedTuple):
    """A unit of which every step errs to the same side."""

    sample: int
    unit: int
    mean: float  # by how much, in its own units, a step is off
    allowed: float  # and by how much rounding may be
    keras: float  # and what the last step made of it
    replay: float


@dataclass(frozen=True)
class Systematic:
    """The sums over some steps for every unit of a state."""

    thin: int  # every how many timesteps one is looked at
    limit: float  # standard deviations of one step
    steps: int
    products: Array  # sum of q g
    squares: Array  # sum of g^2
    variances: Array  # sum of the steps' variances
    samples: int
    last: tuple[Array, Array]  # what Keras made, and the replay, in the last step of the last sample

    @classmethod
    def of(cls, keras: Array, value: Array, variance: Array, thin: int, limit: float) -> Systematic:
        """Some steps, (N, t, ..., units) each. Masked ones do not round, and are not counted."""
        parts = (part[:, ::thin] for part in (keras, value, variance))
        claims, replays, variances = (part.reshape(-1, part.shape[-1]) for part in parts)
        residuals, values = (part.astype(variance.dtype, copy=False) for part in (claims - replays, replays))
        if variances.min(initial=1.0) > 0:
            weights = values / variances
        else:
            weights = np.divide(values, variances, out=np.zeros_like(values), where=variances > 0)
        return cls(
            thin,
            limit,
            steps=int(np.count_nonzero(variances[:, 0] > 0)),
            products=np.einsum("iu,iu->u", residuals, weights),
            squares=np.einsum("iu,iu->u", values, weights),
            variances=np.sum(variances, axis=0),
            samples=len(keras),
            last=(claims[-1].copy(), replays[-1].copy()),  # and not the arrays that these are rows of
        )

    def after(self, earlier: Systematic | None) -> Systematic:
        """These steps, and those that were taken before them."""
        if earlier is None:
            return self
        return replace(
            self,
            steps=earlier.steps + self.steps,
            products=earlier.products + self.products,
            squares=earlier.squares + self.squares,
            variances=earlier.variances + self.variances,
        )

    def side(self, distinct: Callable[[int], int]) -> Side | None:
        """The unit that errs most to one side, if that is no rounding.

        Args:
            distinct: how many of a unit's steps are distinct in all their gates.
        """
        if self.steps < FEWEST:
            return None
        with np.errstate(all="ignore"):
            score = np.abs(self.products) / np.sqrt(self.squares * self.steps)
        score = np.where(np.isfinite(score), score, 0)
        unit = int(np.argmax(score))
        if score[unit] <= self.allowed(self.steps):
            return None
        different = distinct(unit)
        if different < FEWEST or score[unit] <= self.allowed(different):
            return None
        deviation = float(np.sqrt(self.variances[unit] / self.steps))
        keras, replay = self.last
        return Side(
            self.samples - 1,
            unit,
            float(score[unit]) * deviation,
            self.allowed(different) * deviation,
            float(keras[unit]),
            float(replay[unit]),
        )

    def allowed(self, steps: int) -> float:
        """The largest systematic part that is rounding."""
        return ROUNDING + self.limit / float(np.sqrt(steps))


def thinned(sequence: Array) -> int:
    """Every how many timesteps of a sequence (N, T, ...) one is looked at."""
    samples, timesteps = sequence.shape[:2]
    every: int = max(1, samples * timesteps // MOST)
    return every


def distinct(taken: Taken, as_fed: Callable[[Array], Array], thin: int, unit: int) -> int:
    """In how many of the steps that are looked at a unit's gates are distinct, of the gate where these are fewest."""
    walk, whole = taken.walk, slice(0, taken.sequence.shape[1])
    plain = replace(walk, weights=[np.asarray(weight) for weight in walk.weights])
    x, h = as_fed(walk.x[:, ::thin]), taken.before(whole)[0][:, ::thin]
    gates = gates_of_steps(plain.cell, x, h) or (folded(h),)
    kind = np.float32 if taken.sequence.dtype != np.float64 else np.float64
    fewest: int = min(np.unique(gate[..., unit].astype(kind)).size for gate in gates)
    return fewest
