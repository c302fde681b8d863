"""What Keras emitted beside what was expected of it: how far off, where first beyond the limit, and what could be seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.results import Divergence
from rnnverify.rounding import LIMIT, Rounded
from rnnverify.verification.resolution import CHANGES, NOTHING, Seen, seen_in
from rnnverify.verification.systematic import Side, Systematic

# A standard deviation below this has a variance that underflows, in float64 where we compute it.
FAINTEST = 1e-150

Tensor = tuple[int | None, int]  # of a layer: a walk through time and which of its states, or None and which output
Rows = tuple[Array, ...]  # the samples, and where there is time the timesteps, of some rows
# Given how many times its limit each element is off, where the order of a sum may excuse it: those rows, looked at again.
SecondLook = Callable[[Array], tuple[Rows, Rounded]]


@dataclass
class Tally:
    """What has been found of one node so far."""

    node: str
    largest: float  # beyond this number Keras's precision has only infinity
    max_residual: float = 0.0
    worst_ratio: float = 0.0
    worst_deviation: float = 0.0  # the largest residual in standard deviations
    first: Divergence | None = None
    walk: int | None = None  # in which walk through time that is
    to_one_side: bool = False  # whether it is no step by itself, but what they have in common
    seen: dict[Tensor, Seen] = field(default_factory=dict)  # of each tensor that was compared
    sides: dict[Tensor, Systematic] = field(default_factory=dict)  # of each state of a walk

    @property
    def resolution(self) -> dict[str, float]:
        """The share of the elements in which each of CHANGES would have been a mismatch."""
        whole = NOTHING
        for one in self.seen.values():
            whole = whole.and_of(one)
        return {
            name: count / whole.elements if whole.elements else 0.0
            for name, count in zip(CHANGES, whole.changes, strict=True)
        }

    @property
    def untested(self) -> tuple[Tensor, ...]:
        """The tensors of which no element could have shown even the largest of CHANGES."""
        return tuple(tensor for tensor, seen in self.seen.items() if not seen.changes[-1])

    def add(
        self,
        keras: Array,
        expected: Any,
        start: int | None = None,
        tensor: Tensor = (None, 0),
        again: SecondLook | None = None,
        thin: int | None = None,
        widens: bool = False,
    ) -> Array:
        """Compare what Keras emitted with what was expected of it.

        Args:
            keras: (N, ..., units); where there is time, its axis is the second.
            expected: the same as Rounded numbers, or as a plain array where nothing rounds.
            start: the timestep that the first one given here is; None where there is no time.
            tensor: of which tensor of the layer they are a part.
            again: looks again at rows of which some element is beyond its limit, but not beyond what rounding can do at
                worst: the sizes of the sums' own partial sums may excuse it.
            widens: whether that second look is at another way to compute it, which has another worst case.
            thin: every how many timesteps one is looked at for errors to the same side; None where that is not asked.

        Returns:
            Which elements are within their limits.
        """
        truth = np.asarray(keras).dtype == np.bool_
        keras = np.asarray(keras, dtype=np.float64)
        value, bound, variance, limit = taken_apart(expected)
        if keras.shape != value.shape:  # never subtract: shapes that differ may still broadcast
            value, bound, variance = np.full(keras.shape, np.nan), np.zeros(keras.shape), np.zeros(keras.shape)
        deviation = np.sqrt(variance)
        deviation += FAINTEST
        allowed = limit * deviation
        allowed = np.minimum(allowed, bound, out=allowed)
        with np.errstate(invalid="ignore", over="ignore"):
            residual = np.abs(keras - value)
            unknown: Any = False
            if not residual.max(initial=0) < inf:
                residual = self.beyond_numbers(keras, value, bound, residual)
                # Keras's own range may have ended on the way. What becomes of NaN is no matter then: some of TensorFlow's
                # kernels give 0 for relu(NaN). Where it has not, a NaN of the replay is its own.
                lost = isinstance(expected, Rounded) and expected.beyond
                unknown = np.isinf(allowed) & (lost | ~np.isnan(value))
                if widens and lost:  # on a long way NaN gets anywhere, also through functions that are bounded
                    unknown = unknown | ~np.isfinite(keras)
                residual = np.where(unknown, 0, residual)
                allowed = np.where(np.isfinite(allowed), allowed, 0)
            ratio = over_limit(residual, allowed)
            wrong = np.broadcast_to(np.False_, residual.shape)
            if not ratio.max(initial=0) < 1:
                wrong = ~(residual <= allowed)
                # Where it is a mismatch already nothing that is looked at again can change that.
                if (
                    again is not None
                    and self.first is None
                    and (wrong if widens else wrong & (residual <= bound)).any()
                ):
                    over = np.where(wrong & (widens | (residual <= bound)), residual / np.maximum(allowed, FAINTEST), 0)
                    bound, allowed, deviation = looked_at_again(again, over, residual, allowed, bound, deviation)
                    ratio, wrong = over_limit(residual, allowed), ~(residual <= allowed)
            top = float(ratio.max(initial=0))
            if limit * top > self.worst_deviation:  # no residual is more deviations than that
                deviations = np.fmax.reduce(residual / deviation, axis=None, initial=0)
                self.worst_deviation = max(self.worst_deviation, float(deviations))
            told = np.ones_like(value) if truth else value  # instead of a truth value there is only the other one
            self.seen[tensor] = self.seen.get(tensor, NOTHING).and_of(seen_in(told, allowed, unknown, self.largest))
        self.max_residual = max(self.max_residual, float(residual.max(initial=0)))
        self.worst_ratio = max(self.worst_ratio, top)
        if thin is not None:
            self.sides.setdefault(tensor, Systematic(thin, limit)).add(keras, value, variance)
        if wrong.any():
            place = self.place(keras, value, residual, allowed, bound, np.where(wrong, ratio, -1.0), start)
            if self.first is None or (self.walk == tensor[0] is not None and earlier(place, self.first)):
                self.walk, self.first = tensor[0], place
        self.keep(tensor, start, keras, value, allowed, ratio)
        within: Array = ~wrong
        return within

    def keep(self, tensor: Tensor, start: int | None, keras: Array, value: Array, allowed: Array, ratio: Array) -> None:
        """For who draws pictures of it (`pictured`): a verdict needs none."""

    def err_to_one_side(self, tensor: Tensor, side: Side, timesteps: int) -> None:
        """No step is beyond its limit, but those of a unit are off by too much together."""
        self.walk, self.to_one_side = tensor[0], True
        self.max_residual = max(self.max_residual, side.mean)
        self.worst_ratio = max(self.worst_ratio, side.mean / side.allowed)
        self.first = Divergence(
            layer=self.node,
            timestep=timesteps - 1,
            sample=side.sample,
            unit=side.unit,
            gate=None,
            keras=side.keras,
            replay=side.replay,
            residual=side.mean,
            allowed=side.allowed,
            certain=False,
        )

    def beyond_numbers(self, keras: Array, value: Array, bound: Array, residual: Array) -> Array:
        """Residuals where some are not finite: the same NaN or infinity is none, another an infinite one."""
        overflows = (np.abs(value) + bound > self.largest) & (np.sign(keras) == np.sign(value))
        same = (keras == value) | (np.isnan(keras) & np.isnan(value)) | (np.isinf(keras) & overflows)
        return np.where(same, 0.0, np.where(np.isfinite(residual), residual, inf))

    def place(
        self, keras: Array, value: Array, residual: Array, allowed: Array, bound: Array, ratio: Array, start: int | None
    ) -> Divergence:
        """The earliest timestep at which something is wrong, and the worst element of it."""
        if start is not None:
            wrong_at = (ratio >= 0).any(axis=tuple(axis for axis in range(ratio.ndim) if axis != 1))
            ratio = ratio.copy()
            ratio[:, np.arange(ratio.shape[1]) != np.argmax(wrong_at)] = -1.0
        index = np.unravel_index(int(np.argmax(ratio)), ratio.shape)
        return Divergence(
            layer=self.node,
            timestep=None if start is None else start + int(index[1]),
            sample=int(index[0]),
            unit=int(index[-1]),
            gate=None,
            keras=float(keras[index]),
            replay=float(value[index]),
            residual=float(residual[index]),
            allowed=float(allowed[index]),
            certain=bool(residual[index] > bound[index]),
        )


def earlier(one: Divergence, other: Divergence) -> bool:
    """Whether one is at an earlier timestep: the states of a step are looked at one after the other."""
    return one.timestep is not None and other.timestep is not None and one.timestep < other.timestep


def looked_at_again(
    again: SecondLook, over: Array, residual: Array, allowed: Array, bound: Array, deviation: Array
) -> tuple[Array, Array, Array]:
    """Bounds, limits and deviations after a second look, which only widens them.

    It may stop at the rows that are worst. Where those are excused the rest is, as far as it is off no more than they are.
    """
    over = np.where(np.isfinite(over), over, 0)
    if not over.any():
        return bound, allowed, deviation
    rows, made = again(over)
    bound, allowed, deviation = bound.copy(), allowed.copy(), deviation.copy()
    bound[rows] = np.maximum(bound[rows], made.bound)
    wider = np.maximum(deviation[rows], np.sqrt(made.variance))
    deviation[rows] = wider
    allowed[rows] = np.minimum(made.precision.limit * wider, bound[rows])
    if (residual[rows] <= allowed[rows]).all():
        rest = over > 0
        rest[rows] = False
        allowed = np.where(rest, np.maximum(allowed, residual), allowed)
    return bound, allowed, deviation


def fits(keras: Array, expected: Any) -> bool:
    """Whether every element is within its limit, before any second look."""
    value, bound, variance, limit = taken_apart(expected)
    if keras.shape != value.shape:
        return False
    near = np.abs(np.asarray(keras, dtype=np.float64) - value) <= np.minimum(limit * np.sqrt(variance), bound)
    return bool((near | (keras == value) | (np.isnan(keras) & np.isnan(value))).all())


def over_limit(residual: Array, allowed: Array) -> Array:
    """How many times its limit each residual is; infinitely many where none is allowed."""
    if allowed.min(initial=1.0) > 0:
        return residual / allowed
    return np.divide(residual, allowed, out=np.where(residual > 0, inf, 0.0), where=allowed > 0)


def taken_apart(expected: Any) -> tuple[Array, Array, Array, float]:
    """The value, the bound and the variance of numbers, and how many standard deviations may lie between two right ones."""
    if isinstance(expected, Rounded):
        return expected.value, expected.bound, expected.variance, expected.precision.limit
    nothing = np.broadcast_to(np.float64(0), expected.shape)
    return np.asarray(expected, dtype=np.float64), nothing, nothing, LIMIT
