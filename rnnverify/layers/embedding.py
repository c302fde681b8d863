"""Embedding: token ids to rows of a matrix; id 0 is masked under mask_zero."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from rnnverify.layers.layer import TRAINING, Call, Layer, Masked, Outputs


@dataclass(frozen=True)
class Embedding(Layer):
    input_dim: int
    output_dim: int
    mask_zero: bool

    inert = TRAINING
    pointwise = True
    autocast = False  # ids are no numbers to round
    fixed = MappingProxyType({"quantization_config": None})

    @property
    def weight_count(self) -> int:
        return 1

    def __call__(self, call: Call) -> Outputs:
        ids, _ = call.x
        (embeddings,) = call.weights
        return (Masked(embeddings[ids.astype(np.int64)], ids != 0 if self.mask_zero else None),)
