"""Layers that put numbers in other places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from types import MappingProxyType

import numpy as np

from rnnverify.layers.arguments import Ends, Order, Size, Target, for_each
from rnnverify.layers.arrays import Array
from rnnverify.layers.layer import Call, Layer, Masked, MisfitError, Outputs, Shape
from rnnverify.layers.ranks import SEQUENCE


@dataclass(frozen=True)
class Moving(Layer):
    def moved(self, x: Array) -> Array:
        """The input's numbers, some of them, or with zeros between them, in other places."""
        raise NotImplementedError

    def __call__(self, call: Call) -> Outputs:
        return (Masked(self.moved(call.x.values)),)  # a mask ends here


@dataclass(frozen=True)
class Reshape(Moving):
    """Reshape: the same numbers in another shape, last axis fastest."""

    target_shape: Target

    @property
    def tied_to_time(self) -> bool:
        return True

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        there, known = prod(inputs[0]), prod(size for size in self.target_shape if size != -1)
        free = self.target_shape.count(-1)
        if 0 in self.target_shape or free > 1 or there % known or (not free and there != known):
            raise MisfitError(f"a target_shape of the {there} numbers of {inputs[0]}", "target_shape")
        return [tuple(there // known if size == -1 else size for size in self.target_shape)]

    def moved(self, x: Array) -> Array:
        return x.reshape(len(x), *self.shapes([x.shape[1:]])[0])


@dataclass(frozen=True)
class Permute(Moving):
    """Permute: the axes after the samples' in another order."""

    dims: Order

    @property
    def tied_to_time(self) -> bool:
        return True

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        if sorted(self.dims) != list(range(1, len(inputs[0]) + 1)):
            raise MisfitError(f"each axis of {inputs[0]} once, from 1 to {len(inputs[0])}", "dims")
        return [tuple(inputs[0][axis - 1] for axis in self.dims)]

    def moved(self, x: Array) -> Array:
        return np.transpose(x, (0, *self.dims))


@dataclass(frozen=True)
class Cropping1D(Moving):
    """Cropping1D: a sequence without some timesteps at its ends."""

    cropping: Ends = (1, 1)

    rank = SEQUENCE

    @property
    def ends(self) -> tuple[int, int]:
        """How many steps go at the start, and at the end."""
        return both_ends(self.cropping, "cropping")

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        timesteps, features = inputs[0]
        if sum(self.ends) >= timesteps:
            raise MisfitError(f"fewer steps to crop than the {timesteps} that come in", "cropping")
        return [(timesteps - sum(self.ends), features)]

    def moved(self, x: Array) -> Array:
        start, end = self.ends
        return x[:, start : x.shape[1] - end]


@dataclass(frozen=True)
class ZeroPadding1D(Moving):
    """ZeroPadding1D: a sequence with timesteps of zeros at its ends."""

    padding: Ends = 1

    fixed = MappingProxyType({"data_format": "channels_last"})
    rank = SEQUENCE

    @property
    def ends(self) -> tuple[int, int]:
        """How many steps are added at the start, and at the end."""
        return both_ends(self.padding, "padding")

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        timesteps, features = inputs[0]
        return [(timesteps + sum(self.ends), features)]

    def moved(self, x: Array) -> Array:
        return padded(x, *self.ends)


@dataclass(frozen=True)
class UpSampling1D(Moving):
    """UpSampling1D: each timestep several times in a row."""

    size: Size = 2

    rank = SEQUENCE

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        timesteps, features = inputs[0]
        return [(timesteps * self.size, features)]

    def moved(self, x: Array) -> Array:
        return np.repeat(x, self.size, axis=1)


def both_ends(value: int | tuple[int, ...], argument: str) -> tuple[int, int]:
    """A number for each end of the time axis."""
    ends = for_each(value, 2)
    if len(ends) != 2:
        raise MisfitError("one number, or one for the start and one for the end", argument)
    return ends[0], ends[1]


def padded(x: Array, start: int, end: int, axis: int = 1) -> Array:
    """Zeros before and after what stands along an axis."""
    before, after = (np.zeros((*x.shape[:axis], count, *x.shape[axis + 1 :])) for count in (start, end))
    return np.concatenate([before, x, after], axis=axis)
