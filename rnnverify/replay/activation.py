"""Activation: a function applied as a layer."""

from __future__ import annotations

from dataclasses import dataclass

from rnnverify.replay.activations import activation
from rnnverify.replay.layer import Call, Layer, Masked, Outputs


@dataclass(frozen=True)
class Activation(Layer):
    activation: str

    def __call__(self, call: Call) -> Outputs:
        x, mask = call.x
        return (Masked(activation(self.activation)(x), mask),)
