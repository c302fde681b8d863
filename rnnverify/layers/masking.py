"""Masking: a step is masked, and its values set to zero, where all its features equal mask_value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnverify.layers.arguments import Real
from rnnverify.layers.layer import Call, Layer, Masked, Outputs
from rnnverify.layers.ranks import SEQUENCE
from rnnverify.observation.precision import rounded


@dataclass(frozen=True)
class Masking(Layer):
    mask_value: Real = 0.0

    rank = SEQUENCE
    pointwise = True
    distributes = False

    def __call__(self, call: Call) -> Outputs:
        x, _ = call.x
        # Keras takes the number in float32, whatever the layer's own precision, and compares exactly: a step of 0.1
        # is masked by mask_value=0.1 in float32, and is not in float16 or float64, where 0.1 is another number.
        mask = np.any(x != rounded(np.asarray(self.mask_value), "float32"), axis=-1)
        return (Masked(np.where(mask[..., np.newaxis], x, 0), mask),)
