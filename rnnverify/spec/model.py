"""The validated spec."""

from __future__ import annotations

from dataclasses import dataclass

from rnnverify.layers.layer import Layer, Shape
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
    assumed: tuple[str, ...] = ()  # letters that nobody set, for a saved model
