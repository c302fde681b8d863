"""What Keras emitted beside what was expected of it: how far off, and where first beyond the limit."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.results import Divergence
from rnnverify.rounding import LIMIT, Rounded

# A standard deviation below this has a variance that underflows, in float64 where we compute it.
FAINTEST = 1e-150


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

    def add(self, keras: Array, expected: Any, start: int | None = None, walk: int | None = None) -> None:
        """Compare what Keras emitted with what was expected of it.

        Args:
            keras: (N, ..., units); where there is time, its axis is the second.
            expected: the same as Rounded numbers, or as a plain array where nothing rounds.
            start: the timestep that the first one given here is; None where there is no time.
            walk: which walk through time they belong to.
        """
        keras = np.asarray(keras, dtype=np.float64)
        value, bound, variance = taken_apart(expected)
        if keras.shape != value.shape:  # never subtract: shapes that differ may still broadcast
            value, bound, variance = np.full(keras.shape, np.nan), np.zeros(keras.shape), np.zeros(keras.shape)
        deviation = np.sqrt(variance) + FAINTEST
        allowed = np.minimum(LIMIT * deviation, bound)
        with np.errstate(invalid="ignore", over="ignore"):
            residual = np.abs(keras - value)
            if not np.isfinite(residual).all():
                residual = self.beyond_numbers(keras, value, bound, residual)
                # Keras's own range may have ended on the way. What becomes of NaN is no matter then: some of TensorFlow's
                # kernels give 0 for relu(NaN). Where it has not, a NaN of the replay is its own.
                lost = isinstance(expected, Rounded) and expected.beyond
                unknown = np.isinf(allowed) & (lost | ~np.isnan(value))
                residual = np.where(unknown, 0, residual)
                allowed = np.where(np.isfinite(allowed), allowed, 0)
            wrong = ~(residual <= allowed)
            if allowed.min(initial=1.0) > 0:
                ratio = residual / allowed
            else:
                ratio = np.divide(residual, allowed, out=np.where(residual > 0, inf, 0.0), where=allowed > 0)
            deviations = np.fmax.reduce(residual / deviation, axis=None, initial=0)
        self.worst_deviation = max(self.worst_deviation, float(deviations))
        self.max_residual = max(self.max_residual, float(residual.max(initial=0)))
        self.worst_ratio = max(self.worst_ratio, float(ratio.max(initial=0)))
        if wrong.any() and self.first is None:
            self.walk = walk
            self.first = self.place(keras, value, residual, allowed, bound, np.where(wrong, ratio, -1.0), start)

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


def taken_apart(expected: Any) -> tuple[Array, Array, Array]:
    if isinstance(expected, Rounded):
        return expected.value, expected.bound, expected.variance
    nothing = np.broadcast_to(np.float64(0), expected.shape)
    return np.asarray(expected, dtype=np.float64), nothing, nothing
