"""RepeatVector: (N, D) to (N, n, D), each sample's vector n times in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnverify.layers.arguments import Size
from rnnverify.layers.layer import Call, Layer, Masked, Outputs, Shape
from rnnverify.layers.ranks import VECTOR


@dataclass(frozen=True)
class RepeatVector(Layer):
    n: Size

    rank = VECTOR

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        return [(self.n, *inputs[0])]

    def __call__(self, call: Call) -> Outputs:
        x, _ = call.x
        return (Masked(np.repeat(x[:, np.newaxis], self.n, axis=1)),)
