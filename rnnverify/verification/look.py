"""A look at some numbers that Keras emitted beside what was expected of them: which are within their limits.

It knows nothing of what was found elsewhere, so that several threads can take one each, of what they have just computed.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.rounding import LIMIT, Rounded
from rnnverify.verification.resolution import Seen, seen_in
from rnnverify.verification.systematic import Systematic

# A standard deviation below this has a variance that underflows, in float64 where we compute it.
FAINTEST = 1e-150

Rows = tuple[Array, ...]  # the samples, and where there is time the timesteps, of some rows
# Given how many times its limit each element is off, where the order of a sum may excuse it: those rows, looked at again.
SecondLook = Callable[[Array], tuple[Rows, Rounded]]


class Look:
    """How far numbers are off, all of one shape, (N, ..., units)."""

    def __init__(
        self, keras: Array, expected: Any, largest: float, thin: int | None = None, widens: bool = False
    ) -> None:
        """See `Tally.add` for what is given; `largest`: beyond this number Keras's precision has only infinity."""
        truth = np.asarray(keras).dtype == np.bool_
        self.keras: Array = np.asarray(keras, dtype=np.float64)
        self.value, self.bound, variance, self.limit = taken_apart(expected)
        if self.keras.shape != self.value.shape:  # never subtract: shapes that differ may still broadcast
            self.value, self.bound, variance = (np.full(self.keras.shape, fill) for fill in (np.nan, 0.0, 0.0))
        self.largest, self.widens = largest, widens
        self.told = np.ones_like(self.value) if truth else self.value  # there is only one other truth value
        self.deviation = np.sqrt(variance)
        self.deviation += FAINTEST
        self.allowed: Array = self.limit * self.deviation
        np.minimum(self.allowed, self.bound, out=self.allowed)
        self.unknown: Any = False
        with np.errstate(invalid="ignore", over="ignore"):
            self.residual: Array = np.abs(self.keras - self.value)
            self.farthest = float(self.residual.max(initial=0))
            if not self.farthest < inf:
                self.look_beyond_numbers(isinstance(expected, Rounded) and expected.beyond)
            self.compare()
        self.sides: Systematic | None = None
        if thin is not None:
            self.sides = Systematic.of(self.keras, self.value, variance, thin, self.limit)

    def look_beyond_numbers(self, lost: bool) -> None:
        """Where some are not finite.

        Args:
            lost: whether Keras's own range may have ended on the way. What becomes of NaN is no matter then: some of
                TensorFlow's kernels give 0 for relu(NaN). Where it has not, a NaN of the replay is its own.
        """
        residual = beyond_numbers(self.keras, self.value, self.bound, self.residual, self.largest)
        self.unknown = np.isinf(self.allowed) & (lost | ~np.isnan(self.value))
        if self.widens and lost:  # on a long way NaN gets anywhere, also through functions that are bounded
            self.unknown = self.unknown | ~np.isfinite(self.keras)
        self.residual = np.where(self.unknown, 0, residual)
        self.allowed = np.where(np.isfinite(self.allowed), self.allowed, 0)
        self.farthest = float(self.residual.max(initial=0))

    def compare(self) -> None:
        """Hold the residuals against the limits, and count what could have been seen."""
        residual = self.residual.astype(self.allowed.dtype, copy=False)
        self.ratio = over_limit(residual, self.allowed)
        self.worst = float(self.ratio.max(initial=0))
        self.doubtful = not self.worst < 1
        self.within: Array = residual <= self.allowed if self.doubtful else np.broadcast_to(np.True_, self.ratio.shape)
        self.deviations = float(np.fmax.reduce(residual / self.deviation, axis=None, initial=0))
        self.seen: Seen = seen_in(self.told, self.allowed, self.unknown, self.largest)

    def once_more(self, again: SecondLook) -> None:
        """Look again where a sum's order, or errors that are alike, may excuse what is beyond its limit and within its bound."""
        excusable = ~self.within if self.widens else ~self.within & (self.residual <= self.bound)
        if not excusable.any():
            return
        over = np.where(excusable, self.residual / np.maximum(self.allowed, FAINTEST), 0)
        made = looked_at_again(again, over, self.residual, self.allowed, self.bound, self.deviation)
        self.bound, self.allowed, self.deviation = made
        self.compare()

    def forget(self) -> None:
        """Keep what was counted, and none of the numbers: for a look that nobody needs to look at."""
        del self.keras, self.value, self.told, self.bound, self.deviation
        del self.allowed, self.residual, self.ratio, self.unknown


def beyond_numbers(keras: Array, value: Array, bound: Array, residual: Array, largest: float) -> Array:
    """Residuals where some are not finite: the same NaN or infinity is none, another an infinite one."""
    overflows = (np.abs(value) + bound > largest) & (np.sign(keras) == np.sign(value))
    same = (keras == value) | (np.isnan(keras) & np.isnan(value)) | (np.isinf(keras) & overflows)
    return np.where(same, 0.0, np.where(np.isfinite(residual), residual, inf))


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
