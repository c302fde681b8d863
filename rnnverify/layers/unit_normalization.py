"""UnitNormalization: each vector over its Euclidean length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnverify.errors import UnsupportedError
from rnnverify.layers.arguments import Axis
from rnnverify.layers.arrays import Array
from rnnverify.layers.layer import Call, Layer, Masked, Outputs

SHORTEST = 1e-12  # the length that a shorter vector is divided by


@dataclass(frozen=True)
class UnitNormalization(Layer):
    axis: Axis = -1

    def __call__(self, call: Call) -> Outputs:
        x, mask = call.x
        if self.axis in (0, -x.ndim):
            raise UnsupportedError("UnitNormalization: lengths over the samples are not implemented by the replay")
        return (Masked(of_unit_length(x, self.axis), mask),)


def of_unit_length(x: Array, axis: int = -1) -> Array:
    """Vectors along an axis, each over its length."""
    return x / np.maximum(np.sqrt(np.sum(x * x, axis=axis, keepdims=True)), SHORTEST)
