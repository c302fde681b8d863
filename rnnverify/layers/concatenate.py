"""Concatenate: several tensors along one axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnverify.errors import UnsupportedError
from rnnverify.layers.arrays import Array
from rnnverify.layers.layer import Call, Layer, Masked, Outputs


@dataclass(frozen=True)
class Concatenate(Layer):
    axis: int

    def __call__(self, call: Call) -> Outputs:
        inputs = call.inputs
        if any(x.mask is not None for x in inputs) and self.axis not in (-1, inputs[0].values.ndim - 1):
            raise UnsupportedError(f"Concatenate: axis={self.axis} over masked inputs is not implemented by the replay")
        return (Masked(np.concatenate([x.values for x in inputs], axis=self.axis), joint_mask(inputs)),)


def joint_mask(inputs: Sequence[Masked]) -> Array | None:
    """A step is kept where any input keeps it; an input without a mask keeps every step."""
    masks = [x.mask for x in inputs]
    if all(mask is None for mask in masks):
        return None
    kept = [np.ones(x.values.shape[:-1], dtype=bool) if x.mask is None else x.mask for x in inputs]
    return np.any(np.stack(kept), axis=0)
