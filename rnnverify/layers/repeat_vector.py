"""RepeatVector: (N, D) to (N, n, D), each sample's vector n times in a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnverify.layers.layer import Call, Layer, Masked, Outputs


@dataclass(frozen=True)
class RepeatVector(Layer):
    n: int

    def __call__(self, call: Call) -> Outputs:
        x, _ = call.x
        return (Masked(np.repeat(x[:, np.newaxis], self.n, axis=1)),)
