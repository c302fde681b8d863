"""Rescaling: x times a scale, and an offset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnverify.layers.arguments import Numbers
from rnnverify.layers.arrays import Array, in_float32
from rnnverify.layers.layer import Call, Layer, Masked, MisfitError, Outputs, Shape


@dataclass(frozen=True)
class Rescaling(Layer):
    scale: Numbers
    offset: Numbers = 0.0

    pointwise = True

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        for name in ("scale", "offset"):
            given = getattr(self, name)
            if isinstance(given, tuple) and len(given) not in (1, inputs[0][-1]):
                raise MisfitError(f"one number, or one for each of {inputs[0][-1]} features", name)
        return [inputs[0]]

    def weights_from(self, arrays: Sequence[Array]) -> Sequence[Array]:
        return [np.atleast_1d(in_float32(numbers)) for numbers in (self.scale, self.offset)]

    def __call__(self, call: Call) -> Outputs:
        x, mask = call.x
        scale, offset = call.weights
        return (Masked(x * scale + offset, mask),)
