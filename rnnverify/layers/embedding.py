"""Embedding: token ids to rows of a matrix; id 0 is masked under mask_zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from rnnverify.errors import DataError
from rnnverify.layers.arguments import Inert, Size
from rnnverify.layers.arrays import numbers_of
from rnnverify.layers.layer import Call, Layer, Masked, Outputs, Shape


@dataclass(frozen=True)
class Embedding(Layer):
    input_dim: Size
    output_dim: Size
    mask_zero: bool = False

    weights = MappingProxyType({"embeddings": "uniform"})
    inert = MappingProxyType({"activity_regularizer": Inert()})
    fixed = MappingProxyType({"quantization_config": None})
    pointwise = True
    autocast = False  # ids are no numbers to round
    distributes = False

    @property
    def vocabulary(self) -> int | None:
        return self.input_dim

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        return [(*inputs[0], self.output_dim)]

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        return {"embeddings": (self.input_dim, self.output_dim)}

    def __call__(self, call: Call) -> Outputs:
        ids = numbers_of(call.x.values)  # floats are cut off to whole numbers, as Keras does; no rounding is carried on
        (embeddings,) = call.weights
        if ids.size and not (ids.min() > -1 and ids.max() < len(embeddings)):  # NumPy counts negative ones from the end
            raise DataError(
                f"expected token ids from 0 to {len(embeddings) - 1} for an Embedding; got {ids.min()} to {ids.max()}"
            )
        return (Masked(embeddings[ids.astype(np.int64)], ids != 0 if self.mask_zero else None),)
