"""GRU (Cho et al. 2014), with the reset gate before the recurrent product or, as cuDNN and Keras's default, after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnnverify.layers.activations import ActivationFunction
from rnnverify.layers.arrays import Array, blocks
from rnnverify.layers.cell import CellInParts, Gates, States
from rnnverify.layers.layer import Shape
from rnnverify.layers.recurrent import Gated


@dataclass(frozen=True)
class GRUCell(CellInParts):
    """What both kinds share."""

    kernel: Array  # (D, 3M)
    recurrent_kernel: Array  # (M, 3M)
    bias: Array | float  # (3M,), added to the input's share
    activation: ActivationFunction
    recurrent_activation: ActivationFunction

    def project(self, x: Array) -> Array:
        return x @ self.kernel + self.bias

    def gates(self, zx: Array, h: Array) -> Gates:
        z, _, candidate = self.every_gate(zx, h)
        return z, candidate

    def output(self, gates: Gates, states: States) -> Array:
        z, candidate = gates
        (h,) = states
        return z * h + (1 - z) * candidate


@dataclass(frozen=True)
class GRUResetAfterCell(GRUCell):
    """The candidate is activation(x Wh + bh + r * (h Uh + brh))."""

    recurrent_bias: Array | float  # (3M,), added to the recurrent share

    def every_gate(self, zx: Array, h: Array) -> Gates:
        zh = h @ self.recurrent_kernel + self.recurrent_bias
        xz, xr, xh = blocks(zx, 3)  # Keras's gate order: update z, reset r, candidate h
        hz, hr, hh = blocks(zh, 3)
        z = self.recurrent_activation(xz + hz)
        r = self.recurrent_activation(xr + hr)
        candidate = self.activation(xh + r * hh)
        return z, r, candidate


@dataclass(frozen=True)
class GRUResetBeforeCell(GRUCell):
    """The candidate is activation(x Wh + bh + (r * h) Uh)."""

    def every_gate(self, zx: Array, h: Array) -> Gates:
        xz, xr, xh = blocks(zx, 3)  # Keras's gate order: update z, reset r, candidate h
        uz, ur, uh = blocks(self.recurrent_kernel, 3)
        z = self.recurrent_activation(xz + h @ uz)
        r = self.recurrent_activation(xr + h @ ur)
        candidate = self.activation(xh + (r * h) @ uh)
        return z, r, candidate


@dataclass(frozen=True)
class GRU(Gated):
    reset_after: bool = True

    gate_names = ("update", "reset", "candidate")
    gate_letters = ("z", "r", "h~")

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        shapes = super().weight_shapes(inputs)
        if self.reset_after and self.use_bias:
            shapes["bias"] = (2, *shapes["bias"])  # the input's, and the recurrent share's
        return shapes

    @property
    def columnwise(self) -> bool:
        return super().columnwise and self.reset_after  # reset before, a unit's candidate reads the others' reset gates

    def cell_with(self, weights: Sequence[Array]) -> CellInParts:
        kernel, recurrent_kernel, *bias = weights
        activations = self.activation, self.recurrent_activation
        if not self.reset_after:
            return GRUResetBeforeCell(kernel, recurrent_kernel, bias[0] if bias else 0.0, *activations)
        input_bias, recurrent_bias = (bias[0][0], bias[0][1]) if bias else (0.0, 0.0)  # the rows of bias, (2, 3M)
        return GRUResetAfterCell(kernel, recurrent_kernel, input_bias, *activations, recurrent_bias)
