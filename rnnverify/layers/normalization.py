"""Normalization: (x - mean) / sqrt(variance), with a mean and variance that were given, or seen in `adapt`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnverify.layers.arguments import MaybeAxes, MaybeNumbers
from rnnverify.layers.arrays import Array, in_float32
from rnnverify.layers.layer import Call, Layer, Masked, MisfitError, Outputs, Shape

SMALLEST = 1e-7  # the least that is divided by


@dataclass(frozen=True)
class Normalization(Layer):
    axis: MaybeAxes = -1
    mean: MaybeNumbers = None
    variance: MaybeNumbers = None
    invert: bool = False

    @property
    def seen(self) -> bool:
        """Whether mean and variance are weights, of what was seen."""
        return self.mean is None and self.variance is None

    @property
    def weight_names(self) -> tuple[str, ...]:
        return ("mean", "variance", "count") if self.seen else ()

    @property
    def tied_to_time(self) -> bool:
        return self.axis not in (None, -1, (-1,))

    def kept(self, rank: int) -> tuple[int, ...]:
        """The axes along which each place has numbers of its own, of a tensor of so many with its samples."""
        given = () if self.axis is None else self.axis if isinstance(self.axis, tuple) else (self.axis,)
        return tuple(sorted(axis % rank for axis in given))

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        if (self.mean is None) != (self.variance is None):
            raise MisfitError("both a mean and a variance, or neither", "mean" if self.mean is None else "variance")
        rank = len(inputs[0]) + 1
        if 0 in self.kept(rank):
            raise MisfitError(f"axes of {inputs[0]}, where 1 is the first after the samples", "axis")
        return [inputs[0]]

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        shape = tuple(inputs[0][axis - 1] for axis in self.kept(len(inputs[0]) + 1))
        return dict(zip(self.weight_names, (shape, shape, ()), strict=False))

    def weights_from(self, arrays: Sequence[Array]) -> Sequence[Array]:
        if self.seen:
            return arrays[:2]
        return [in_float32(numbers) for numbers in (self.mean, self.variance)]

    def __call__(self, call: Call) -> Outputs:
        x, mask = call.x
        kept = self.kept(x.ndim)
        across = [size if axis in kept else 1 for axis, size in enumerate(x.shape)]
        # One number that was given stands for all places.
        mean, variance = (one.reshape(across if one.shape else [1] * x.ndim) for one in call.weights)
        deviation = np.maximum(np.sqrt(variance), SMALLEST)
        return (Masked(mean + x * deviation if self.invert else (x - mean) / deviation, mask),)
