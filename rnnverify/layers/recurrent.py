"""What SimpleRNN, LSTM and GRU have in common: a cell, and the options of its walk through time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar

import numpy as np

from rnnverify.errors import UnsupportedError
from rnnverify.layers.activations import MIXING, ActivationFunction, sigmoid
from rnnverify.layers.arguments import Inert, OneOf, Rate, Regularizer, Seed, Size
from rnnverify.layers.arrays import Array
from rnnverify.layers.cell import Cell
from rnnverify.layers.layer import Call, Layer, Masked, Outputs, Shape
from rnnverify.layers.ranks import SEQUENCE
from rnnverify.layers.walk import Walk
from rnnverify.observation import Walked


@dataclass(frozen=True)
class Recurrent(Layer, ABC):
    """A recurrent layer."""

    units: Size
    activation: ActivationFunction = np.tanh
    use_bias: bool = True
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    zero_output_for_mask: bool = False
    unroll: bool = False

    weights = MappingProxyType({"kernel": "glorot_uniform", "recurrent_kernel": "orthogonal", "bias": "zeros"})
    inert = MappingProxyType(
        {
            "activity_regularizer": Inert(Regularizer),
            "dropout": Inert(Rate, 0.0),
            "recurrent_dropout": Inert(Rate, 0.0),
            "seed": Inert(Seed),
        }
    )
    fixed = MappingProxyType({"stateful": False})
    rank = SEQUENCE
    takes_initial_state = True
    state_names: ClassVar[tuple[str, ...]] = ("h",)
    gate_names: ClassVar[tuple[str, ...]] = ()  # in Keras's order
    gate_letters: ClassVar[tuple[str, ...]] = ()  # the textbook's, of the same

    @abstractmethod
    def cell(self, weights: Sequence[Array]) -> Cell:
        """The cell that these weights describe."""

    def state_shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        return [(self.units,) for _ in self.state_names]

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        states = self.state_shapes(inputs)
        y = (inputs[0][0], *states[0]) if self.return_sequences else states[0]
        return [y, *states] if self.return_state else [y]

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        width = max(1, len(self.gate_names)) * self.units
        shapes: dict[str, Shape] = {
            "kernel": (inputs[0][-1], width),
            "recurrent_kernel": (self.units, width),
            "bias": (width,),
        }
        return {name: shapes[name] for name in self.weight_names}

    @property
    def output_names(self) -> tuple[str, ...]:
        return ("", *self.state_names) if self.return_state else ("",)

    @property
    def state_outputs(self) -> int:
        return len(self.state_names) if self.return_state else 0

    def has_time(self, output: int, shape: Shape) -> bool:
        return output == 0 and self.return_sequences

    @property
    def tied_to_time(self) -> bool:
        return self.unroll

    def calls_built(self, inputs: Sequence[Shape]) -> int:
        return 3 * inputs[0][0] if self.unroll else 0  # as measured: a step takes Keras three times as long as a Dense

    @property
    def columnwise(self) -> bool:
        return self.activation not in MIXING

    def walks(self, call: Call) -> tuple[Walk, ...]:
        x, mask = call.x if call.masked else Masked(call.x.values)
        if (
            self.unroll
            and self.go_backwards
            and self.return_sequences
            and self.zero_output_for_mask
            and mask is not None
        ):
            raise UnsupportedError(
                "unroll=True on a masked sequence that runs backwards under zero_output_for_mask (as in a Bidirectional)"
                " is not implemented: Keras then zeroes the steps that the mask names in the other direction"
            )
        if self.go_backwards:
            x, mask = x[:, ::-1], None if mask is None else mask[:, ::-1]
        states = tuple(call.initial_state) or tuple(
            np.zeros((len(x), *shape), dtype=x.dtype) for shape in self.state_shapes([x.shape[1:]])
        )
        return (Walk(self, call.weights, x, mask, states),)

    def outputs(self, call: Call, walked: Sequence[Walked]) -> Outputs:
        (done,) = walked
        # Keras hands the mask on as it came, also where go_backwards has reversed the sequence under it.
        y = Masked(done.sequence, call.x.mask) if self.return_sequences else Masked(done.sequence[:, -1])
        return (y, *map(Masked, done.states)) if self.return_state else (y,)


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
