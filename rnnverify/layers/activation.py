"""Activation: a function applied as a layer."""

from __future__ import annotations

from dataclasses import dataclass

from rnnverify.layers.activations import ActivationFunction
from rnnverify.layers.layer import Call, Layer, Masked, Outputs


@dataclass(frozen=True)
class Activation(Layer):
    activation: ActivationFunction

    pointwise = True

    def __call__(self, call: Call) -> Outputs:
        x, mask = call.x
        return (Masked(self.activation(x), mask),)
