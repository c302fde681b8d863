"""How far the free-running replay and what was given drift apart over time, beside how far rounding alone takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.layers.layer import Layer
from rnnverify.layers.trace import walks_of
from rnnverify.observation import Observation, Walked
from rnnverify.results.pictures import Drift
from rnnverify.rounding import LIMIT, Rounded
from rnnverify.verification.end_to_end import expected_end_to_end
from rnnverify.verification.folding import MOST_ROWS, by_blocks
from rnnverify.verification.given import part_of
from rnnverify.verification.outputs import absolute_error, label

MOST_ELEMENTS = 1 << 22  # of the widest tensor of a run end to end


def goes_back(layer: Layer, walk: int | None) -> bool:
    """Whether a walk goes back in time."""
    return walk is not None and list(walks_of(layer).values())[walk]


def drifts(observed: Observation, graph: Graph) -> Iterator[Drift]:
    """Every state of every walk, and what else the model returns that has time: end to end, from its inputs alone."""
    count = samples_drawn(observed)
    some = observed if count is None else part_of(observed, slice(count))
    watched = [name for name, walks in observed.walks.items() if walks and name in graph.layers]
    expected = expected_end_to_end(some, graph, watched=watched)
    for node in expected.walks:
        names = graph.declared[node].walked_names
        pairs = enumerate(zip(observed.walks[node], expected.walks[node], strict=False))
        found = [(walk, *pair) for walk, (seen, made) in pairs for pair in zip(every(seen), every(made), strict=False)]
        for name, (walk, keras, replay) in zip(names, found, strict=False):
            drift = drift_of(node, f"{node}.{name}", keras[:count], replay)
            yield replace(drift, samples=count, backwards=goes_back(graph.layers[node], walk))
    for ref, prediction in zip(observed.outputs, observed.predictions, strict=True):
        layer = None if ref.node in expected.walks else graph.layers.get(ref.node)
        if layer is not None and layer.has_time(ref.output, prediction.shape[1:]):
            drift = drift_of(ref.node, label(graph, ref), prediction[:count], expected.tensors[ref].values)
            yield replace(drift, samples=count)


def samples_drawn(observed: Observation) -> int | None:
    """How many samples are run end to end, for a picture, where all would take too much memory; None for all."""
    samples = min(len(x) for x in observed.inputs.values())
    walked = [walk.sequence for walks in observed.walks.values() for walk in walks]
    widest = max(array.size // max(len(array), 1) for array in [*observed.emitted.values(), *walked])
    count = max(1, MOST_ELEMENTS // max(widest, 1))
    return count if count < samples else None


def every(walked: Walked) -> Sequence[Array]:
    """Each of its states at every step."""
    return walked.sequence, *walked.others


def drift_of(layer: str, tensor: str, given: Array, replay: Any) -> Drift:
    """How far off what was given is from the replay in rounding numbers, (N, T, ...) each."""
    value = np.asarray(replay.value if isinstance(replay, Rounded) else replay, dtype=np.float64)
    given = given.reshape(value.shape)  # a walk over images is observed with their places in a row
    with np.errstate(all="ignore"):
        deviation = np.sqrt(replay.variance) if isinstance(replay, Rounded) else np.zeros(value.shape)
        error = absolute_error(np.asarray(given, dtype=np.float64), value)
    others = (0, *range(2, value.ndim))
    timesteps = value.shape[1]
    per_row = max(1, -(-timesteps // MOST_ROWS))
    off, spread, size = (
        by_blocks(np.fmax.reduce(one, axis=others, initial=0.0), per_row) for one in (error, deviation, np.abs(value))
    )
    limit = replay.precision.limit if isinstance(replay, Rounded) else LIMIT
    return Drift(layer, tensor, off, spread, size, limit, timesteps, per_row)
