"""Dense: y = activation(x W + b), along the last axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from rnnverify.layers.activations import MIXING, ActivationFunction, linear
from rnnverify.layers.arguments import Inert, Regularizer, Size
from rnnverify.layers.layer import Call, Layer, Masked, Outputs, Shape


@dataclass(frozen=True)
class Dense(Layer):
    units: Size
    activation: ActivationFunction = linear
    use_bias: bool = True

    weights = MappingProxyType({"kernel": "glorot_uniform", "bias": "zeros"})
    inert = MappingProxyType({"activity_regularizer": Inert(Regularizer)})
    fixed = MappingProxyType({"quantization_config": None})
    pointwise = True

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        return [(*inputs[0][:-1], self.units)]

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        shapes: dict[str, Shape] = {"kernel": (inputs[0][-1], self.units), "bias": (self.units,)}
        return {name: shapes[name] for name in self.weight_names}

    @property
    def columnwise(self) -> bool:
        return self.activation not in MIXING

    def __call__(self, call: Call) -> Outputs:
        x, mask = call.x
        kernel, *bias = call.weights
        y = x @ kernel
        if self.use_bias:
            y = y + bias[0]
        return (Masked(self.activation(y), mask),)
