"""Masking: a step is masked, and its values set to zero, where all its features equal mask_value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnverify.precision import compute_dtype, rounded
from rnnverify.replay.layer import Call, Config, Layer, Masked, Outputs


@dataclass(frozen=True)
class Masking(Layer):
    mask_value: float
    dtype: Config  # the comparison takes place in the layer's own precision: 0.1 is another number in float32

    def __call__(self, call: Call) -> Outputs:
        x, _ = call.x
        value: Any = rounded(np.asarray(self.mask_value), compute_dtype(self.dtype))
        mask = np.any(x != value, axis=-1)
        return (Masked(x * mask[..., np.newaxis], mask),)
