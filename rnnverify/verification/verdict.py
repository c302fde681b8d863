"""The whole story on one screen: observe Keras, replay it, compare, decide.

The verdict rests on every single step (steps.py). Beside it stands the comparison end to end, the free-running replay
against what `predict` returned: the table's errors. A recurrence can amplify the rounding of right steps without limit,
so that comparison alone cannot tell right from wrong.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnverify.errors import DataError
from rnnverify.layers.graph import Graph
from rnnverify.layers.layer import Masked
from rnnverify.observation import Node, Observation, Ref, Tolerance
from rnnverify.observation.precision import LARGEST, UNIT_ROUNDOFF
from rnnverify.results import LayerResult, OutputResult, Parting, Place, Verification
from rnnverify.verification.precision import unit_roundoff
from rnnverify.verification.steps import Checked, check_nodes
from rnnverify.verification.tally import Tally

Array = npt.NDArray[Any]

# From how much amplification on an explanation is due, and how far the two runs must differ, in residuals, to have parted.
AMPLIFIED = 1000.0

# In the rows of a mismatch, errors up to this many times the expected one are not marked: over 800 random right models
# (benchmarks/expected_error.py) the largest was 7.1 times the expected one.
MULTIPLE = 32.0


class Judged(NamedTuple):
    """A verdict, and the checks of the nodes that it rests on, by which it can be explained."""

    result: Verification
    nodes: Mapping[str, Checked]


def judge(observed: Observation) -> Judged:
    """Replay what Keras was observed to do, and compare.

    Raises:
        UnsupportedError: a layer or option has no replay.
        DataError: there is nothing to compare.
    """
    started, asked = time.perf_counter(), observed.asked
    if not any(array.size for array in observed.predictions):
        raise DataError(
            f"{asked.spec}: nothing to compare: the model's outputs have no elements; feed it at least one sample"
        )
    graph = Graph(observed.nodes)
    nodes = check_nodes(observed, graph)
    tallies = {name: checked.tally for name, checked in nodes.items()}
    steps_right = all(tally.first is None for tally in tallies.values())
    exact = graph.run(observed.inputs)
    outputs = compare_outputs(observed, graph, exact, asked.tolerance, steps_right)
    amplification = amplified(outputs, tallies)
    result = Verification(
        spec=asked.spec,
        seed=asked.seed,
        dtype=asked.dtype,
        outputs=tuple(outputs),
        layers=tuple(
            summarise(node, tallies[node.name], observed.emitted[Ref(node.name)].shape) for node in observed.nodes
        ),
        first_divergence=next((tally.first for tally in tallies.values() if tally.first is not None), None),
        amplification=amplification,
        parting=parting(observed, graph, exact, tallies)
        if steps_right and amplification is not None and amplification > AMPLIFIED
        else None,
        tolerance=asked.tolerance,
        notes=tuple(unheeded_masks(observed.nodes, graph, exact)),
        environment=observed.environment,
        seconds={**observed.seconds, "replay": time.perf_counter() - started},
    )
    return Judged(result, nodes)


def compare_outputs(
    observed: Observation, graph: Graph, exact: Mapping[Ref, Masked], tolerance: Tolerance, steps_right: bool
) -> list[OutputResult]:
    """A row for each unit of each output: the free-running replay against the prediction."""
    single = graph.run(observed.inputs, np.float32)
    roundoff = max(unit_roundoff(node.config) for node in observed.nodes)
    rows: list[OutputResult] = []
    for ref, prediction in zip(observed.outputs, observed.predictions, strict=True):
        keras = prediction.astype(np.float64)
        replay = overflowed(np.asarray(exact[ref].values, dtype=np.float64), LARGEST[graph.precisions[ref.node]])
        error = absolute_error(keras, replay)
        expected = expected_error(replay, single[ref].values, roundoff)
        timed = ref.node in graph.layers and graph.layers[ref.node].has_time(ref.output, keras.shape[1:])
        rows += output_rows(label(graph, ref), timed, keras, replay, error, expected, tolerance, steps_right)
    return rows


def overflowed(values: Array, largest: float) -> Array:
    """What is beyond the largest number of Keras's precision is infinite there."""
    return np.where(np.abs(values) > largest, np.copysign(inf, values), values)


def absolute_error(keras: Array, replay: Array) -> Array:
    """|Keras - replay|: 0 where both are the same infinity or both NaN, infinite where only one is a number."""
    if keras.shape != replay.shape:  # never subtract: shapes that differ may still broadcast
        return np.full(keras.shape, inf)
    with np.errstate(invalid="ignore"):
        same = (keras == replay) | (np.isnan(keras) & np.isnan(replay))
        difference = np.abs(keras - replay)
    return np.where(same, 0.0, np.where(np.isfinite(difference), difference, inf))


def expected_error(exact: Array, single: Array, roundoff: float) -> float:
    """How far rounding moves this tensor: the same replay in float32, whose errors grow as Keras's do.

    The largest difference over the tensor, and never below one rounding of its largest value. For other precisions
    than float32 it is scaled by their unit roundoff.
    """
    with np.errstate(invalid="ignore"):
        difference = np.abs(single.astype(np.float64) - exact)
    finite = np.isfinite(exact)
    largest = float(np.max(np.abs(exact), where=finite, initial=0.0))
    drift = float(np.max(difference, where=finite & np.isfinite(difference), initial=0.0))
    return max(drift * roundoff / UNIT_ROUNDOFF["float32"], largest * roundoff)


def output_rows(
    name: str,
    timed: bool,
    keras: Array,
    replay: Array,
    error: Array,
    expected: float,
    tolerance: Tolerance,
    steps_right: bool,
) -> Iterator[OutputResult]:
    """A row for each unit: the last axis of the output."""
    within = np.full(error.shape, True) if steps_right else error <= MULTIPLE * expected
    if tolerance.atol is not None or tolerance.rtol is not None:
        within &= error <= (tolerance.atol or 0.0) + (tolerance.rtol or 0.0) * np.abs(np.nan_to_num(keras))
    values = replay if replay.shape == keras.shape else np.full(keras.shape, np.nan)
    for unit in range(error.shape[-1]):
        part = error[..., unit]
        index = np.unravel_index(int(np.argmax(part)), part.shape)
        yield OutputResult(
            output=f"{name}[{unit}]",
            shape=part.shape,
            max_abs_error=float(part[index]),
            mean_abs_error=float(np.mean(part)),
            expected_error=expected,
            at=Place(int(index[0]) if index else 0, int(index[1]) if timed else None),
            keras=float(keras[..., unit][index]),
            replay=float(values[..., unit][index]),
            passed=bool(np.all(within[..., unit])),
        )


def summarise(node: Node, tally: Tally, shape: tuple[int, ...]) -> LayerResult:
    return LayerResult(
        layer=node.name,
        class_=node.class_name,
        parameters=sum(weight.size for weight in node.weights.values()),
        weights={name: weight.shape for name, weight in node.weights.items()},
        output_shape=shape,
        max_residual=tally.max_residual,
        worst_ratio=tally.worst_ratio,
        passed=tally.first is None,
    )


def amplified(outputs: Sequence[OutputResult], tallies: Mapping[str, Tally]) -> float | None:
    """How many times larger errors are end to end than in any one step."""
    residual = max(tally.max_residual for tally in tallies.values())
    error = max(output.max_abs_error for output in outputs)
    return error / residual if 0 < residual < inf and error < inf else None


def parting(
    observed: Observation, graph: Graph, exact: Mapping[Ref, Masked], tallies: Mapping[str, Tally]
) -> Parting | None:
    """The first recurrent layer and timestep at which the free-running replay has left Keras's path."""
    for node in observed.nodes:
        for free, walked in zip(graph.free_walks(node, exact), observed.walks.get(node.name, ()), strict=False):
            error = absolute_error(walked.sequence.astype(np.float64), np.asarray(free, dtype=np.float64))
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


def label(graph: Graph, ref: Ref) -> str:
    """`lstm`, or `lstm.c` for an output that has a name of its own."""
    name = graph.layers[ref.node].output_names[ref.output] if ref.node in graph.layers else ""
    return f"{ref.node}.{name}" if name else ref.node
