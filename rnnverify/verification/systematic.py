"""Steps that all err to the same side: each of them within its limit, and together a fault that grows through time.

For one unit of a state: its residuals in standard deviations, q, and its values in standard deviations, g. If every step
multiplied it by 1 + e, the sum of q g over the square root of the sum of g^2 would be that of a normal variable, off by e
times that root. Over the square root of how many steps there are, it is the systematic part of q.

Roundings have one, too. Libraries' functions err to one side over whole ranges: by up to 2.3 standard deviations where the
gates take many values (benchmarks/aggregated.py). Where they take few, as those of a long memory do, each of which is open,
a function's errors are all the same one, which may be the largest: they are counted as that, in a second look. It also knows
which way such an error takes a state: where that is up in some steps and down in others, it does not add up. Where a state itself
takes few values all roundings repeat, and nothing can be said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.cell import Cell, CellInParts, Gates, States
from rnnverify.layers.steps import folded, gates_of_steps
from rnnverify.rounding import Precision, Rounded
from rnnverify.verification.taken import Taken

MOST = 4096  # steps that are looked at of a unit, spread over all samples and timesteps
FEWEST = 300  # distinct ones, without which nothing is said
TRIED = 8  # units that are tried, those first that err most to one side
ROUNDING = 3.2  # standard deviations by which rounding may err to the same side
# The same where functions are counted as if always off by their most: the root of three for three of them that add up, and a
# little for products and sums that repeat.
ROUNDING_ALIKE = 2.0
LOOKED_AT_AGAIN = 1.5  # from which on that is looked at; right models seldom come to it
RANGES = 16  # of a gate's values, in each of which a function may err by another amount, the same throughout
OF_TWO = np.sqrt(2.0)  # a gate may be a product of two functions' values, each of them off
FARTHEST = np.sqrt(3.0)  # standard deviations of a rounding that it is off by at most


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
    rounding: float | Array = ROUNDING  # standard deviations that may be systematic, of each unit

    @classmethod
    def of(cls, keras: Array, value: Array, variance: Array, thin: int, limit: float) -> Systematic:
        """Some steps, (N, t, ..., units) each. Masked ones do not round, and are not counted."""
        parts = (part[:, ::thin] for part in (keras, value, variance))
        claims, replays, variances = map(by_unit, parts)
        residuals, values = (part.astype(variance.dtype, copy=False) for part in (claims - replays, replays))
        weights = weighed(values, variances)
        return cls(
            thin,
            limit,
            steps=steps_that_round(variances),
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
        parts, allowed = self.parts, self.allowed(self.steps)
        for unit in map(int, np.argsort(allowed - parts, kind="stable")[:TRIED]):
            if parts[unit] <= allowed[unit]:
                return None
            different = distinct(unit)
            if different >= FEWEST and parts[unit] > (room := float(self.allowed(different)[unit])):
                deviation = float(np.sqrt(self.variances[unit] / self.steps))
                keras, replay = (float(made[unit]) for made in self.last)
                return Side(
                    self.samples - 1,
                    unit,
                    float(parts[unit]) * deviation,
                    room * deviation,
                    keras,
                    replay,
                )
        return None

    def allowed(self, steps: int) -> Array:
        """The largest systematic part of each unit that is rounding."""
        return np.broadcast_to(self.rounding + self.limit / math.sqrt(steps), self.products.shape)


def by_unit(x: Array) -> Array:
    """(N, t, ..., units) to (elements, units)."""
    return x.reshape(-1, x.shape[-1])


def weighed(values: Array, variances: Array) -> Array:
    """The weights of residuals in the sums over steps, g / sd: none of those that do not round."""
    if variances.min(initial=1.0) > 0:
        return values / variances
    return np.divide(values, variances, out=np.zeros_like(values), where=variances > 0)


def steps_that_round(variances: Array) -> int:
    """How many there are, from the variances (elements, units)."""
    return int(np.count_nonzero(variances[:, 0] > 0))


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
    if found.steps < FEWEST or found.parts.max(initial=0) <= LOOKED_AT_AGAIN:
        return None
    some, whole, p = slice(None, None, found.thin), slice(0, taken.sequence.shape[1]), replace(precision, alike=True)
    x, (before, after) = (
        as_fed(taken.walk.x[:, some]),
        ([one[:, some] for one in arrays] for arrays in (taken.before(whole), taken.after(whole))),
    )
    made: Any = taken.rounding(p, x, before, after)[state]
    keras, variance = taken.sequences[state][:, some].astype(np.float64), made.variance
    if taken.walk.mask is not None:
        awake = taken.walk.mask[:, some].reshape(*keras.shape[:2], *[1] * (keras.ndim - 2))
        keras, variance = np.where(awake, keras, made.value), np.where(awake, variance, 0)
    alike = Systematic.of(keras, made.value, variance, 1, found.limit)
    room = room_for_rounding(taken.walk.cell, Rounded.exact(x, p), before, state, made.off_by(made.bound, variance))
    return replace(alike, rounding=room).side(partial(states_distinct, taken, state, found.thin))


def room_for_rounding(cell: Cell, x: Rounded, before: Sequence[Array], state: int, made: Rounded) -> Array:
    """The largest systematic part of each unit's residuals that rounding can have, in standard deviations.

    In each range of a gate's values its function is off by one amount, up to its most, and takes the state with it in some steps
    and against it in others. What else is rounded may be off by its most in every step, and always to the same side.

    Args:
        cell: of the walk. Where its gates are not known, or an h has a function of another state in it, as in an LSTM, it is
            ROUNDING_ALIKE.
        x: its input, (N, t, ...), as numbers that count functions as off by their most.
        before: the states before each step, (N, t, ...) each.
        state: which of them.
        made: what the steps make of it, (N, t, ..., units), with variances of 0 where nothing is said.
    """
    if not isinstance(cell, CellInParts) or (state == 0 and before[1:]):
        return np.full(made.shape[-1], ROUNDING_ALIKE)
    p, states = x.precision, tuple(map(folded, before))
    gates: Any = gates_of_steps(cell, cast(Any, x), cast(Any, Rounded.exact(before[0], p)))
    values = tuple(gate.value for gate in gates)

    def state_with(gates: Gates, states: States) -> Any:
        return cell.carry(gates, states[1:])[state - 1] if state else cell.output(gates, states)

    value, variance = by_unit(made.value), by_unit(made.variance)
    weights = weighed(value, variance)
    edges = np.unique(np.linspace(0, len(weights), RANGES, endpoint=False).astype(int))
    reach = np.zeros(weights.shape[-1])
    for index, gate in enumerate(gates):
        off = (*values[:index], gate.value + np.sqrt(gate.variance), *values[index + 1 :])
        errors = by_unit(state_with(off, states) - state_with(values, states)) * weights
        in_order = np.take_along_axis(errors, np.argsort(by_unit(gate.value), axis=0), axis=0)
        reach += OF_TWO * np.abs(np.add.reduceat(in_order, edges, axis=0)).sum(axis=0)
    exact = (tuple(Rounded.exact(one, p) for one in ones) for ones in (values, states))
    own = weights * weights * by_unit(state_with(*exact).variance)
    with np.errstate(all="ignore"):
        room = (reach / np.sqrt(steps_that_round(variance)) + FARTHEST * np.sqrt(own.sum(axis=0))) / np.sqrt(
            np.sum(value * weights, axis=0)
        )
    return np.minimum(np.where(np.isfinite(room), room, ROUNDING_ALIKE), ROUNDING_ALIKE)
