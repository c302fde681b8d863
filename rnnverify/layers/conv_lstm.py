"""ConvLSTM: an LSTM with convolutions in place of its matrix products (Shi et al. 2015, without peepholes).

x and the states keep their places, rows and columns, and each filter has a unit at every one of them. The gates are

    i = sigma(Wxi * x + Whi * h + bi), and so on for f, c~ and o,

where * is a convolution. That of x has strides, dilation and padding as the layer says. That of h moves by one place and is
padded with zeros, so that the states keep their size whatever the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from types import MappingProxyType

import numpy as np

from rnnverify.layers.activations import MIXING, ActivationFunction, sigmoid
from rnnverify.layers.arguments import Size
from rnnverify.layers.arrays import Array
from rnnverify.layers.cell import CellInParts
from rnnverify.layers.convolution import Windowed
from rnnverify.layers.layer import Shape
from rnnverify.layers.lstm import LSTM, LSTMCell
from rnnverify.layers.ranks import IMAGES, ROWS, VOLUMES
from rnnverify.layers.recurrent import Gated, Recurrent
from rnnverify.layers.walking import Walking
from rnnverify.layers.windows import Windows, shown


@dataclass(frozen=True)
class ConvLSTMCell(LSTMCell):
    """Its kernels are matrices: (D, 4M) and (M, 4M) for each place of a window, one below the other."""

    over_x: Sequence[Windows]
    over_h: Sequence[Windows]

    def project(self, x: Array) -> Array:
        return in_rows(x, self.over_x) @ self.kernel + self.bias

    def recurrent(self, h: Array) -> Array:
        return in_rows(h, self.over_h) @ self.recurrent_kernel


def in_rows(x: Array, windows: Sequence[Windows]) -> Array:
    """All that each window shows, in a row."""
    seen = shown(x, windows)
    return seen.reshape(*seen.shape[:-2], seen.shape[-2] * seen.shape[-1])


def as_matrix(kernel: Array) -> Array:
    """(places..., channels, filters) with a column for each filter."""
    return kernel.reshape(prod(kernel.shape[:-1]), kernel.shape[-1])


@dataclass(frozen=True, kw_only=True)
class ConvLSTM1D(Walking, Windowed):
    """ConvLSTM1D: an LSTM of rows, with convolutions along them as its products (Shi et al. 2015, without peepholes)."""

    filters: Size
    activation: ActivationFunction = np.tanh
    recurrent_activation: ActivationFunction = sigmoid
    use_bias: bool = True

    weights = Recurrent.weights
    inert = MappingProxyType({**Recurrent.inert, "unit_forget_bias": LSTM.inert["unit_forget_bias"]})
    fixed = MappingProxyType({**Recurrent.fixed, "data_format": "channels_last"})
    rank = ROWS
    state_names = LSTM.state_names
    gate_names = LSTM.gate_names
    gate_letters = LSTM.gate_letters

    @property
    def width(self) -> int:
        return self.filters

    def state_shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        _, *step = inputs[0]
        return [(*self.counts(tuple(step)), self.filters)] * len(self.state_names)

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        places = tuple(one.size for one in self.windows())
        width = len(self.gate_names) * self.filters
        shapes: dict[str, Shape] = {
            "kernel": (*places, inputs[0][-1], width),
            "recurrent_kernel": (*places, self.filters, width),
            "bias": (width,),
        }
        return {name: shapes[name] for name in self.weight_names}

    def held(self, inputs: Sequence[Shape]) -> int:
        """The gates at every step, and what the windows over x and h show in one of them."""
        around = prod(self.step_shape(inputs)[:-1])
        places = prod(one.size for one in self.windows())
        gates = len(self.gate_names) * self.filters
        return around * (inputs[0][0] * gates + places * (inputs[0][-1] + self.filters))

    @property
    def columnwise(self) -> bool:
        return self.activation not in MIXING and self.recurrent_activation not in MIXING

    def cell_with(self, weights: Sequence[Array]) -> CellInParts:
        kernel, recurrent_kernel, *bias = weights
        over_x = self.windows()
        return ConvLSTMCell(
            as_matrix(kernel),
            as_matrix(recurrent_kernel),
            bias[0] if bias else 0.0,
            self.activation,
            self.recurrent_activation,
            over_x,
            [Windows(one.size, 1, 1, "same") for one in over_x],
        )


@dataclass(frozen=True, kw_only=True)
class ConvLSTM2D(ConvLSTM1D):
    """ConvLSTM2D: an LSTM of images, with convolutions over their rows and columns as its products (Shi et al. 2015)."""

    dimensions = 2
    rank = IMAGES


@dataclass(frozen=True, kw_only=True)
class ConvLSTM3D(ConvLSTM2D):
    """ConvLSTM3D: an LSTM of volumes, with convolutions over their three axes as its products (Shi et al. 2015)."""

    dimensions = 3
    # As measured: in float16 TensorFlow makes 2048 of 2048 + 1 + 1 + ... over three axes, and not over one or two.
    narrow_sums = True
    rank = VOLUMES


# The layers of a kind, these among them: their weights have the same roles, with the gates side by side along the last axis.
LSTMS = (LSTM, ConvLSTM1D)
GATED = (Gated, ConvLSTM1D)
RECURRENT = (Recurrent, ConvLSTM1D)
