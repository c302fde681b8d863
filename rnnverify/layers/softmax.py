"""Softmax: exponentials along an axis, over their sum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnverify.errors import UnsupportedError
from rnnverify.layers.activations import softmax
from rnnverify.layers.arguments import Axis
from rnnverify.layers.arrays import Array
from rnnverify.layers.layer import Call, Layer, Masked, Outputs


@dataclass(frozen=True)
class Softmax(Layer):
    axis: Axis = -1

    heeds_mask = True

    def __call__(self, call: Call) -> Outputs:
        x, mask = call.x
        if mask is not None and call.masked:
            raise UnsupportedError(
                "Softmax: a mask, which Keras adds to what comes in, is not implemented by the replay"
            )
        return (Masked(softmax_along(x, self.axis), mask),)


def softmax_along(x: Array, axis: int) -> Array:
    """Exponentials along an axis, over their sum."""
    return np.swapaxes(softmax(np.swapaxes(x, axis, -1)), axis, -1)
