"""What a candidate is asked for a model."""

from __future__ import annotations

from typing import Any

from rnnverify.candidates.candidate import Task, Walk
from rnnverify.layers.bidirectional import Bidirectional
from rnnverify.layers.graph import Graph
from rnnverify.layers.recurrent import Recurrent
from rnnverify.observation import Observation, Ref
from rnnverify.verification.claims import EVERY_STEP, tensors_of
from rnnverify.verification.outputs import label


def task_of(observed: Observation, graph: Graph) -> Task:
    """What a candidate is asked: the model's inputs and weights, and which outputs are wanted."""
    tensors: dict[str, list[tuple[int, ...]]] = {}
    for name, tensor in tensors_of(observed, graph):
        tensors.setdefault(name, []).append(tensor.shape)
    outputs = {label(graph, ref): shape_of(observed, ref) for ref in observed.outputs}
    weights = {node.layer: node.weights for node in observed.nodes}
    paths = zip((label(graph, ref) for ref in observed.outputs), observed.paths, strict=False)
    return Task(observed.inputs, weights, outputs, tensors, paths=tuple(paths), turns=observed.turns)


def walks_of(observed: Observation, graph: Graph) -> tuple[Walk, ...]:
    """The walks of a model through time, if each of them is one of Keras's three layers over steps that all count; else none."""
    made: list[Walk] = []
    outputs = {label(graph, ref) for ref in observed.outputs}
    for node in observed.nodes:
        layer: Any = graph.declared[node.name]
        if node.class_name == "Masking" or getattr(layer, "mask_zero", False) or node.mask or observed.turns:
            return ()
        if node.name not in observed.walks:
            continue
        ways = layer.directions if isinstance(layer, Bidirectional) else (("", layer),)
        for way, one in ways:
            if not isinstance(one, Recurrent):
                return ()
            names = tuple(f"{node.name}.{way}{'_' * bool(way)}{state}" for state in one.state_names)
            runs = "forward" if not one.go_backwards else "aligned" if way else "backward"
            h, *c = names
            told = (h + EVERY_STEP * (h in outputs), *("" if name in outputs else name for name in c))
            made.append(Walk(told, one.units, runs))
    return tuple(made)


def shape_of(observed: Observation, ref: Ref) -> tuple[int, ...]:
    array: Any = observed.emitted[ref] if ref in observed.emitted else observed.inputs[ref.node]
    shape: tuple[int, ...] = array.shape
    return shape
