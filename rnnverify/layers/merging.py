"""Layers that make one tensor of several, element by element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

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

    def merged(self, values: Sequence[Array]) -> Array:
        """The values of one shape, or of shapes that broadcast, made one."""
        raise NotImplementedError

    def __call__(self, call: Call) -> Outputs:
        values = [x.values for x in call.inputs]
        rank = max(x.ndim for x in values)
        # A vector beside a sequence stands at each of its timesteps.
        alike = [x.reshape(len(x), *(1,) * (rank - x.ndim), *x.shape[1:]) for x in values]
        masks = [x.mask for x in call.inputs if x.mask is not None]
        # A step is kept where any input keeps it; where one has no mask, there is none any more.
        mask = np.any(np.stack(masks), axis=0) if len(masks) == len(values) else None
        return (Masked(self.merged(alike), mask),)


@dataclass(frozen=True)
class Add(Merging):
    """Add: the sum of its inputs."""

    def merged(self, values: Sequence[Array]) -> Array:
        return reduce(np.add, values)


@dataclass(frozen=True)
class Subtract(Merging):
    """Subtract: the first input less the second."""

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        if len(inputs) != 2:
            raise MisfitError("inputs: [a, b], two earlier layers for Subtract")
        return super().shapes(inputs)

    def merged(self, values: Sequence[Array]) -> Array:
        x, y = values
        return x - y


@dataclass(frozen=True)
class Multiply(Merging):
    """Multiply: the product of its inputs, element by element."""

    def merged(self, values: Sequence[Array]) -> Array:
        return reduce(np.multiply, values)


@dataclass(frozen=True)
class Average(Merging):
    """Average: the mean of its inputs."""

    def merged(self, values: Sequence[Array]) -> Array:
        return reduce(np.add, values) / len(values)


@dataclass(frozen=True)
class Maximum(Merging):
    """Maximum: the largest of its inputs, element by element."""

    def merged(self, values: Sequence[Array]) -> Array:
        return reduce(np.maximum, values)


@dataclass(frozen=True)
class Minimum(Merging):
    """Minimum: the smallest of its inputs, element by element."""

    def merged(self, values: Sequence[Array]) -> Array:
        return reduce(np.minimum, values)
