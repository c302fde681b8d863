"""What Keras did for one spec: plain NumPy and JSON, no Keras objects.

The only thing that passes from Keras to the replay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from rnnverify.observation.paths import Path

if TYPE_CHECKING:  # specs use Ref, and are read without NumPy
    import numpy.typing as npt

    Array = npt.NDArray[Any]


SAVED_BY = "saved_by"  # in the environment: which Keras saved the model's file, if it was no Keras 3


class Ref(NamedTuple):
    """One output of one node of the graph."""

    node: str
    output: int = 0


@dataclass(frozen=True)
class Node:
    """One call of one layer. A layer that is called twice makes two nodes, which share its weights."""

    name: str  # the layer's name; a second call of the same layer is `name:2`
    layer: str
    class_name: str
    config: Mapping[str, Any]  # as Keras's get_config() gave it
    weights: Mapping[str, Array]  # as get_weights() gave them, by name and in its order
    inputs: tuple[Ref, ...]
    initial_state: tuple[Ref, ...] = ()
    masked: bool = True  # whether Keras hands the call its input's mask; it does not where initial_state is given
    opaque: bool = False  # whether what it put out is taken as given, and not checked
    mask: tuple[
        Ref | None, ...
    ] = ()  # the tensors that stand in for the masks of its inputs; None: that one keeps its own

    @property
    def reads(self) -> tuple[Ref, ...]:
        """Every tensor that it is given, the masks among them."""
        return (*self.inputs, *self.initial_state, *(ref for ref in self.mask if ref is not None))


@dataclass(frozen=True)
class Walked:
    """What a walk through time left behind, in the order of the walk: Keras's, ours, or anybody's.

    Keras's walk is that of a second layer around the same cell, in the same run, which emits every state at every step.
    """

    sequence: Array  # (N, T, M): what every step put out
    states: tuple[
        Array, ...
    ] = ()  # after the last step, (N, M) each; where every state is known they follow from these
    others: tuple[Array, ...] = ()  # the states beside h at every step, (N, T, M) each, put out as h is


@dataclass(frozen=True)
class Tolerance:
    """A further demand on every element: |Keras - replay| <= atol + rtol |Keras|. None of it is asked by default."""

    atol: float | None = None
    rtol: float | None = None


@dataclass(frozen=True)
class Asked:
    """What was asked of Keras, and is demanded of its outputs."""

    spec: str  # the spec's path; of a model or layer, its name
    seed: int | None  # of weights and data; None where both were given
    dtype: str  # the policy
    tolerance: Tolerance = Tolerance()


class Turn(NamedTuple):
    """One of several calls in a row."""

    inputs: tuple[str, ...]  # what it was fed, in the model's order
    reset: bool = False  # whether it started anew


@dataclass(frozen=True)
class Observation:
    """Everything that Keras was seen to do."""

    asked: Asked
    inputs: Mapping[str, Array]  # what the model was fed, by the input's name; (N, ...) each
    nodes: tuple[Node, ...]  # in topological order
    outputs: tuple[Ref, ...]  # which of the nodes' outputs the model returns
    predictions: tuple[Array, ...]  # what model.predict returned, in the order of `outputs`
    emitted: Mapping[Ref, Array]  # every node's every output, seen in the same run of the model
    walks: Mapping[str, tuple[Walked, ...]]  # by node: one, or the two directions of a Bidirectional
    tf32: bool  # whether the device may have rounded the operands of float32 products to TF32
    environment: Mapping[str, str]  # versions and device
    seconds: Mapping[str, float]  # wall-clock time of `build` and `predict`
    masks: Mapping[Ref, Array] = field(
        default_factory=dict
    )  # what Keras hands on with outputs that are taken as given, (N, T)

    paths: tuple[Path, ...] = ()  # where the model returns each of its outputs, if it is no single one, nor a layer's
    turns: tuple[Turn, ...] = ()  # several calls in a row, of which each has an equal share of the outputs

    @property
    def opaque(self) -> tuple[Node, ...]:
        """The nodes whose outputs are taken as given."""
        return tuple(node for node in self.nodes if node.opaque)

    @property
    def states_fed(self) -> frozenset[str]:
        """The inputs that are initial states."""
        return frozenset(ref.node for node in self.nodes for ref in node.initial_state if ref.node in self.inputs)
