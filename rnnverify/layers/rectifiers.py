"""Layers that rectify: each maps a number by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from rnnverify.layers.arguments import MaybeAxes, MaybeReal, Real
from rnnverify.layers.arrays import Array, in_float32
from rnnverify.layers.layer import Call, Layer, Masked, Outputs, Shape


@dataclass(frozen=True)
class Rectifying(Layer):
    def rectified(self, x: Array, weights: Sequence[Array]) -> Array:
        """Each number by itself."""
        raise NotImplementedError

    def __call__(self, call: Call) -> Outputs:
        x, mask = call.x
        return (Masked(self.rectified(x, call.weights), mask),)


@dataclass(frozen=True)
class ReLU(Rectifying):
    """ReLU: x above a threshold, and at most max_value; from there down negative_slope times what it is below it."""

    max_value: MaybeReal = None
    negative_slope: Real = 0.0
    threshold: Real = 0.0

    pointwise = True

    def rectified(self, x: Array, weights: Sequence[Array]) -> Array:
        threshold = float(in_float32(self.threshold))  # what is compared; what is subtracted is not rounded
        above = x if self.max_value is None else np.minimum(x, float(in_float32(self.max_value)))
        plain = self.max_value is None and not threshold
        slope = float(in_float32(self.negative_slope)) if plain else self.negative_slope
        # NaN is NaN still, but where there is a threshold: as measured.
        nothing = 0.0 if threshold else np.minimum(np.maximum(x, 0), 0)
        below = slope * np.minimum(x - self.threshold, 0) if slope else nothing
        return np.where(x > threshold, above, below)


@dataclass(frozen=True)
class LeakyReLU(Rectifying):
    """LeakyReLU: x above zero, negative_slope times x below."""

    negative_slope: Real = 0.3

    pointwise = True

    def rectified(self, x: Array, weights: Sequence[Array]) -> Array:
        return leaky_relu(x, self.negative_slope)


@dataclass(frozen=True)
class ELU(Rectifying):
    """ELU: x above zero, alpha (e^x - 1) below."""

    alpha: Real = 1.0

    pointwise = True

    def rectified(self, x: Array, weights: Sequence[Array]) -> Array:
        return elu(x, self.alpha)


@dataclass(frozen=True)
class PReLU(Rectifying):
    """PReLU: x above zero, alpha x below, with an alpha for each place but along shared_axes."""

    shared_axes: MaybeAxes = None

    weights = MappingProxyType({"alpha": "zeros"})

    @property
    def shared(self) -> tuple[int, ...]:
        """The axes along which alpha is the same, the samples' counted."""
        axes = self.shared_axes
        return () if axes is None else axes if isinstance(axes, tuple) else (axes,)

    @property
    def tied_to_time(self) -> bool:
        return 1 not in self.shared

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        return {"alpha": tuple(1 if axis in self.shared else size for axis, size in enumerate(inputs[0], start=1))}

    def rectified(self, x: Array, weights: Sequence[Array]) -> Array:
        (alpha,) = weights
        return np.where(x > 0, x, alpha * x)


def leaky_relu(x: Array, negative_slope: float) -> Array:
    """x above zero, and so many times x below."""
    return np.where(x > 0, x, float(in_float32(negative_slope)) * x)


def elu(x: Array, alpha: float) -> Array:
    """x above zero, alpha (e^x - 1) below."""
    return np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))
