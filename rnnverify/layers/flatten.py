"""Flatten: every axis but the samples' into one, last axis fastest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from types import MappingProxyType

from rnnverify.layers.layer import Call, Layer, Masked, Outputs, Shape


@dataclass(frozen=True)
class Flatten(Layer):
    fixed = MappingProxyType({"data_format": "channels_last"})

    @property
    def tied_to_time(self) -> bool:
        return True  # the weights of the layers after it depend on T

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        return [(prod(inputs[0]),)]

    def __call__(self, call: Call) -> Outputs:
        x, _ = call.x
        return (Masked(x.reshape(len(x), -1)),)
