"""Golden vectors: what a port is held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnverify.results.blind import BlindSpot
from rnnverify.results.shown import Shown
from rnnverify.results.verification import Verification

if TYPE_CHECKING:
    from rnnverify.observation.observed import Array


FAR = 1000.0  # limits off: what a mistake should be seen by


@dataclass(frozen=True)
class Kill:
    """A known mistake that the vectors show, made in one layer."""

    id: str
    layer: str
    limits: float  # by how many times the limit it takes an output off; infinite where the output has another shape


@dataclass(frozen=True)
class Expected:
    """One output of the model."""

    name: str  # `dense`, `lstm.c`
    timed: bool  # whether its second axis is time
    values: Array  # (N, ...) in float64, of the replay
    limits: Array  # (N, ...): how far off rounding may take an implementation in float32


@dataclass(frozen=True)
class LayerWeights:
    """The weights of one layer, as get_weights() gives them."""

    layer: str
    class_name: str
    arrays: Mapping[str, Array]
    gates: Mapping[str, Mapping[str, tuple[int, int]]]  # of a weight, each gate's columns
    ends: str | None  # which end of its output is which, where a walk goes backwards


@dataclass(frozen=True, repr=False)
class Vectors(Shown):
    """Inputs, weights, every intermediate and the outputs of a model, and what they show."""

    spec: str
    folder: str
    rows: tuple[str, ...]  # what each sample is, in words
    inputs: Mapping[str, Array]
    weights: tuple[LayerWeights, ...]
    outputs: tuple[Expected, ...]
    trace: Mapping[str, Array]  # `lstm.i` and so on, (N, T, M), in float64
    kills: tuple[Kill, ...]
    survivors: tuple[Kill, ...]  # those that take no output off by more than its limit
    spots: tuple[BlindSpot, ...]  # the survivors that another spec would show, with the reason and the change
    keras: Verification  # of the same inputs and weights
