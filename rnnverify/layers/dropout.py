"""Layers that do nothing at inference."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from rnnverify.layers.arguments import REQUIRED, Inert, Rate, Real, Seed
from rnnverify.layers.layer import Call, Layer, Outputs
from rnnverify.layers.ranks import SEQUENCE


@dataclass(frozen=True)
class Identity(Layer):
    """Identity: its input."""

    pointwise = True

    def __call__(self, call: Call) -> Outputs:
        return (call.x,)


@dataclass(frozen=True)
class Dropout(Identity):
    """Dropout: nothing at inference."""

    inert = MappingProxyType({"rate": Inert(Rate, REQUIRED), "noise_shape": Inert(), "seed": Inert(Seed)})


@dataclass(frozen=True)
class AlphaDropout(Dropout):
    """AlphaDropout: nothing at inference."""


@dataclass(frozen=True)
class SpatialDropout1D(Identity):
    """SpatialDropout1D: nothing at inference."""

    inert = MappingProxyType({"rate": Inert(Rate, REQUIRED), "seed": Inert(Seed)})
    rank = SEQUENCE


@dataclass(frozen=True)
class GaussianDropout(Identity):
    """GaussianDropout: nothing at inference."""

    inert = MappingProxyType({"rate": Inert(Rate, REQUIRED), "seed": Inert(Seed)})


@dataclass(frozen=True)
class GaussianNoise(Identity):
    """GaussianNoise: nothing at inference."""

    inert = MappingProxyType({"stddev": Inert(Rate, REQUIRED), "seed": Inert(Seed)})


@dataclass(frozen=True)
class ActivityRegularization(Identity):
    """ActivityRegularization: nothing at inference."""

    inert = MappingProxyType({"l1": Inert(Real, 0.0), "l2": Inert(Real, 0.0)})
