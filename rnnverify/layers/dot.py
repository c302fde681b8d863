"""Dot: inner products of two inputs along one axis of each, for each sample; cosines of them where `normalize` is set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from rnnverify.layers.arguments import Axes, for_each
from rnnverify.layers.arrays import Array
from rnnverify.layers.layer import Call, Layer, Masked, MisfitError, Outputs, Shape
from rnnverify.layers.unit_normalization import of_unit_length


@dataclass(frozen=True)
class Dot(Layer):
    axes: Axes
    normalize: bool = False

    several_inputs = True
    distributes = False

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        axes = for_each(self.axes, 2)
        if len(inputs) != 2 or len(axes) != 2:
            raise MisfitError("inputs: [a, b], two earlier layers for Dot, and one axis or one for each")
        rests, lengths = [], []
        for shape, axis in zip(inputs, axes, strict=True):
            place = axis if axis > 0 else axis + len(shape) + 1  # Keras counts the samples' axis
            if not 1 <= place <= len(shape):
                raise MisfitError(f"an axis of {shape}, where 1 is the first after the samples; got {axis}", "axes")
            rests.append(shape[: place - 1] + shape[place:])
            lengths.append(shape[place - 1])
        if lengths[0] != lengths[1]:
            raise MisfitError(f"as many numbers along both axes; what comes in is {inputs[0]} and {inputs[1]}", "axes")
        return [(*rests[0], *rests[1]) or (1,)]

    @property
    def tied_to_time(self) -> bool:
        return True  # what is summed, or left, may be the timesteps

    def __call__(self, call: Call) -> Outputs:
        x, y = (last(given.values, axis) for given, axis in zip(call.inputs, for_each(self.axes, 2), strict=True))
        if self.normalize:
            x, y = of_unit_length(x), of_unit_length(y)
        left = (*x.shape[1:-1], *y.shape[1:-1]) or (1,)
        made = folded(x) @ np.swapaxes(folded(y), 1, 2)
        return (Masked(made.reshape(len(x), *left)),)


def last(x: Array, axis: int) -> Array:
    """With an axis behind all others."""
    place = axis % x.ndim
    return np.transpose(x, (*(other for other in range(x.ndim) if other != place), place))


def folded(x: Array) -> Array:
    """(N, ..., n) to (N, the rest, n)."""
    return x.reshape(len(x), prod(x.shape[1:-1]), x.shape[-1])
