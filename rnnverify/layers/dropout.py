"""Dropout: nothing at inference."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from rnnverify.layers.arguments import REQUIRED, Inert, Rate, Seed
from rnnverify.layers.layer import Call, Layer, Outputs


@dataclass(frozen=True)
class Dropout(Layer):
    inert = MappingProxyType({"rate": Inert(Rate, REQUIRED), "noise_shape": Inert(), "seed": Inert(Seed)})
    pointwise = True

    def __call__(self, call: Call) -> Outputs:
        return (call.x,)
