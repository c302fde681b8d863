"""The validated spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rnnverify.layers.layer import Layer, Shape
from rnnverify.layers.walking import is_stateful
from rnnverify.observation import Ref, Tolerance
from rnnverify.spec.arguments import LayerArguments
from rnnverify.spec.data import Data


@dataclass(frozen=True)
class Input:
    """One input of the model."""

    name: str
    shape: Shape  # without the samples
    role: str = "features"  # or "ids", or "state" for an initial state
    whole: str | None = None  # the dtype, where it takes whole numbers alone; a spec's own features are floats


@dataclass(frozen=True)
class LayerSpec:
    """One layer to build, and what it is called on."""

    name: str
    class_name: str
    arguments: LayerArguments
    layer: Layer  # what it computes
    inputs: tuple[Ref, ...]
    initial_state: tuple[Ref, ...] = ()


@dataclass(frozen=True)
class Weights:
    """Where weights come from: Keras's initialisers, with biases drawn at random, a file, kernels scaled."""

    bias: str = "random"  # or "keras"
    file: str | None = None
    scale: float = 1.0


@dataclass(frozen=True)
class Spec:
    """What to build and what to feed it. N, T, D, M, K are None where the spec neither sets nor needs them."""

    path: str
    N: int | None
    T: int | None
    D: int | None
    M: int | None
    K: int | None
    inputs: tuple[Input, ...]  # empty for a saved model, which knows its own
    layers: tuple[LayerSpec, ...]
    outputs: tuple[Ref, ...]
    model: str | None
    data: Data | None  # None: normal, or tokens where a saved model begins with an Embedding
    weights: Weights
    initial_state: str
    dtype: str
    seed: int
    tolerance: Tolerance
    candidate: str | None = None  # somebody else's implementation, judged beside Keras
    opaque: tuple[str, ...] = ()  # layers that are taken as given, by name or class; or all that have no replay
    calls: int | None = None  # in a row, of a model with stateful layers; None: as many as show what it keeps
    reset: tuple[int, ...] = ()  # the numbers of the calls, from 1, that start anew
    backend: str | None = None  # of Keras's; None: the one at hand
    document: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)  # what it was read from
    assumed: tuple[str, ...] = ()  # letters that nobody set, for a saved model

    @property
    def stateful(self) -> bool:
        """Whether a layer of it keeps its states from one call to the next, as far as the spec says so."""
        return any(is_stateful(one.layer) for one in self.layers)

    def calls_of(self, stateful: bool) -> int:
        """How many calls are made in a row: by default two of a stateful model, as one shows nothing of what it keeps."""
        return self.calls or (2 if stateful else 1)
