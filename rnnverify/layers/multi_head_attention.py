"""MultiHeadAttention: several attentions side by side over projections of query, key and value (Vaswani et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, sqrt
from types import MappingProxyType

import numpy as np

from rnnverify.errors import UnsupportedError
from rnnverify.layers.activations import softmax
from rnnverify.layers.arguments import Inert, MaybeAxes, MaybeSizes, Rate, Regularizer, Seed, Size, for_each
from rnnverify.layers.arrays import Array, in_float32
from rnnverify.layers.attention import FAR, roles, seen_by
from rnnverify.layers.layer import Call, Layer, Masked, MisfitError, Outputs, Shape

PROJECTIONS = ("query", "key", "value", "attention_output")


@dataclass(frozen=True)
class MultiHeadAttention(Layer):
    num_heads: Size
    key_dim: Size
    value_dim: MaybeSizes = None
    use_bias: bool = True
    output_shape: MaybeSizes = None
    attention_axes: MaybeAxes = None
    dropout: Rate = 0.0  # where there is some, Keras goes another way at inference too: see below
    use_causal_mask: bool = False

    weights = MappingProxyType({"kernel": "glorot_uniform", "bias": "zeros"})
    inert = MappingProxyType(
        {
            "seed": Inert(Seed),
            "activity_regularizer": Inert(Regularizer),
            "flash_attention": Inert(),
        }
    )
    fixed = MappingProxyType({"sliding_window": None, "use_gate": False})
    of_call = frozenset({"use_causal_mask"})
    several_inputs = True
    distributes = False

    def check(self, states_set: bool) -> None:
        if isinstance(self.value_dim, tuple):
            raise MisfitError("one size, or none", "value_dim")

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        if len(inputs) not in (2, 3) or any(len(shape) != 2 for shape in inputs):
            raise MisfitError("inputs: [query, value] or [query, value, key], sequences (timesteps, features)")
        query, value, key = roles(inputs)
        if value[0] != key[0]:
            raise MisfitError(f"keys with as many steps as the value; what comes in is {key} and {value}")
        return [(query[0], self.width(query))]

    def width(self, query: Shape) -> int:
        """How many features come out: by default as many as the query has."""
        given = () if self.output_shape is None else for_each(self.output_shape, 1)
        return given[0] if given else query[-1]

    @property
    def value_width(self) -> int:
        """How many features each head's values have."""
        return self.value_dim if isinstance(self.value_dim, int) else self.key_dim

    @property
    def weight_names(self) -> tuple[str, ...]:
        kinds = ("kernel", "bias") if self.use_bias else ("kernel",)
        return tuple(f"{projection}_{kind}" for projection in PROJECTIONS for kind in kinds)

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        if self.attention_axes not in (None, 1, (1,)) or (
            isinstance(self.output_shape, tuple) and len(self.output_shape) > 1
        ):
            raise UnsupportedError(
                "MultiHeadAttention: other axes than time and features are not implemented by the replay"
            )
        query, value, key = roles(inputs)
        heads, out = self.num_heads, self.width(query)
        shapes: dict[str, Shape] = {
            "query_kernel": (query[-1], heads, self.key_dim),
            "query_bias": (heads, self.key_dim),
            "key_kernel": (key[-1], heads, self.key_dim),
            "key_bias": (heads, self.key_dim),
            "value_kernel": (value[-1], heads, self.value_width),
            "value_bias": (heads, self.value_width),
            "attention_output_kernel": (heads, self.value_width, out),
            "attention_output_bias": (out,),
        }
        return {name: shapes[name] for name in self.weight_names}

    def held(self, inputs: Sequence[Shape]) -> int:
        query, value, key = roles(inputs)
        rows = query[0] * value[0] + (query[0] + key[0]) * self.key_dim + value[0] * self.value_width
        return self.num_heads * rows

    def __call__(self, call: Call) -> Outputs:
        query, value, key = roles(call.inputs)
        given = dict(zip(self.weight_names, call.weights, strict=True))
        scale = float(in_float32(1 / sqrt(self.key_dim)))
        q = self.heads(query.values, given["query_kernel"], given.get("query_bias")) * scale
        k = self.heads(key.values, given["key_kernel"], given.get("key_bias"))
        v = self.heads(value.values, given["value_kernel"], given.get("value_bias"))
        scores = q @ np.swapaxes(k, -1, -2)  # (N, heads, Tq, Tv)
        seen = seen_by(query, value, key, scores.shape[-2:], self.use_causal_mask)
        if seen is not None:
            scores = np.where(seen[:, np.newaxis], scores, -FAR)
        share = softmax(scores)
        if seen is not None and self.dropout:  # a step that sees none gets nothing; otherwise it sees all alike
            share = np.where(seen[:, np.newaxis], share, 0.0)
        y = np.swapaxes(share @ v, 1, 2)
        kernel = given["attention_output_kernel"]
        y = y.reshape(*y.shape[:2], prod(y.shape[2:])) @ kernel.reshape(prod(kernel.shape[:2]), kernel.shape[-1])
        return (Masked(y + given["attention_output_bias"] if self.use_bias else y, query.mask),)

    def heads(self, x: Array, kernel: Array, bias: Array | None) -> Array:
        """A projection for each head: (N, T, D) to (N, heads, T, features)."""
        features = kernel.shape[-1]
        y = x @ kernel.reshape(kernel.shape[0], self.num_heads * features)
        if bias is not None:
            y = y + bias.reshape(self.num_heads * features)
        return np.swapaxes(y.reshape(*y.shape[:2], self.num_heads, features), 1, 2)
