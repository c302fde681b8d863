"""Other data, states and weights for the same model: what a spec could be changed to, so that it shows more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import yaml

from rnnverify.diagnosis.fed import Data
from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.layers.walking import is_stateful
from rnnverify.observation import Node, Observation, Ref

LONG = 15  # timesteps, from which on a shorter walk may show more
SAMPLES, TIMESTEPS = 3, 7  # with these, and distinct sizes, every mistake shows that can
SCALES = (3.0, 8.0)  # times as large as the data

Setting = tuple[tuple[str, ...], Any]  # a key of a spec, such as ("weights", "bias"), and its value


class Free(NamedTuple):
    """What a spec may change of a model and of what it is fed."""

    weights: float | None = 1.0  # how much they are scaled; None where they were not drawn, but loaded
    data: bool = True  # it was drawn, in the sizes that the spec asks for
    states: bool = True  # the model's layers may be given initial states


@dataclass(frozen=True, eq=False)
class Variation:
    """Another spec of the same model."""

    settings: tuple[Setting, ...]  # of the spec
    words: str  # the same, where it is no spec's to set
    reason: str  # what the spec lacks without it
    made: Callable[[Observation, int], Observation]  # by one seed or another
    strong: bool = False  # it may drive activations to their ends, where other mistakes hide


def written(variations: Iterable[Variation]) -> str:
    """The changes as they stand in a spec, `N: 3, weights: {bias: random}`; in words, what no spec can set."""
    document: dict[str, Any] = {}
    words = []
    for one in variations:
        if not one.settings:
            words.append(one.words)
        for path, value in one.settings:
            place = document
            for key in path[:-1]:
                place = place.setdefault(key, {})
            place[path[-1]] = value
    text = yaml.safe_dump(document, default_flow_style=True, width=10_000, sort_keys=False).strip()[1:-1]
    return ", ".join([*([text] if document else []), *words])


def variations_of(observed: Observation, graph: Graph, free: Free) -> Iterator[Variation]:
    """What may be changed, the simplest first.

    Args:
        observed: what Keras did for the spec as it is.
        graph: the replays of its nodes.
        free: what may be.
    """
    data = Data(observed, graph)
    samples, timesteps = data.sizes
    if any(not is_random(array) for node in observed.nodes for array in biases(node).values()):
        settings: tuple[Setting, ...] = ((("weights", "bias"), "random"),)
        biased = settings if free.weights is not None else ()
        yield Variation(biased, "random biases", "its biases are zero, or alike", other_biases)
    if data.floats:
        for scale in SCALES:
            yield Variation(
                of_data(free, ("data",), {"normal": {"scale": float(f"{scale * data.spread:.2g}")}}),
                f"inputs {scale:g} times as large",
                "its inputs are small",
                partial(data.drawn, scale=scale),
                strong=True,
            )
    if samples < SAMPLES:
        yield Variation(
            of_data(free, ("N",), SAMPLES),
            f"{SAMPLES} samples",
            f"N is {samples}",
            partial(data.drawn, samples=SAMPLES),
        )
    if timesteps == 1:
        yield from other_length(data, graph, free)
    if free.states and any(takes_states(node, graph) for node in observed.nodes):
        yield Variation(
            ((("initial_state",), "random"),),
            "random initial states",
            "the states start from zero",
            partial(other_states, graph=graph),
        )
    yield from masks(data, free)
    if timesteps != 1:
        yield from other_length(data, graph, free)
    if free.weights is not None:
        larger: Setting = ("weights", "scale"), 2 * free.weights
        yield Variation((larger,), "larger weights", "its weights are small", larger_weights, True)


def of_data(free: Free, key: tuple[str, ...], value: Any) -> tuple[Setting, ...]:
    """A setting that makes a spec draw other data."""
    return ((key, value),) if free.data else ()


def other_length(data: Data, graph: Graph, free: Free) -> Iterator[Variation]:
    """Sequences of another length, where the model takes them."""
    timesteps = data.sizes[1]
    if timesteps is None or TIMESTEPS <= timesteps < LONG or any(layer.tied_to_time for layer in graph.layers.values()):
        return
    yield Variation(
        of_data(free, ("T",), TIMESTEPS),
        f"{TIMESTEPS} timesteps",
        f"T is {timesteps}" if timesteps < TIMESTEPS else f"over {timesteps} timesteps the recurrence forgets",
        partial(data.drawn, timesteps=TIMESTEPS),
    )


def masks(data: Data, free: Free) -> Iterator[Variation]:
    """Sequences that are padded behind, in front, or with gaps."""
    if not data.maskable:
        return
    tokens: dict[str, dict[str, str]] = {"at the end": {"lengths": "random"}}
    tokens["in front"] = {**tokens["at the end"], "padding": "pre"}
    for place in ("at the end", "in front", "in between"):
        settable = free.data and bool(data.ids) and place in tokens
        yield Variation(
            ((("data",), {"tokens": tokens[place]}),) if settable else (),
            f"data with steps that are masked {place}",
            f"no step {place} is masked",
            partial(data.masked, place=place),
        )


def is_random(array: Array) -> bool:
    """Whether no two of its numbers are the same, as far as one can tell."""
    rows = np.atleast_2d(array)
    return all(len(np.unique(row)) > len(row) // 2 for row in rows) and (
        len(rows) < 2 or not (rows[0] == rows[1]).any()
    )


def biases(node: Node) -> dict[str, Array]:
    return {name: array for name, array in node.weights.items() if name.endswith("bias")}


def with_weights(observed: Observation, made: Callable[[str, Array], Array]) -> Observation:
    """The same with other weights; nodes that share a layer share them still."""
    by_layer: dict[str, Mapping[str, Array]] = {}
    for node in observed.nodes:
        if node.layer not in by_layer:
            by_layer[node.layer] = {name: made(name, array) for name, array in node.weights.items()}
    return replace(observed, nodes=tuple(replace(node, weights=by_layer[node.layer]) for node in observed.nodes))


def other_biases(observed: Observation, seed: int) -> Observation:
    rng = np.random.default_rng(seed)

    def drawn(name: str, array: Array) -> Array:
        return 0.5 * rng.standard_normal(array.shape).astype(array.dtype) if name.endswith("bias") else array

    return with_weights(observed, drawn)


def larger_weights(observed: Observation, seed: int) -> Observation:
    del seed  # they are those that were drawn
    return with_weights(observed, lambda name, array: 2 * array if name.endswith("kernel") else array)


def takes_states(node: Node, graph: Graph) -> bool:
    """Whether its states are zero, and could be given."""
    layer = graph.layers[node.name]
    return layer.takes_initial_state and not node.initial_state and not is_stateful(layer)


def other_states(observed: Observation, seed: int, graph: Graph) -> Observation:
    """Random initial states for all that start from zero."""
    rng = np.random.default_rng(seed)
    samples = len(next(iter(observed.inputs.values())))
    inputs, nodes = dict(observed.inputs), []
    for node in observed.nodes:
        if takes_states(node, graph):
            shapes = states_of(graph, node, observed)
            names = [f"{node.name}.initial_{index}" for index in range(len(shapes))]
            inputs.update(
                {
                    name: (0.5 * rng.standard_normal((samples, *shape))).astype(np.float32)
                    for name, shape in zip(names, shapes, strict=True)
                }
            )
            node = replace(node, initial_state=tuple(map(Ref, names)), masked=any(node.mask))
        nodes.append(node)
    return replace(observed, inputs=inputs, nodes=tuple(nodes))


def states_of(graph: Graph, node: Node, observed: Observation) -> list[tuple[int, ...]]:
    (ref, *_) = node.inputs
    fed: Any = observed.inputs[ref.node] if ref.node in observed.inputs else observed.emitted[ref]
    return graph.layers[node.name].state_shapes([fed.shape[1:]])
