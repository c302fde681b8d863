"""Softmax: exponentials along an axis, over their sum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnverify.errors import UnsupportedError
from rnnverify.layers.activations import softmax
from rnnverify.layers.arguments import Axis
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
        return (Masked(np.swapaxes(softmax(np.swapaxes(x, self.axis, -1)), self.axis, -1), mask),)
