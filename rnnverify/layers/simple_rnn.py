"""SimpleRNN (Elman 1990): h' = activation(x W + b + h U)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnnverify.layers.activations import ActivationFunction
from rnnverify.layers.arrays import Array
from rnnverify.layers.cell import CellInParts, Gates, States
from rnnverify.layers.recurrent import Recurrent


@dataclass(frozen=True)
class SimpleRNNCell(CellInParts):
    kernel: Array  # (D, M)
    recurrent_kernel: Array  # (M, M)
    bias: Array | float  # (M,)
    activation: ActivationFunction

    def project(self, x: Array) -> Array:
        return x @ self.kernel + self.bias

    def gates(self, zx: Array, h: Array) -> Gates:
        return (self.activation(zx + h @ self.recurrent_kernel),)

    def output(self, gates: Gates, states: States) -> Array:
        (h,) = gates
        return h


@dataclass(frozen=True)
class SimpleRNN(Recurrent):
    def cell_with(self, weights: Sequence[Array]) -> CellInParts:
        kernel, recurrent_kernel, *bias = weights
        return SimpleRNNCell(kernel, recurrent_kernel, bias[0] if bias else 0.0, self.activation)
