"""Concatenate: several tensors along one axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnverify.errors import UnsupportedError
from rnnverify.layers.arguments import Axis
from rnnverify.layers.arrays import Array
from rnnverify.layers.layer import Call, Layer, Masked, MisfitError, Outputs, Shape


@dataclass(frozen=True)
class Concatenate(Layer):
    axis: Axis = -1

    several_inputs = True
    distributes = False

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        if len(inputs) < 2:
            raise MisfitError("inputs: [a, b], at least two earlier layers to concatenate")
        rank = len(inputs[0])
        axis = self.axis - 1 if self.axis > 0 else rank + self.axis  # Keras counts the samples' axis
        rest = {shape[:axis] + shape[axis + 1 :] for shape in inputs}
        if self.axis == 0 or not 0 <= axis < rank or len(rest) > 1 or any(len(shape) != rank for shape in inputs):
            shapes = " and ".join(str(shape) for shape in inputs)
            raise MisfitError(f"inputs that agree on every axis but axis {self.axis}; what comes in is {shapes}")
        return [(*inputs[0][:axis], sum(shape[axis] for shape in inputs), *inputs[0][axis + 1 :])]

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
