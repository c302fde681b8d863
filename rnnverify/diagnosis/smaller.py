"""The same model in smaller sizes, or with other weights, as the replay computes it: what a candidate is asked next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.bidirectional import Bidirectional
from rnnverify.layers.graph import Graph
from rnnverify.layers.layer import Layer, Shape
from rnnverify.layers.recurrent import Recurrent
from rnnverify.layers.registry import layer_of
from rnnverify.observation import Node, Observation, Ref, Walked

Change = tuple[int, int]  # a size, and the one in its place


def replayed(observed: Observation, inputs: Mapping[str, Array], nodes: Sequence[Node]) -> Observation:
    """An observation of which the replay made everything that Keras would have emitted."""
    graph = Graph(nodes)
    done = graph.run(inputs)
    emitted = {ref: one.values.astype(np.float32) for ref, one in done.items() if ref.node in graph.layers}
    walks = {}
    for node in nodes:
        if node.name in observed.walks:
            free = graph.free_walks(node, done)
            walks[node.name] = tuple(
                Walked(narrow(one.sequence), tuple(map(narrow, one.states)), tuple(map(narrow, one.others)))
                for one in free
            )
    predictions = tuple(narrow(done[ref].values) for ref in observed.outputs)
    return replace(observed, inputs=inputs, nodes=tuple(nodes), emitted=emitted, walks=walks, predictions=predictions)


def narrow(array: Array) -> Array:
    return np.asarray(array, dtype=np.float32)


def of_samples(observed: Observation, samples: Sequence[int]) -> Observation:
    """Some of the samples, in this order."""
    inputs = {name: x[list(samples)] for name, x in observed.inputs.items()}
    return replayed(observed, inputs, observed.nodes)


def of_timesteps(observed: Observation, part: slice) -> Observation:
    """Some of the timesteps of every input that has time."""
    states = observed.states_fed
    inputs = {name: x if name in states or x.ndim < 2 else x[:, part] for name, x in observed.inputs.items()}
    return replayed(observed, inputs, observed.nodes)


def of_features(observed: Observation, features: int) -> Observation:
    """The first features of every input of numbers."""
    states = observed.states_fed
    changes: list[Change] = []
    inputs = {}
    for name, x in observed.inputs.items():
        cut = name not in states and x.ndim > 2 and x.shape[-1] > features
        inputs[name] = x[..., :features] if cut else x
        changes += [(x.shape[-1], features)] if cut else []
    return resized(observed, inputs, changes, lambda node: node.config)


def of_units(observed: Observation, units: int) -> Observation:
    """The first units of every recurrent layer."""
    changes: list[Change] = []

    def config(node: Node) -> Mapping[str, Any]:
        made = dict(node.config)
        for key, own in units_of(node).items():
            if own > units:
                changes.append((own, units))
                if key is None:
                    made["units"] = units
                elif made.get(key) is not None:
                    made[key] = {**made[key], "config": {**made[key]["config"], "units": units}}
        return made

    nodes = [replace(node, config=config(node)) for node in observed.nodes]
    by_state = {ref.node: node for node in nodes for ref in node.initial_state}
    inputs = {name: x[..., :units] if name in by_state else x for name, x in observed.inputs.items()}
    configs = {node.name: node.config for node in nodes}
    return resized(observed, inputs, changes, lambda node: configs[node.name])


def units_of(node: Node) -> dict[str | None, int]:
    """The units of a recurrent layer, or of the layers inside a Bidirectional, by the key of the config that has them."""
    layer = layer_of(node.class_name, node.config)
    inside: dict[str | None, Layer] = {None: layer}
    if isinstance(layer, Bidirectional):
        inside = {"layer": layer.layer, "backward_layer": layer.backward_layer}
        if "units" not in node.config["layer"]["config"]:
            return {}
    elif "units" not in node.config:  # those of a cell, say
        return {}
    return {key: one.units for key, one in inside.items() if isinstance(one, Recurrent)}


def resized(
    observed: Observation,
    inputs: Mapping[str, Array],
    changes: Sequence[Change],
    config: Callable[[Node], Mapping[str, Any]],
) -> Observation:
    """The model on inputs of other sizes, or with other configs, of whose weights the first rows and columns are kept.

    Raises:
        ValueError: the weights cannot be cut to these sizes.
    """
    shapes: dict[Ref, Shape] = {Ref(name): x.shape[1:] for name, x in inputs.items()}
    nodes = []
    for node in observed.nodes:
        layer = layer_of(node.class_name, config(node))
        given = [shapes[ref] for ref in node.inputs]
        wanted = layer.weight_shapes(given)
        weights = {name: cut(array, wanted[name], changes) for name, array in node.weights.items()}
        nodes.append(replace(node, config=config(node), weights=weights))
        shapes.update({Ref(node.name, index): shape for index, shape in enumerate(layer.output_shapes(given))})
    return replayed(observed, inputs, nodes)


def cut(array: Array, wanted: Shape, changes: Sequence[Change]) -> Array:
    """The first rows and columns: of each gate, of each direction.

    Raises:
        ValueError: no change of a size explains the shape that is wanted.
    """
    for axis, (old, new) in enumerate(zip(array.shape, wanted, strict=True)):
        if old != new:
            before, after = next(
                (pair for pair in changes if old % pair[0] == 0 and new * pair[0] == old * pair[1]), (0, 0)
            )
            if not before:
                raise ValueError(f"no part of {array.shape} has the shape {wanted}")
            kept = [block + index for block in range(0, old, before) for index in range(after)]
            array = np.take(array, kept, axis=axis)
    return array


def with_other_weights(observed: Observation, made: Callable[[str, str, Array], Array]) -> Observation:
    """The same model with other weights: from the layer, the weight's name and what it was."""
    nodes = [
        replace(node, weights={name: made(node.layer, name, array) for name, array in node.weights.items()})
        for node in observed.nodes
    ]
    return replayed(observed, observed.inputs, nodes)
