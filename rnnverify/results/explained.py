"""A model explained: its shapes, its parameters, and some of its numbers worked out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rnnverify.results.shown import Formulated

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Formula:
    """A number, and how it comes about from others."""

    # given: a number that is there, called so; operator, before, call: of its parts; products: the sum of the products of the
    # first half of its parts with the second; sum, largest, smallest: over its parts; chosen: the part that a condition chose
    kind: str
    text: str  # what it is called, or the operation
    value: float
    parts: tuple[Formula, ...] = ()
    left_out: int = 0  # how many terms of a sum, in its middle, are not among them


@dataclass(frozen=True)
class Working:
    """One line: what a number is called, what it is, and how it comes about."""

    name: str  # `i[2]`
    says: str  # `input gate`
    formula: Formula
    value: float


@dataclass(frozen=True)
class Worked:
    """One number that Keras gave, worked out."""

    layer: str
    class_: str
    tensor: str  # `h`, `output`, `backward h`
    sample: int
    timestep: int | None  # of x; None where the tensor has no time
    unit: int
    index: Shape  # of the number in its tensor
    lines: tuple[Working, ...]
    notes: tuple[str, ...]
    replay: float
    keras: float
    limit: float  # how far they may be apart

    @property
    def difference(self) -> float:
        return 0.0 if self.replay == self.keras else abs(self.keras - self.replay)

    @property
    def passed(self) -> bool:
        """Whether they are as near as rounding lets two right ones be."""
        both_none = self.replay != self.replay and self.keras != self.keras
        return both_none or self.difference <= self.limit


@dataclass(frozen=True)
class ExplainedWeight:
    """One array of weights."""

    name: str
    shape: Shape
    letters: str  # `(D, 4M)`; empty where they are not known
    columns: Mapping[str, tuple[int, int]]  # each gate's first and last


@dataclass(frozen=True)
class ExplainedLayer:
    """One call of one layer."""

    layer: str
    class_: str
    says: str  # what it computes, in a sentence
    reads: tuple[str, ...]  # the names of what it is called on
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    letters: str  # `(N, T, D) -> (N, M)`; empty where they are not known
    weights: tuple[ExplainedWeight, ...]
    notes: tuple[str, ...]  # which end of its output is which, what it starts from

    @property
    def shapes(self) -> dict[str, Shape]:
        """Those of its weights."""
        return {weight.name: weight.shape for weight in self.weights}


@dataclass(frozen=True, repr=False)
class Explanation(Formulated):
    """A model explained: every layer's shapes and parameters, and one number of some of them worked out."""

    spec: str
    sizes: Mapping[str, int]  # N, T, D, M, K, as far as there are such
    inputs: Mapping[str, Shape]
    layers: tuple[ExplainedLayer, ...]
    worked: tuple[Worked, ...]

    @property
    def passed(self) -> bool:
        """Whether every number that was worked out is what Keras gave, within what rounding can do."""
        return all(one.passed for one in self.worked)
