"""Poolings: the largest number, or the mean, of what stands in each window, channels last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from rnnverify.layers.arguments import MaybeSizes, Sizes
from rnnverify.layers.arrays import Array
from rnnverify.layers.convolution import InSpace
from rnnverify.layers.layer import Call, Layer, Masked, MisfitError, Outputs, Shape
from rnnverify.layers.ranks import IMAGE, SEQUENCE
from rnnverify.layers.windows import Windows, per_axis, shown, taken


@dataclass(frozen=True)
class Pooling(Layer):
    pool_size: Sizes
    strides: MaybeSizes = None
    padding: InSpace = "valid"

    fixed = MappingProxyType({"data_format": "channels_last"})
    dimensions: ClassVar[int] = 1

    def windows(self) -> list[Windows]:
        """Those along each axis."""
        sizes = per_axis(self.pool_size, self.dimensions, "pool_size")
        strides = sizes if self.strides is None else per_axis(self.strides, self.dimensions, "strides")
        return [Windows(size, stride, 1, self.padding) for size, stride in zip(sizes, strides, strict=True)]

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        *around, channels = inputs[0]
        counts = [one.count(length) for one, length in zip(self.windows(), around, strict=True)]
        if min(counts) < 1:
            raise MisfitError(f"windows that fit into {inputs[0]}", "pool_size")
        return [(*counts, channels)]

    def pooled(self, x: Array) -> Array:
        """A number for each window."""
        raise NotImplementedError

    def __call__(self, call: Call) -> Outputs:
        return (Masked(self.pooled(call.x.values)),)  # a mask ends here


@dataclass(frozen=True)
class MaxPooling1D(Pooling):
    """MaxPooling1D: the largest number in each window over time."""

    pool_size: Sizes = 2

    rank = SEQUENCE

    def pooled(self, x: Array) -> Array:
        for axis, windows in enumerate(self.windows(), start=1):
            length = x.shape[axis]
            # A place outside shows what stands at the end, which is in the same window.
            places = np.clip(windows.places(length), 0, length - 1)
            x = np.max(taken(x, places, axis), axis=axis + 1)
        return x


@dataclass(frozen=True)
class MaxPooling2D(MaxPooling1D):
    """MaxPooling2D: the largest number in each window over rows and columns."""

    pool_size: Sizes = (2, 2)

    rank = IMAGE
    dimensions = 2


@dataclass(frozen=True)
class AveragePooling1D(Pooling):
    """AveragePooling1D: the mean of each window over time, of the places that are there."""

    rank = SEQUENCE

    def pooled(self, x: Array) -> Array:
        windows, counts = self.windows(), np.ones(())
        for one, length in zip(windows, x.shape[1:-1], strict=True):
            counts = counts[..., np.newaxis] * one.inside(length).sum(axis=1)
        return np.sum(shown(x, windows), axis=-2) / counts[..., np.newaxis]


@dataclass(frozen=True)
class AveragePooling2D(AveragePooling1D):
    """AveragePooling2D: the mean of each window over rows and columns, of the places that are there."""

    rank = IMAGE
    dimensions = 2


@dataclass(frozen=True)
class GlobalPooling(Layer):
    keepdims: bool = False

    fixed = MappingProxyType({"data_format": "channels_last"})
    rank = SEQUENCE

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        features = inputs[0][-1]
        return [(1, features) if self.keepdims else (features,)]


@dataclass(frozen=True)
class GlobalMaxPooling1D(GlobalPooling):
    """GlobalMaxPooling1D: the largest number of each feature over time."""

    def __call__(self, call: Call) -> Outputs:
        return (Masked(np.max(call.x.values, axis=1, keepdims=self.keepdims)),)


@dataclass(frozen=True)
class GlobalAveragePooling1D(GlobalPooling):
    """GlobalAveragePooling1D: the mean of each feature over time, of the steps that are not masked."""

    heeds_mask = True

    def __call__(self, call: Call) -> Outputs:
        x, mask = call.x
        if mask is None or not call.masked:
            return (Masked(np.sum(x, axis=1, keepdims=self.keepdims) / x.shape[1]),)
        heeded = mask[..., np.newaxis].astype(np.float64)
        counts = np.sum(heeded, axis=1, keepdims=self.keepdims)
        return (Masked(np.sum(x * heeded, axis=1, keepdims=self.keepdims) / counts),)
