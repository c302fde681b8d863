"""Flatten: every axis but the samples' into one, last axis fastest."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from rnnverify.layers.layer import Call, Layer, Masked, Outputs


@dataclass(frozen=True)
class Flatten(Layer):
    fixed = MappingProxyType({"data_format": "channels_last"})

    def __call__(self, call: Call) -> Outputs:
        x, _ = call.x
        return (Masked(x.reshape(len(x), -1)),)
