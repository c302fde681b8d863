"""Layers that make one tensor of several, element by element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from rnnverify.errors import UnsupportedError
from rnnverify.layers.arrays import Array
from rnnverify.layers.layer import Call, Layer, Masked, MisfitError, Outputs, Shape


@dataclass(frozen=True)
class Merging(Layer):
    several_inputs = True
    distributes = False

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        if len(inputs) < 2:
            raise MisfitError(f"inputs: [a, b], at least two earlier layers for {type(self).__name__}")
        rank = max(map(len, inputs))
        padded = [(1,) * (rank - len(shape)) + shape for shape in inputs]
        joint = tuple(map(max, zip(*padded, strict=True)))
        if any(size not in (1, whole) for shape in padded for size, whole in zip(shape, joint, strict=True)):
            raise MisfitError(f"inputs of one shape; what comes in is {' and '.join(map(str, inputs))}")
        return [joint]

    def merged(self, inputs: Sequence[Masked]) -> Array:
        """The values of one shape, or of shapes that broadcast, made one."""
        raise NotImplementedError

    def __call__(self, call: Call) -> Outputs:
        masks = [x.mask for x in call.inputs if x.mask is not None]
        rank = max(x.values.ndim for x in call.inputs)
        if masks and any(x.values.ndim < rank for x in call.inputs):
            raise UnsupportedError(
                f"{type(self).__name__}: masks beside a tensor with fewer axes are not implemented by the replay"
            )
        # A vector beside a sequence stands at each of its timesteps.
        inputs = [x._replace(values=with_axes(x.values, rank)) for x in call.inputs]
        # A step is kept where any input keeps it; where one has no mask, there is none any more.
        mask = np.any(np.stack(masks), axis=0) if len(masks) == len(inputs) else None
        return (Masked(self.merged(inputs), mask),)


def with_axes(x: Array, rank: int) -> Array:
    """With so many axes, of which the new ones stand behind the samples'."""
    return x.reshape(len(x), *(1,) * (rank - x.ndim), *x.shape[1:])


def wide(mask: Array | None, like: Array) -> Array | None:
    """A mask with an axis for the features."""
    return None if mask is None else mask.reshape(*mask.shape, *(1,) * (like.ndim - mask.ndim))


@dataclass(frozen=True)
class Add(Merging):
    """Add: the sum of its inputs."""

    def merged(self, inputs: Sequence[Masked]) -> Array:
        return reduce(np.add, [x.values for x in inputs])


@dataclass(frozen=True)
class Subtract(Merging):
    """Subtract: the first input less the second."""

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        if len(inputs) != 2:
            raise MisfitError("inputs: [a, b], two earlier layers for Subtract")
        return super().shapes(inputs)

    def merged(self, inputs: Sequence[Masked]) -> Array:
        x, y = inputs
        return x.values - y.values


@dataclass(frozen=True)
class Multiply(Merging):
    """Multiply: the product of its inputs, element by element; without those that are masked there, and zero without any."""

    def merged(self, inputs: Sequence[Masked]) -> Array:
        masks = [wide(x.mask, x.values) for x in inputs]
        kept = [
            x.values if mask is None else np.where(mask, x.values, 1.0) for x, mask in zip(inputs, masks, strict=True)
        ]
        product = reduce(np.multiply, kept)
        there = [mask for mask in masks if mask is not None]
        return np.where(np.any(np.stack(there), axis=0), product, 0.0) if len(there) == len(inputs) else product


@dataclass(frozen=True)
class Average(Merging):
    """Average: the mean of its inputs."""

    def merged(self, inputs: Sequence[Masked]) -> Array:
        return reduce(np.add, [x.values for x in inputs]) / len(inputs)


@dataclass(frozen=True)
class Choosing(Merging):
    """The largest or the smallest; of two inputs of which one is masked the other, of two masked ones the first."""

    def chosen(self, x: Array, y: Array) -> Array:
        """One of two, element by element."""
        raise NotImplementedError

    def merged(self, inputs: Sequence[Masked]) -> Array:
        first, *rest = inputs
        values, mask = first.values, wide(first.mask, first.values)
        for x in rest:
            kept = wide(x.mask, x.values)
            other = x.values if kept is None else np.where(kept, x.values, values)
            values = self.chosen(values if mask is None else np.where(mask, values, other), other)
            mask = None if mask is None or kept is None else mask | kept
        return values


@dataclass(frozen=True)
class Maximum(Choosing):
    """Maximum: the largest of its inputs, element by element, of those that are not masked there."""

    def chosen(self, x: Array, y: Array) -> Array:
        return np.maximum(x, y)


@dataclass(frozen=True)
class Minimum(Choosing):
    """Minimum: the smallest of its inputs, element by element, of those that are not masked there."""

    def chosen(self, x: Array, y: Array) -> Array:
        return np.minimum(x, y)
