"""LSTM (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from rnnverify.layers.activations import ActivationFunction
from rnnverify.layers.arguments import Inert
from rnnverify.layers.arrays import Array, blocks
from rnnverify.layers.cell import CellInParts, Gates, States
from rnnverify.layers.recurrent import Gated


@dataclass(frozen=True)
class LSTMCell(CellInParts):
    kernel: Array  # (D, 4M)
    recurrent_kernel: Array  # (M, 4M)
    bias: Array | float  # (4M,)
    activation: ActivationFunction
    recurrent_activation: ActivationFunction

    def project(self, x: Array) -> Array:
        return x @ self.kernel + self.bias

    def recurrent(self, h: Array) -> Array:
        """The share of h in the pre-activations: (N, M) -> (N, 4M)."""
        return h @ self.recurrent_kernel

    def every_gate(self, zx: Array, h: Array) -> Gates:
        z = zx + self.recurrent(h)
        i, f, candidate, o = blocks(z, 4)  # Keras's gate order: input, forget, candidate, output
        i = self.recurrent_activation(i)
        f = self.recurrent_activation(f)
        candidate = self.activation(candidate)
        o = self.recurrent_activation(o)
        return i, f, candidate, o

    def gates(self, zx: Array, h: Array) -> Gates:
        i, f, candidate, o = self.every_gate(zx, h)
        return f, i * candidate, o

    def carry(self, gates: Gates, carried: States) -> States:
        f, let_in, _ = gates
        (c,) = carried
        return (f * c + let_in,)

    def output(self, gates: Gates, states: States) -> Array:
        *_, o = gates
        _, c = states
        return o * self.activation(c)


@dataclass(frozen=True)
class LSTM(Gated):
    # unit_forget_bias only says how the bias is first drawn
    inert = MappingProxyType({**Gated.inert, "unit_forget_bias": Inert(bool, True)})
    state_names = ("h", "c")
    gate_names = ("input", "forget", "candidate", "output")
    gate_letters = ("i", "f", "c~", "o")

    def cell_with(self, weights: Sequence[Array]) -> CellInParts:
        kernel, recurrent_kernel, *bias = weights
        return LSTMCell(
            kernel,
            recurrent_kernel,
            bias[0] if bias else 0.0,
            self.activation,
            self.recurrent_activation,
        )
