"""Attention: for each step of a query the mean of the values, weighted by a softmax of how well their keys fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import prod
from types import MappingProxyType
from typing import Annotated, TypeVar

import numpy as np

from rnnverify.layers.activations import softmax
from rnnverify.layers.arguments import Inert, OneOf, Rate, Seed
from rnnverify.layers.arrays import Array
from rnnverify.layers.layer import Call, Layer, Masked, MisfitError, Outputs, Shape

Role = TypeVar("Role")

FAR = 1e9  # what is taken from the score of a masked step: its exponential is zero beside any other


@dataclass(frozen=True, kw_only=True)
class Attending(Layer):
    """What both have in common. Keras heeds the masks that the query and the value have themselves."""

    use_causal_mask: bool = False

    several_inputs = True
    distributes = False
    of_call = frozenset({"use_causal_mask"})

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        name = type(self).__name__
        if len(inputs) not in (2, 3) or any(len(shape) != 2 for shape in inputs):
            raise MisfitError(
                f"inputs: [query, value] or [query, value, key], sequences (timesteps, features), for {name}"
            )
        query, value, key = roles(inputs)
        if query[1] != key[1] or value[0] != key[0]:
            shapes = " and ".join(map(str, inputs))
            raise MisfitError(
                f"keys with as many features as the query, and as many steps as the value; what comes in is {shapes}"
            )
        return [(query[0], value[1])]

    def held(self, inputs: Sequence[Shape]) -> int:
        query, value, key = roles(inputs)
        return query[0] * value[0] + prod(key)

    def scores(self, query: Array, key: Array, weights: Sequence[Array]) -> Array:
        """How well each key fits each step of the query: (N, Tq, D) and (N, Tv, D) to (N, Tq, Tv)."""
        raise NotImplementedError

    def __call__(self, call: Call) -> Outputs:
        query, value, key = roles(call.inputs)
        scores = self.scores(query.values, key.values, call.weights)
        seen = seen_by(Masked(query.values), value, Masked(key.values), scores.shape[-2:], self.use_causal_mask)
        if seen is not None:
            scores = np.where(seen, scores, scores - FAR)
        y = softmax(scores) @ value.values
        if query.mask is not None:
            y = np.where(query.mask[..., np.newaxis], y, 0.0)
        return (Masked(y, query.mask),)


@dataclass(frozen=True, kw_only=True)
class Attention(Attending):
    """Attention: the mean of the values for each step of a query, weighted by a softmax of inner products (Luong et al. 2015)."""

    use_scale: bool = False
    score_mode: Annotated[str, OneOf(("dot", "concat"))] = "dot"

    inert = MappingProxyType({"dropout": Inert(Rate, 0.0), "seed": Inert(Seed)})

    @property
    def weight_names(self) -> tuple[str, ...]:
        return (*["scale"] * self.use_scale, *["concat_score_weight"] * (self.score_mode == "concat"))

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        return dict.fromkeys(self.weight_names, ())

    def scores(self, query: Array, key: Array, weights: Sequence[Array]) -> Array:
        given = dict(zip(self.weight_names, weights, strict=True))
        if self.score_mode == "concat":
            return given["concat_score_weight"] * sums_of_tanh(query, key, inside=given.get("scale"))
        scores = query @ np.swapaxes(key, -1, -2)
        return scores * given["scale"] if self.use_scale else scores


@dataclass(frozen=True, kw_only=True)
class AdditiveAttention(Attending):
    """AdditiveAttention: the same, weighted by a softmax of the sum of scale tanh(query + key) (Bahdanau et al. 2015)."""

    use_scale: bool = True

    inert = MappingProxyType({"dropout": Inert(Rate, 0.0), "seed": Inert()})

    @property
    def weight_names(self) -> tuple[str, ...]:
        return ("scale",) if self.use_scale else ()

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        return dict.fromkeys(self.weight_names, (inputs[0][-1],))

    def scores(self, query: Array, key: Array, weights: Sequence[Array]) -> Array:
        return sums_of_tanh(query, key, outside=weights[0] if self.use_scale else None)


def sums_of_tanh(query: Array, key: Array, inside: Array | None = None, outside: Array | None = None) -> Array:
    """Of each step of a query and each key the sum of outside tanh(inside (query + key)) over their features."""
    found = []
    for step in range(query.shape[1]):  # all at once they would take as many times the memory
        both = query[:, step : step + 1] + key
        bent = np.tanh(both if inside is None else inside * both)
        found.append(np.sum(bent if outside is None else outside * bent, axis=-1))
    return np.stack(found, axis=1)


def seen_by(query: Masked, value: Masked, key: Masked, shape: Sequence[int], causal: bool) -> Array | None:
    """Which steps of the value each step of the query sees, (N or 1, Tq or 1, Tv); None where each sees all.

    Args:
        query, value, key: with the masks that count.
        shape: how many steps query and value have.
        causal: whether none sees those behind its own place.
    """
    steps, others = shape
    masks = [mask[:, np.newaxis] for mask in (value.mask, key.mask) if mask is not None]
    masks += [query.mask[..., np.newaxis]] if query.mask is not None else []
    masks += [np.tril(np.ones((1, steps, others), dtype=bool))] if causal else []
    return reduce(np.logical_and, masks) if masks else None


def roles(inputs: Sequence[Role]) -> tuple[Role, Role, Role]:
    """Query, value and key: the value is its own key where no other is given."""
    query, value, *keys = inputs
    return query, value, keys[0] if keys else value
