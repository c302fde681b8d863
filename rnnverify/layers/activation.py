"""Activation: a function applied as a layer."""

from __future__ import annotations

from dataclasses import dataclass

from rnnverify.layers import activations
from rnnverify.layers.layer import Call, Layer, Masked, Outputs


@dataclass(frozen=True)
class Activation(Layer):
    activation: activations.Activation

    pointwise = True

    def __call__(self, call: Call) -> Outputs:
        x, mask = call.x
        return (Masked(self.activation(x), mask),)
