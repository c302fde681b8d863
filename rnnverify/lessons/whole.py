"""A model explained: the shapes of all its layers, and one number of some of them worked out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from rnnverify.errors import RequestError, UnsupportedError
from rnnverify.layers.bidirectional import Bidirectional
from rnnverify.layers.gate_map import ends, gate_columns
from rnnverify.layers.graph import Graph
from rnnverify.layers.layer import Layer, Masked
from rnnverify.layers.walking import is_stateful
from rnnverify.lessons.calls import of_call, of_directions
from rnnverify.lessons.letters import shapes_in_letters
from rnnverify.lessons.sentences import sentence_of
from rnnverify.lessons.walks import Asked, of_walk
from rnnverify.observation import Node, Observation, Ref
from rnnverify.recording.models import given_to
from rnnverify.results.explained import ExplainedLayer, ExplainedWeight, Explanation, Worked
from rnnverify.verification.steps import NodeCheck


def explanation(
    observed: Observation, graph: Graph, checks: Mapping[str, NodeCheck], asked: Asked, layer: str | None
) -> Explanation:
    """Explain what Keras was observed to do.

    Args:
        observed: that.
        graph: the replays of its nodes.
        checks: what was observed of each, by its name.
        asked: which number is worked out.
        layer: of which layer; None: of the first recurrent one, and of the model's last.

    Raises:
        RequestError: there is no such layer, sample, timestep or unit.
    """
    chosen = chosen_of(observed, checks, layer)
    worked: list[Worked] = []
    for name in chosen:
        worked += of_layer(name, observed, graph, checks, asked, strict=name == chosen[0])
    return Explanation(
        spec=observed.asked.spec,
        sizes=sizes_of(observed, graph),
        inputs={name: x.shape for name, x in observed.inputs.items()},
        layers=tuple(explained(node, observed, graph) for node in observed.nodes),
        worked=tuple(worked),
    )


def chosen_of(observed: Observation, checks: Mapping[str, NodeCheck], layer: str | None) -> list[str]:
    """The names of the layers of which a number is worked out."""
    if layer is not None:
        if layer not in checks:
            known = ", ".join(checks)
            given = " (that one is taken as given)" if any(node.name == layer for node in observed.nodes) else ""
            raise RequestError(f"--layer {layer}: expected one of the layers that are replayed{given}: {known}")
        return [layer]
    walking = [name for name, check in checks.items() if check.layer.takes_initial_state]
    first = walking[0] if walking else next((name for name, check in checks.items() if check.node.weights), None)
    last = list(checks)[-1]
    return list(dict.fromkeys([first or last, last]))


def of_layer(
    name: str, observed: Observation, graph: Graph, checks: Mapping[str, NodeCheck], asked: Asked, strict: bool
) -> Iterator[Worked]:
    """One number of a layer, and for a recurrent one what leads to it.

    Args:
        strict: whether sample, timestep and unit have to be there; otherwise the nearest that is.
    """
    check = checks[name]
    outputs = [x for ref, x in sorted(observed.emitted.items()) if ref.node == name]
    asked = within(check, outputs[0].shape, asked, strict)
    tensors = {**{Ref(key): x for key, x in observed.inputs.items()}, **observed.emitted}
    known = {ref: Masked(check.as_fed(tensors[ref])) for ref in check.node.reads}
    for ref, (values, mask) in zip(check.node.inputs, check.call.inputs, strict=True):
        known[ref] = Masked(check.as_fed(values), mask)
    node = check.node
    try:
        _, call = given_to(node, check.layer, graph, known)
        if isinstance(check.layer, Bidirectional) and check.walks:
            yield from of_directions(check.layer, check, call, outputs, asked)
        elif check.walks:
            (walk,) = check.layer.walks(call)
            yield of_walk(check, 0, "", check.walks[0], walk, asked)
        else:
            yield of_call(check, call, outputs, asked)
    except UnsupportedError as error:
        raise UnsupportedError(f"layer {node.layer!r}: a {node.class_name} cannot be explained: {error}") from None


def within(check: NodeCheck, shape: tuple[int, ...], asked: Asked, strict: bool) -> Asked:
    """Which number is worked out, if it is there.

    Raises:
        RequestError: it is not.
    """
    timed = check.layer.has_time(0, shape[1:])
    samples, timesteps, around = shape[0], shape[1] if timed else 1, shape[2:] if timed else shape[1:]
    if check.walks:
        timed, timesteps = True, check.walks[0].sequence.shape[1]
        if not isinstance(check.layer, Bidirectional):
            around = check.walks[0].sequence.shape[2:]
    if strict and asked.timestep is not None and not timed:
        raise RequestError(f"--timestep {asked.timestep}: what {check.node.name} puts out has no time; leave it out")
    units = int(np.prod(around))
    ranges = {"sample": (asked.sample, samples), "unit": (asked.unit, units)}
    if asked.timestep is not None and timed:
        ranges["timestep"] = (asked.timestep, timesteps)
    for what, (value, count) in ranges.items():
        if strict and not 0 <= value < count:
            raise RequestError(
                f"--{what} {value}: expected a {what} of {check.node.name} from 0 to {count - 1}; it has {count}"
            )
    timestep = None if asked.timestep is None else min(asked.timestep, timesteps - 1)
    return Asked(min(asked.sample, samples - 1), timestep, min(asked.unit, units - 1))


def explained(node: Node, observed: Observation, graph: Graph) -> ExplainedLayer:
    """The shapes and weights of one layer."""
    layer = graph.layers[node.name]
    tensors = {**{Ref(name): x for name, x in observed.inputs.items()}, **observed.emitted}
    inputs = [tensors[ref].shape for ref in node.inputs]
    weights, letters = shapes_in_letters(layer, [shape[1:] for shape in inputs]) if not node.opaque else ({}, "")
    columns = {} if node.opaque else gate_columns(layer)
    outputs = [x.shape for ref, x in sorted(observed.emitted.items()) if ref.node == node.name]
    return ExplainedLayer(
        layer=node.name,
        class_=node.class_name,
        says="taken as given" if node.opaque else sentence_of(layer),
        reads=tuple(label_of(ref, graph) for ref in node.inputs),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        letters=letters,
        weights=tuple(
            ExplainedWeight(name, array.shape, weights.get(name, ""), columns.get(name, {}))
            for name, array in node.weights.items()
        ),
        notes=tuple(notes_on(node, layer, graph)),
    )


def notes_on(node: Node, layer: Layer, graph: Graph) -> Iterator[str]:
    """Which end of the output is which, and what the walk starts from."""
    if node.opaque:
        return
    if (back := ends(layer)) is not None:
        yield back
    if node.initial_state:
        starts = ", ".join(dict.fromkeys(label_of(ref, graph) for ref in node.initial_state))
        before = "the states that the call before it left: " if is_stateful(layer) else ""
        yield f"starts from {before}{starts}"
    elif is_stateful(layer):
        yield "stateful: this call starts from zero, the next from the states that this one leaves"


def label_of(ref: Ref, graph: Graph) -> str:
    """`lstm`, `lstm.c`; of an input its name."""
    names: Sequence[str] = graph.layers[ref.node].output_names if ref.node in graph.layers else ("",)
    return f"{ref.node}.{names[ref.output]}" if names[ref.output] else ref.node


def sizes_of(observed: Observation, graph: Graph) -> dict[str, int]:
    """N, T, D, M and K: of the first input, the first recurrent layer and the last Dense."""
    first = next(iter(observed.inputs.values()))
    sizes = dict(zip("NTD", first.shape, strict=False))
    layers = [graph.layers[node.name] for node in observed.nodes]
    inner: list[Any] = [getattr(layer, "layer", layer) for layer in layers]
    units = [layer.width for layer in inner if getattr(layer, "width", None) is not None and layer.takes_initial_state]
    outputs = [layer.units for layer in inner if type(layer).__name__ == "Dense"]
    return {**sizes, **({"M": units[0]} if units else {}), **({"K": outputs[-1]} if outputs else {})}
