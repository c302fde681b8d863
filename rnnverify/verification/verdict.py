"""From an Observation to a verdict: replay, compare, decide.

The verdict rests on every single step (steps.py). Beside it stands the comparison end to end, the free-running replay
against what `predict` returned (outputs.py): the table's errors. A recurrence can amplify the rounding of right steps
without limit; so that comparison decides only where the model returned something else than was observed step by step.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

import numpy as np

from rnnverify.errors import DataError
from rnnverify.layers.arguments import short
from rnnverify.layers.gate_map import ends, gate_columns
from rnnverify.layers.graph import Graph
from rnnverify.layers.layer import Layer, Masked
from rnnverify.layers.registered import SEEN
from rnnverify.layers.registry import LAYERS
from rnnverify.observation import Node, Observation, Ref
from rnnverify.results import GivenLayer, LayerResult, OutputResult, Parting, Verification
from rnnverify.verification.compared import Checked
from rnnverify.verification.given import allowed_for
from rnnverify.verification.known_faults import known_fault
from rnnverify.verification.nodes import check_nodes
from rnnverify.verification.of_keras_2 import another_function
from rnnverify.verification.outputs import absolute_error, compare_outputs, tensor_label
from rnnverify.verification.pictured import Pictured, pictures_of
from rnnverify.verification.tally import Tally

log = logging.getLogger(__name__)

# From how much amplification on an explanation is due, and how far the two runs must differ, in residuals, to have parted.
AMPLIFIED = 1000.0


class Judged(NamedTuple):
    """A verdict, and the checks of the nodes that it rests on, by which it can be explained."""

    result: Verification
    nodes: Mapping[str, Checked]


def judge(observed: Observation, pictures: bool = False) -> Judged:
    """Replay what Keras was observed to do, and compare.

    Args:
        observed: what Keras did.
        pictures: whether what a page draws is kept, which takes about as long again.

    Raises:
        UnsupportedError: a layer or option has no replay.
        DataError: there is nothing to compare.
    """
    log.info("verifying")
    started, asked = time.perf_counter(), observed.asked
    if not any(array.size for array in observed.predictions):
        raise DataError(
            f"{asked.spec}: nothing to compare: the model's outputs have no elements; feed it at least one sample"
        )
    if all(node.opaque for node in observed.nodes):
        names = ", ".join(node.name for node in observed.nodes)
        raise DataError(f"{asked.spec}: nothing left to check: {names} taken as given, and there is no other layer")
    graph = Graph.of(observed)
    nodes = check_nodes(observed, graph, Pictured if pictures else Tally)
    tallies = {name: checked.tally for name, checked in nodes.items()}
    steps_right = all(tally.first is None for tally in tallies.values())
    exact = graph.run(observed.inputs)
    outputs, judged_alone = compare_outputs(observed, graph, exact, asked.tolerance, steps_right)
    found = [tally.first for tally in (*tallies.values(), *judged_alone.values()) if tally.first is not None]
    first = found[0] if found else None
    amplification = amplified(outputs, tallies)
    result = Verification(
        spec=asked.spec,
        seed=asked.seed,
        dtype=asked.dtype,
        outputs=tuple(outputs),
        layers=tuple(
            summarise(node, graph.layers[node.name], tallies[node.name], observed.emitted[Ref(node.name)].shape)
            for node in observed.nodes
            if not node.opaque
        ),
        first_divergence=first,
        amplification=amplification,
        parting=parting(observed, graph, exact, tallies)
        if steps_right and amplification is not None and amplification > AMPLIFIED
        else None,
        tolerance=asked.tolerance,
        notes=(
            *another_function(observed, graph, exact),
            *unheeded_masks(observed.nodes, graph, exact),
            *another_run(judged_alone, observed),
            *to_one_side(tallies),
            *known_fault(first, graph.layers.get(first.layer) if first is not None else None),
        ),
        untested=tuple(dict.fromkeys(untested(graph, tallies, judged_alone))),
        given=tuple(given_layers(observed)),
        environment=observed.environment,
        pictures=pictures_of(observed, graph, tallies, first) if pictures else None,
        seconds={**observed.seconds, "replay": time.perf_counter() - started},
    )
    return Judged(result, nodes)


def summarise(node: Node, layer: Layer, tally: Tally, shape: tuple[int, ...]) -> LayerResult:
    return LayerResult(
        layer=node.name,
        class_=node.class_name,
        parameters=sum(weight.size for weight in node.weights.values()),
        weights={name: weight.shape for name, weight in node.weights.items()},
        output_shape=shape,
        max_residual=tally.max_residual,
        worst_ratio=tally.worst_ratio,
        resolution=tally.resolution,
        passed=tally.first is None,
        gates=gate_columns(layer),
        options=options_of(node),
        ends=ends(layer),
    )


def options_of(node: Node) -> dict[str, tuple[str, ...]]:
    """What becomes of every option in a layer's config; of an operation, and of a class of the user's own, nothing is said."""
    declared = LAYERS.get(node.class_name)
    if declared is None:
        return {}
    used = [name for name in (*declared.arguments(), "dtype") if name in node.config]
    inert = [name for name in node.config if name not in used and name not in ("name", SEEN)]
    return {"used": tuple(f"{name}={short(value_of(node.config[name]))}" for name in used), "inert": tuple(inert)}


def value_of(value: Any) -> Any:
    """An option's value; of a layer inside its class, of a policy its name."""
    kind, inner = (value.get("class_name"), value.get("config")) if isinstance(value, Mapping) else (None, None)
    if not isinstance(kind, str) or not isinstance(inner, Mapping):
        return value  # also what a file gives that is no serialised part: the layer itself made nothing of it
    return inner.get("name", value) if kind == "DTypePolicy" else kind


def given_layers(observed: Observation) -> Iterator[GivenLayer]:
    """The layers that are taken as given, each with its place among all of them."""
    for place, node in enumerate(observed.nodes):
        if node.opaque:
            parameters = sum(weight.size for weight in node.weights.values())
            shape = observed.emitted[Ref(node.name)].shape
            yield GivenLayer(node.name, node.class_name, parameters, shape, place)


def amplified(outputs: Sequence[OutputResult], tallies: Mapping[str, Tally]) -> float | None:
    """How many times larger errors are end to end than in any one step."""
    residual = max((tally.max_residual for tally in tallies.values()), default=0.0)
    error = max(output.max_abs_error for output in outputs)
    return error / residual if 0 < residual < inf and error < inf else None


def untested(graph: Graph, tallies: Mapping[str, Tally], judged_alone: Mapping[str, Tally]) -> Iterator[str]:
    """The outputs and states of which no element could have shown a change of 10%."""
    for name, tally in tallies.items():
        yield from (tensor_label(graph, name, tensor) for tensor in tally.untested)
    yield from (name for name, tally in judged_alone.items() if tally.untested)


def to_one_side(tallies: Mapping[str, Tally]) -> Iterator[str]:
    """A sentence for every layer of which no step is wrong by itself."""
    for name, tally in tallies.items():
        if tally.to_one_side and tally.first is not None:
            yield (
                f"{name}: no step is beyond its limit by itself, but those of unit {tally.first.unit} all err to the same side;"
                " the difference that is given is what they have in common"
            )


def another_run(judged_alone: Mapping[str, Tally], observed: Observation) -> Iterator[str]:
    """A sentence for outputs that are not those of the run that was observed step by step."""
    if judged_alone:
        yield (
            f"{', '.join(judged_alone)}: the model returned other bits than the run that was observed step by step, as it does"
            " when compiled otherwise; so these were judged end to end, by how far rounding alone can take them"
            f"{allowed_for(observed.opaque)}"
        )


def parting(
    observed: Observation, graph: Graph, exact: Mapping[Ref, Masked], tallies: Mapping[str, Tally]
) -> Parting | None:
    """The first recurrent layer and timestep at which the free-running replay has left Keras's path."""
    for node in observed.nodes:
        for free, walked in zip(graph.free_walks(node, exact), observed.walks.get(node.name, ()), strict=False):
            error = absolute_error(walked.sequence.astype(np.float64), np.asarray(free.sequence, dtype=np.float64))
            far = (error > AMPLIFIED * tallies[node.name].max_residual).any(axis=(0, *range(2, error.ndim)))
            if far.any():
                return Parting(node.name, int(np.argmax(far)))
    return None


def unheeded_masks(nodes: Sequence[Node], graph: Graph, values: Mapping[Ref, Masked]) -> Iterator[str]:
    """A sentence for every layer that would heed a mask, if Keras handed it the one that its input has."""
    for node in nodes:
        masked = any(ref in values and values[ref].mask is not None for ref in node.inputs)
        if masked and not node.masked and graph.layers[node.name].takes_initial_state:
            yield (
                f"{node.name} runs over the masked steps: Keras passes no implied mask to a call that is given an"
                " initial_state, and the replay does the same"
            )
