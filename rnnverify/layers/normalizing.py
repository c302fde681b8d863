"""What normalizations have in common that learn a factor and an offset: gamma (x - mean) / sqrt(variance + epsilon) + beta."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from rnnverify.layers.arguments import Real
from rnnverify.layers.arrays import Array
from rnnverify.layers.layer import Layer


@dataclass(frozen=True, kw_only=True)
class Normalizing(Layer):
    epsilon: Real = 1e-3
    center: bool = True
    scale: bool = True

    weights = MappingProxyType({"gamma": "ones", "beta": "zeros"})
    at_least_single = True

    @property
    def weight_names(self) -> tuple[str, ...]:
        return tuple(name for name, there in (("gamma", self.scale), ("beta", self.center)) if there)

    def normalized(self, x: Array, mean: Array, variance: Array, learned: Mapping[str, Array]) -> Array:
        """The formula above, taken apart as libraries do it: where the mean is large, that rounds by more."""
        factor = learned.get("gamma", 1.0) / np.sqrt(variance + self.epsilon)
        return x * factor + (learned.get("beta", 0.0) - mean * factor)
