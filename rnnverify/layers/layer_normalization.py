"""LayerNormalization: gamma (x - mean) / sqrt(variance + epsilon) + beta, with the mean and variance over a sample's axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from types import MappingProxyType

from rnnverify.layers.arguments import Axes
from rnnverify.layers.arrays import Array, numbers_of, sum_over
from rnnverify.layers.layer import Call, Masked, MisfitError, Outputs, Shape
from rnnverify.layers.normalizing import Normalizing


@dataclass(frozen=True)
class LayerNormalization(Normalizing):
    axis: Axes = -1

    fixed = MappingProxyType({"rms_scaling": False})

    def axes(self, rank: int) -> tuple[int, ...]:
        """Its axes in order, the samples' counted, of a tensor of so many."""
        given = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        return tuple(sorted(axis % rank for axis in given))

    @property
    def tied_to_time(self) -> bool:
        return self.axis != -1 and self.axis != (-1,)

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        rank = len(inputs[0]) + 1
        given = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        axes = self.axes(rank)
        if 0 in axes or len(set(axes)) < len(axes) or not all(-rank <= axis < rank for axis in given):
            raise MisfitError(f"axes of {inputs[0]}, where 1 is the first after the samples", "axis")
        return [inputs[0]]

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        return {
            name: tuple(inputs[0][axis - 1] for axis in self.axes(len(inputs[0]) + 1)) for name in self.weight_names
        }

    def __call__(self, call: Call) -> Outputs:
        x, mask = call.x
        axes = self.axes(x.ndim)
        across = [size if axis in axes else 1 for axis, size in enumerate(x.shape)]
        given = {name: array.reshape(across) for name, array in zip(self.weight_names, call.weights, strict=True)}
        return (Masked(self.normalized(x, *moments(x, axes), given), mask),)


def moments(x: Array, axes: Sequence[int]) -> tuple[Array, Array]:
    """The mean and the variance over some axes."""
    mean = mean_over(x, axes)
    away = x - mean
    slip = mean - numbers_of(mean)  # zero, but for the mean's own error: it is the same in every term
    return mean, mean_over(away * away, axes) + slip * slip


def mean_over(x: Array, axes: Sequence[int]) -> Array:
    """The mean over some axes, each of which is kept, with one number."""
    return sum_over(x, axes) / prod(x.shape[axis] for axis in axes)
