"""Convolutions: inner products of a kernel with what stands in each window, channels last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Annotated, ClassVar

import numpy as np

from rnnverify.layers.activations import MIXING, ActivationFunction, linear
from rnnverify.layers.arguments import Inert, OneOf, Regularizer, Size, Sizes, for_each
from rnnverify.layers.arrays import Array
from rnnverify.layers.layer import Call, Layer, Masked, MisfitError, Outputs, Shape
from rnnverify.layers.ranks import IMAGE, SEQUENCE
from rnnverify.layers.windows import Windows, per_axis, shown

InTime = Annotated[str, OneOf(("valid", "same", "causal"))]
InSpace = Annotated[str, OneOf(("valid", "same"))]


@dataclass(frozen=True, kw_only=True)
class Windowed(Layer):
    """A layer that looks through windows."""

    kernel_size: Sizes
    strides: Sizes = 1
    padding: InSpace = "valid"
    dilation_rate: Sizes = 1

    dimensions: ClassVar[int] = 1

    def windows(self) -> list[Windows]:
        """Those along each axis."""
        sizes, strides, dilations = (
            per_axis(getattr(self, name), self.dimensions, name) for name in ("kernel_size", "strides", "dilation_rate")
        )
        return [Windows(*one, self.padding) for one in zip(sizes, strides, dilations, strict=True)]

    def counts(self, seen: Shape) -> Shape:
        """How many there are along each axis of what they look at, its channels last; may raise MisfitError."""
        windows = self.windows()
        if max(one.stride for one in windows) > 1 and max(one.dilation for one in windows) > 1:
            raise MisfitError("strides or a dilation_rate above 1, and not both", "dilation_rate")
        counts = tuple(one.count(length) for one, length in zip(windows, seen[:-1], strict=True))
        if min(counts) < 1:
            raise MisfitError(f"windows that fit into {seen}", "kernel_size")
        return counts


@dataclass(frozen=True, kw_only=True)
class Convolving(Windowed):
    activation: ActivationFunction = linear
    use_bias: bool = True

    inert = MappingProxyType({"activity_regularizer": Inert(Regularizer)})
    fixed = MappingProxyType({"data_format": "channels_last"})

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        return [(*self.counts(inputs[0]), self.channels_out(inputs[0][-1]))]

    def held(self, inputs: Sequence[Shape]) -> int:
        each = prod(one.size for one in self.windows()) * inputs[0][-1]
        return prod(self.shapes(inputs)[0][:-1]) * each

    def channels_out(self, channels: int) -> int:
        """How many channels come out where so many come in; may raise MisfitError."""
        raise NotImplementedError

    @property
    def columnwise(self) -> bool:
        return self.activation not in MIXING

    def finished(self, y: Array, bias: Sequence[Array]) -> Outputs:
        """The outputs, from the inner products."""
        return (Masked(self.activation(y + bias[0] if bias else y)),)  # a mask ends here


@dataclass(frozen=True, kw_only=True)
class Conv1D(Convolving):
    """Conv1D: y = activation(windows over time * W + b)."""

    filters: Size
    padding: InTime = "valid"
    groups: Size = 1

    weights = MappingProxyType({"kernel": "glorot_uniform", "bias": "zeros"})
    rank = SEQUENCE

    def channels_out(self, channels: int) -> int:
        if channels % self.groups or self.filters % self.groups:
            raise MisfitError(f"groups that divide the {channels} channels and the {self.filters} filters", "groups")
        return self.filters

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        sizes = for_each(self.kernel_size, self.dimensions)
        shapes: dict[str, Shape] = {
            "kernel": (*sizes, inputs[0][-1] // self.groups, self.filters),
            "bias": (self.filters,),
        }
        return {name: shapes[name] for name in self.weight_names}

    def __call__(self, call: Call) -> Outputs:
        kernel, *bias = call.weights
        seen = shown(call.x.values, self.windows())
        *around, places, channels = seen.shape
        matrix = kernel.reshape(prod(kernel.shape[:-1]), self.filters)  # every number of a window is a term
        made = []
        for group in range(self.groups):
            given, made_of = channels // self.groups, self.filters // self.groups
            rows = seen[..., group * given : (group + 1) * given].reshape(*around, places * given)
            made.append(rows @ matrix[:, group * made_of : (group + 1) * made_of])
        return self.finished(np.concatenate(made, axis=-1) if len(made) > 1 else made[0], bias)


@dataclass(frozen=True, kw_only=True)
class Conv2D(Conv1D):
    """Conv2D: y = activation(windows over rows and columns * W + b)."""

    strides: Sizes = (1, 1)
    padding: InSpace = "valid"  # there is no time for it to be causal in
    dilation_rate: Sizes = (1, 1)

    dimensions = 2
    rank = IMAGE


@dataclass(frozen=True, kw_only=True)
class Depthwise(Convolving):
    depth_multiplier: Size = 1

    rank = SEQUENCE

    def held(self, inputs: Sequence[Shape]) -> int:
        return super().held(inputs) * self.depth_multiplier

    def kernel_shape(self, channels: int) -> Shape:
        """Of the kernels of each channel."""
        return (*for_each(self.kernel_size, 1), channels, self.depth_multiplier)

    def depthwise(self, x: Array, kernel: Array) -> Array:
        """Each channel's own inner products: (N, T, D) to (N, count, D * depth_multiplier), the multiplier fastest."""
        made = np.sum(shown(x, self.windows())[..., np.newaxis] * kernel, axis=2)
        return made.reshape(*made.shape[:2], made.shape[2] * made.shape[3])


@dataclass(frozen=True, kw_only=True)
class DepthwiseConv1D(Depthwise):
    """DepthwiseConv1D: each feature convolved by itself, by depth_multiplier kernels."""

    weights = MappingProxyType({"depthwise_kernel": "glorot_uniform", "bias": "zeros"})

    @property
    def weight_names(self) -> tuple[str, ...]:
        return (
            ("kernel", "bias") if self.use_bias else ("kernel",)
        )  # as Keras has it, whatever its initializer is called

    def channels_out(self, channels: int) -> int:
        return channels * self.depth_multiplier

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        channels = inputs[0][-1]
        shapes: dict[str, Shape] = {
            "kernel": self.kernel_shape(channels),
            "bias": (channels * self.depth_multiplier,),
        }
        return {name: shapes[name] for name in self.weight_names}

    def __call__(self, call: Call) -> Outputs:
        kernel, *bias = call.weights
        return self.finished(self.depthwise(call.x.values, kernel), bias)


@dataclass(frozen=True, kw_only=True)
class SeparableConv1D(Depthwise):
    """SeparableConv1D: each feature convolved by itself, and then a Dense over all of them."""

    filters: Size

    weights = MappingProxyType(
        {"depthwise_kernel": "glorot_uniform", "pointwise_kernel": "glorot_uniform", "bias": "zeros"}
    )

    def channels_out(self, channels: int) -> int:
        return self.filters

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        channels = inputs[0][-1]
        shapes: dict[str, Shape] = {
            "depthwise_kernel": self.kernel_shape(channels),
            "pointwise_kernel": (1, channels * self.depth_multiplier, self.filters),
            "bias": (self.filters,),
        }
        return {name: shapes[name] for name in self.weight_names}

    def __call__(self, call: Call) -> Outputs:
        kernel, pointwise, *bias = call.weights
        return self.finished(self.depthwise(call.x.values, kernel) @ pointwise[0], bias)
