"""A second reference for what Keras 2 saved: where Keras 3 computes something else under the same names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.concatenate import Concatenate
from rnnverify.layers.graph import Graph
from rnnverify.layers.layer import Call, Layer, Masked, Outputs
from rnnverify.layers.merging import Merging
from rnnverify.mistakes.activations import HARD_SIGMOID_OF_KERAS_2
from rnnverify.mistakes.changes import altered
from rnnverify.mistakes.mistake import with_mistakes
from rnnverify.observation import SAVED_BY, Observation, Ref


class Change(NamedTuple):
    """Something that Keras 2 computed otherwise."""

    says: str
    made: Callable[[Graph], Graph | None]  # the model as Keras 2 has it; None where that is the same


def with_hard_sigmoid(graph: Graph) -> Graph | None:
    return with_mistakes(graph, [HARD_SIGMOID_OF_KERAS_2])


def with_all_masks(graph: Graph) -> Graph | None:
    """Where several masks meet, a step is kept if all of them keep it, rather than any."""
    return with_mergers(graph, lambda own, plain, masks: own._replace(mask=masks))


def with_masked_values(graph: Graph) -> Graph | None:
    """A product, the largest and the smallest are of all inputs, those that are masked among them."""
    return with_mergers(graph, lambda own, plain, masks: own._replace(values=plain.values))


def with_mergers(graph: Graph, change: Callable[[Masked, Masked, Array | None], Masked]) -> Graph | None:
    """Layers that make one tensor of several put out another.

    Args:
        graph: the model.
        change: of what such a layer puts out, what it puts out without masks, and the mask of what all of them keep.
    """
    changed = {
        name: merging(layer, change) for name, layer in graph.layers.items() if isinstance(layer, Merging | Concatenate)
    }
    return graph.with_layers({**graph.layers, **changed}) if changed else None


def merging(layer: Layer, change: Callable[[Masked, Masked, Array | None], Masked]) -> Any:
    own: Any = type(layer)

    def called(self: Any, call: Call) -> Outputs:
        (made,) = own.__call__(self, call)
        (plain,) = own.__call__(self, call._replace(inputs=[x._replace(mask=None) for x in call.inputs]))
        masks = [x.mask for x in call.inputs if x.mask is not None]
        return (change(made, plain, np.all(np.stack(masks), axis=0) if masks else None),)

    return altered(layer, __call__=called)


def heeding_masks(graph: Graph) -> Graph | None:
    """A call that is given states to start from heeds its input's mask, too."""
    if all(node.masked or node.opaque for node in graph.nodes):
        return None
    return Graph([replace(node, masked=True) for node in graph.nodes], graph.given).with_layers(graph.layers)


CHANGES = (
    Change("its hard_sigmoid was clip(0.2 x + 0.5, 0, 1), and is clip(x / 6 + 0.5, 0, 1)", with_hard_sigmoid),
    Change("where masks met a step was kept if all of them kept it, and is if any does", with_all_masks),
    Change("Multiply, Maximum and Minimum took masked values like all others, and do not", with_masked_values),
    Change("a mask was heeded beside an initial_state, and is not", heeding_masks),
)


def graph_of_keras_2(graph: Graph) -> Graph:
    """The model as Keras 2 computes it."""
    for change in CHANGES:
        graph = change.made(graph) or graph
    return graph


def another_function(observed: Observation, graph: Graph, exact: Mapping[Ref, Masked]) -> Iterator[str]:
    """A sentence on what a model's file was trained with, if that is not what Keras 3 makes of it.

    Args:
        observed: what Keras 3 did.
        graph: its replay.
        exact: what that gave.
    """
    saved_by = observed.environment.get(SAVED_BY)
    if saved_by is None:
        return
    changes = [
        change.says
        for change in CHANGES
        if (made := change.made(graph)) is not None and moved(observed, exact, made) != 0
    ]
    if changes:
        most = moved(observed, exact, graph_of_keras_2(graph))
        yield (
            f"Keras 3 computes another function than the Keras that saved this file: up to {most:.2g} on these outputs; it was"
            f" trained with {saved_by}: {'; '.join(changes)}. What is verified here is Keras 3"
        )


def moved(observed: Observation, exact: Mapping[Ref, Masked], graph: Graph) -> float:
    """How far the outputs of another graph are from these, at most."""
    then = graph.run(observed.inputs)
    with np.errstate(all="ignore"):
        return float(max(np.abs(exact[ref].values - then[ref].values).max(initial=0) for ref in observed.outputs))
