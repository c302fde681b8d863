"""SimpleRNN (Elman 1990): h' = activation(x W + b + h U)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnnverify.replay.activations import Activation
from rnnverify.replay.arrays import Array
from rnnverify.replay.recurrence import Cell, Recurrent, States


@dataclass(frozen=True)
class SimpleRNNCell:
    kernel: Array  # (D, M)
    recurrent_kernel: Array  # (M, M)
    bias: Array | float  # (M,)
    activation: Activation

    def project(self, x: Array) -> Array:
        return x @ self.kernel + self.bias

    def step(self, zx: Array, states: States) -> States:
        (h,) = states
        return (self.activation(zx + h @ self.recurrent_kernel),)


@dataclass(frozen=True)
class SimpleRNN(Recurrent):
    def cell(self, weights: Sequence[Array]) -> Cell:
        kernel, recurrent_kernel, *bias = weights
        return SimpleRNNCell(kernel, recurrent_kernel, bias[0] if bias else 0.0, self.activation)
