"""Steps that all err to the same side: each of them within its limit, and together a fault that grows through time.

For one unit of a state: its residuals in standard deviations, q, and its values in standard deviations, g. If every step
multiplied it by 1 + e, the sum of q g over the square root of the sum of g^2 would be that of a normal variable, off by e
times that root. Over the square root of how many steps there are, it is the systematic part of q.

Roundings have one, too. Libraries' functions err to one side over whole ranges: by up to 2.3 standard deviations where the
gates take many values (benchmarks/aggregated.py). Where they take few, as those of a long memory do, each of which is open,
a function's errors are all the same one, which may be the largest: they are counted as that, in a second look. Where a state
itself takes few values all roundings repeat, and nothing can be said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.steps import folded, gates_of_steps
from rnnverify.rounding import Precision
from rnnverify.verification.taken import Taken

MOST = 4096  # steps that are looked at of a unit, spread over all samples and timesteps
FEWEST = 300  # distinct ones, without which nothing is said
TRIED = 8  # units that are tried, those first that err most to one side
ROUNDING = 3.2  # standard deviations by which rounding may err to the same side
# The same where functions are counted as if always off by their most: the root of three for three of them that add up, and a
# little for products and sums that repeat.
ROUNDING_ALIKE = 2.0


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
    rounding: float = ROUNDING  # standard deviations that may be systematic

    @classmethod
    def of(
        cls, keras: Array, value: Array, variance: Array, thin: int, limit: float, rounding: float = ROUNDING
    ) -> Systematic:
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
            rounding=rounding,
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

    @property
    def parts(self) -> Array:
        """The systematic part of each unit's residuals, in standard deviations."""
        with np.errstate(all="ignore"):
            score = np.abs(self.products) / np.sqrt(self.squares * self.steps)
        return np.where(np.isfinite(score), score, 0)

    def side(self, distinct: Callable[[int], int]) -> Side | None:
        """The unit that errs most to one side, if that is no rounding.

        Args:
            distinct: how many of a unit's steps are distinct.
        """
        if self.steps < FEWEST:
            return None
        parts = self.parts
        for unit in map(int, np.argsort(-parts, kind="stable")[:TRIED]):
            if parts[unit] <= self.allowed(self.steps):
                return None
            different = distinct(unit)
            if different >= FEWEST and parts[unit] > self.allowed(different):
                deviation = float(np.sqrt(self.variances[unit] / self.steps))
                keras, replay = (float(made[unit]) for made in self.last)
                return Side(
                    self.samples - 1,
                    unit,
                    float(parts[unit]) * deviation,
                    self.allowed(different) * deviation,
                    keras,
                    replay,
                )
        return None

    def allowed(self, steps: int) -> float:
        """The largest systematic part that is rounding."""
        return self.rounding + self.limit / float(np.sqrt(steps))


def thinned(sequence: Array) -> int:
    """Every how many timesteps of a sequence (N, T, ...) one is looked at."""
    samples, timesteps = sequence.shape[:2]
    every: int = max(1, samples * timesteps // MOST)
    return every


def gates_distinct(taken: Taken, as_fed: Callable[[Array], Array], state: int, thin: int, unit: int) -> int:
    """In how many of the steps that are looked at a unit's gates are distinct, of the gate where these are fewest.

    Where a cell's gates are not known, the state itself before each step says how many.
    """
    walk, whole = taken.walk, slice(0, taken.sequence.shape[1])
    plain = replace(walk, weights=[np.asarray(weight) for weight in walk.weights])
    x, before = as_fed(walk.x[:, ::thin]), [one[:, ::thin] for one in taken.before(whole)]
    gates = gates_of_steps(plain.cell, x, before[0]) or (folded(before[state]),)
    kind = np.float32 if taken.sequence.dtype != np.float64 else np.float64
    return min(np.unique(gate[..., unit].astype(kind)).size for gate in gates)


def states_distinct(taken: Taken, state: int, thin: int, unit: int) -> int:
    """In how many of them a state of the unit is."""
    return int(np.unique(taken.sequences[state][:, ::thin][..., unit].astype(np.float64)).size)


def side_of_functions_alike(
    taken: Taken, as_fed: Callable[[Array], Array], precision: Precision, state: int, found: Systematic
) -> Side | None:
    """A second look at the same steps of a state, with the errors of functions at their most."""
    if found.steps < FEWEST or found.parts.max(initial=0) <= ROUNDING_ALIKE:
        return None
    some, whole = slice(None, None, found.thin), slice(0, taken.sequence.shape[1])
    states = ([one[:, some] for one in arrays] for arrays in (taken.before(whole), taken.after(whole)))
    made: Any = taken.rounding(replace(precision, alike=True), as_fed(taken.walk.x[:, some]), *states)[state]
    keras, variance = taken.sequences[state][:, some].astype(np.float64), made.variance
    if taken.walk.mask is not None:
        awake = taken.walk.mask[:, some].reshape(*keras.shape[:2], *[1] * (keras.ndim - 2))
        keras, variance = np.where(awake, keras, made.value), np.where(awake, variance, 0)
    alike = Systematic.of(keras, made.value, variance, 1, found.limit, ROUNDING_ALIKE)
    return alike.side(partial(states_distinct, taken, state, found.thin))
