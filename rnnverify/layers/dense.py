"""Dense: y = activation(x W + b), along the last axis."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from rnnverify.layers.activations import Activation
from rnnverify.layers.layer import TRAINING, Call, Layer, Masked, Outputs


@dataclass(frozen=True)
class Dense(Layer):
    units: int
    activation: Activation
    use_bias: bool

    inert = TRAINING
    pointwise = True
    fixed = MappingProxyType({"quantization_config": None})

    @property
    def weight_count(self) -> int:
        return 2 if self.use_bias else 1

    def __call__(self, call: Call) -> Outputs:
        x, mask = call.x
        kernel, *bias = call.weights
        y = x @ kernel
        if self.use_bias:
            y = y + bias[0]
        return (Masked(self.activation(y), mask),)
