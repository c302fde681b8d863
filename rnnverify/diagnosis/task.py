"""What a candidate is asked for a model."""

from __future__ import annotations

from typing import Any

from rnnverify.candidates.candidate import Task
from rnnverify.layers.graph import Graph
from rnnverify.observation import Observation, Ref
from rnnverify.verification.claims import tensors_of
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


def shape_of(observed: Observation, ref: Ref) -> tuple[int, ...]:
    array: Any = observed.emitted[ref] if ref in observed.emitted else observed.inputs[ref.node]
    shape: tuple[int, ...] = array.shape
    return shape
