"""A whole model, layer by layer, each recorded as it computes on what the replay of those before it gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnverify.errors import RequestError, UnsupportedError
from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph, with_masks
from rnnverify.layers.layer import Call, Layer, Masked
from rnnverify.layers.opaque import Opaque
from rnnverify.observation import Node, Observation, Ref
from rnnverify.recording.names import names_noted
from rnnverify.recording.recorded import Recorded


@dataclass(frozen=True)
class Parameter:
    """What a layer is given: a tensor of the model, its mask, or a weight."""

    kind: str  # input, mask, state, weight
    ref: Ref | None  # of which tensor; None of a weight
    given: Recorded

    @property
    def name(self) -> str:
        """As the layer calls it."""
        return str(self.given.made_by.what)


@dataclass(frozen=True)
class RecordedLayer:
    """One call of one layer."""

    node: Node
    layer: Layer
    parameters: tuple[Parameter, ...]
    outputs: tuple[Masked, ...]  # recorded values and masks; of a layer that is taken as given, plain ones

    @property
    def given(self) -> bool:
        """Whether what it put out is taken as given."""
        return isinstance(self.layer, Opaque)


@dataclass(frozen=True)
class RecordedModel:
    """All of them, in order, and what the model is fed."""

    inputs: Mapping[str, Array]  # as the layers see them: rounded to the precision that they compute in
    layers: tuple[RecordedLayer, ...]
    replay: Mapping[Ref, Masked]  # every tensor, in float64


def record(observed: Observation, graph: Graph) -> RecordedModel:
    """Record every layer of a model.

    Raises:
        UnsupportedError: what a layer computes cannot be recorded.
    """
    replay = graph.run(observed.inputs)
    inputs = {name: as_read(name, np.asarray(x), observed, graph) for name, x in observed.inputs.items()}
    known = {**replay, **{Ref(name): Masked(x, replay[Ref(name)].mask) for name, x in inputs.items()}}
    return RecordedModel(inputs, tuple(record_layer(node, graph, known) for node in observed.nodes), replay)


def as_read(name: str, x: Array, observed: Observation, graph: Graph) -> Array:
    """An input of the model as the layers that read it see it, if all see the same."""
    ref = Ref(name)
    seen = [
        graph.handed(node, ref, x, np.float64) for node in observed.nodes if ref in (*node.inputs, *node.initial_state)
    ]
    first, *others = seen or [x]
    same = all(np.array_equal(first, other, equal_nan=first.dtype.kind == "f") for other in others)
    found = first if same else x
    return found.astype(np.int64) if found.dtype.kind in "iu" else found


def record_layer(node: Node, graph: Graph, known: Mapping[Ref, Masked]) -> RecordedLayer:
    """One call of a layer on known tensors."""
    layer = graph.layers[node.name]
    if isinstance(layer, Opaque):
        return RecordedLayer(node, layer, (), tuple(layer.given))
    parameters, call = given_to(node, layer, graph, known)
    try:
        with names_noted(), np.errstate(all="ignore"):
            outputs = layer(call)
    except RequestError as error:
        what = f"layer {node.layer!r}: what a {node.class_name} computes"
        raise UnsupportedError(f"{what} cannot be written down: {error}") from None
    made = (Masked(as_recorded(one.values), one.mask) for one in outputs)
    return RecordedLayer(node, layer, tuple(parameters), tuple(made))


def as_recorded(x: Any) -> Any:
    return x if isinstance(x, Recorded) else Recorded.given("constant", x)


def given_to(node: Node, layer: Layer, graph: Graph, known: Mapping[Ref, Masked]) -> tuple[list[Parameter], Call]:
    """What a layer is called on, recorded under names that say what it is."""
    parameters: list[Parameter] = []
    tensors: dict[tuple[str, Ref], Recorded] = {}

    def note(kind: str, name: str, ref: Ref, numbers: Array) -> Recorded:
        if (kind, ref) not in tensors:
            tensors[kind, ref] = Recorded.given(name, numbers)
            parameters.append(Parameter(kind, ref, tensors[kind, ref]))
        return tensors[kind, ref]

    names = ["x"] if len(set(node.inputs)) == 1 else [name_of(ref, graph) for ref in node.inputs]
    names = names * (len(node.inputs) // len(names))
    inputs = []
    for ref, name in zip(node.inputs, names, strict=True):
        x, mask = known[ref]
        values = handed(node, graph, ref, note("input", name, ref, x))
        own = "mask" if len(names) == 1 else f"{name}_mask"
        inputs.append(Masked(values, None if mask is None else note("mask", own, ref, mask)))  # type: ignore[arg-type]
    inputs = with_masks(node, inputs, lambda ref: note("input", name_of(ref, graph), ref, known[ref].values))
    pairs = zip(node.initial_state, layer.state_names, strict=False)
    states = [handed(node, graph, ref, note("state", name, ref, known[ref].values)) for ref, name in pairs]
    weights = []
    arrays = graph.weights(node, [known[ref].values.shape[1:] for ref in node.inputs], np.float64)
    given_names = list(layer.weight_names)
    if len(given_names) != len(arrays):
        given_names = given_names[: len(arrays)] + [f"number_{index}" for index in range(len(given_names), len(arrays))]
    for name, array in zip(given_names, arrays, strict=True):
        weights.append(Recorded.given(name, array))
        parameters.append(Parameter("weight", None, weights[-1]))
    return parameters, Call(inputs, weights, states, node.masked)


def handed(node: Node, graph: Graph, ref: Ref, x: Recorded) -> Any:
    """A tensor as a node sees it; the model's inputs are as it sees them."""
    if ref.node not in graph.layers or np.array_equal(graph.handed(node, ref, x.value, np.float64), x.value):
        return x  # nothing of it would be rounded
    return graph.handed(node, ref, x, np.float64)  # type: ignore[arg-type]


def name_of(ref: Ref, graph: Graph) -> str:
    """A name for a tensor: its layer's, and which of its outputs it is."""
    if ref.node not in graph.layers:
        return ref.node
    suffix = graph.layers[ref.node].output_names[ref.output]
    return f"{ref.node}_{suffix}" if suffix else ref.node
