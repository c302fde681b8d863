"""Dropout: nothing at inference."""

from __future__ import annotations

from dataclasses import dataclass

from rnnverify.layers.layer import Call, Layer, Outputs


@dataclass(frozen=True)
class Dropout(Layer):
    inert = frozenset({"rate", "noise_shape", "seed"})
    pointwise = True

    def __call__(self, call: Call) -> Outputs:
        return (call.x,)
