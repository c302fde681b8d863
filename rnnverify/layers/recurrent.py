"""What SimpleRNN, LSTM and GRU have in common: units, an activation, and what they multiply x and h with."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

import numpy as np

from rnnverify.layers.activations import MIXING, ActivationFunction, sigmoid
from rnnverify.layers.arguments import Inert, OneOf, Rate, Regularizer, Seed, Size
from rnnverify.layers.layer import Shape
from rnnverify.layers.ranks import SEQUENCE
from rnnverify.layers.walking import Walking


@dataclass(frozen=True)
class Recurrent(Walking, ABC):
    """A recurrent layer of the textbook."""

    units: Size
    activation: ActivationFunction = np.tanh
    use_bias: bool = True

    weights = MappingProxyType({"kernel": "glorot_uniform", "recurrent_kernel": "orthogonal", "bias": "zeros"})
    inert = MappingProxyType(
        {
            "activity_regularizer": Inert(Regularizer),
            "dropout": Inert(Rate, 0.0),
            "recurrent_dropout": Inert(Rate, 0.0),
            "seed": Inert(Seed),
        }
    )
    rank = SEQUENCE

    def state_shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        return [(self.units,) for _ in self.state_names]

    @property
    def width(self) -> int:
        return self.units

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        width = max(1, len(self.gate_names)) * self.units
        shapes: dict[str, Shape] = {
            "kernel": (inputs[0][-1], width),
            "recurrent_kernel": (self.units, width),
            "bias": (width,),
        }
        return {name: shapes[name] for name in self.weight_names}

    @property
    def columnwise(self) -> bool:
        return self.activation not in MIXING


@dataclass(frozen=True)
class Gated(Recurrent):
    """A recurrent layer with gates, which have an activation of their own."""

    recurrent_activation: ActivationFunction = sigmoid

    inert = MappingProxyType(
        {**Recurrent.inert, "use_cudnn": Inert(Annotated[str | bool, OneOf(("auto", True, False))], "auto")}
    )

    @property
    def columnwise(self) -> bool:
        return super().columnwise and self.recurrent_activation not in MIXING
