"""CategoryEncoding: token ids as ones among zeros: for each id, for all of a sample's, or counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

import numpy as np

from rnnverify.layers.arguments import Inert, MaybeSizes, OneOf
from rnnverify.layers.arrays import numbers_of
from rnnverify.layers.layer import Call, Layer, Masked, MisfitError, Outputs, Shape
from rnnverify.layers.ranks import TOKEN_IDS


@dataclass(frozen=True)
class CategoryEncoding(Layer):
    num_tokens: MaybeSizes = None
    output_mode: Annotated[str, OneOf(("multi_hot", "one_hot", "count"))] = "multi_hot"

    inert = MappingProxyType({"sparse": Inert()})
    rank = TOKEN_IDS
    autocast = False  # ids are no numbers to round
    distributes = False

    @property
    def vocabulary(self) -> int | None:
        return self.num_tokens if isinstance(self.num_tokens, int) else None

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        if self.vocabulary is None:
            raise MisfitError("how many ids there are", "num_tokens")
        whole = self.output_mode == "one_hot" and inputs[0][0] > 1
        return [(*inputs[0], self.vocabulary) if whole else (self.vocabulary,)]

    def held(self, inputs: Sequence[Shape]) -> int:
        return inputs[0][0] * (self.vocabulary or 0)

    def __call__(self, call: Call) -> Outputs:
        ids = numbers_of(call.x.values).astype(np.int64)  # (N, T)
        ones = (ids[..., np.newaxis] == np.arange(self.vocabulary or 0)).astype(np.float64)
        if self.output_mode == "one_hot":
            return (Masked(ones if ids.shape[1] > 1 else ones[:, 0], call.x.mask if ids.shape[1] > 1 else None),)
        return (Masked(ones.max(axis=1) if self.output_mode == "multi_hot" else ones.sum(axis=1)),)
