"""What the model returned beside the free-running replay, end to end: a row for each unit of each output.

Where the model returned what was observed step by step, the steps decide, and the rows only report. Where it did not (a
model that was compiled otherwise makes other roundings), or where some step is wrong, each element is held against
`limit` standard deviations of the replay's own rounding: see `end_to_end`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import inf
from typing import Any, NamedTuple

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.layers.layer import Masked
from rnnverify.observation import Observation, Ref, Tolerance
from rnnverify.observation.precision import UNIT_ROUNDOFF
from rnnverify.results import OutputResult, Place
from rnnverify.rounding import Rounded
from rnnverify.verification.end_to_end import expected_end_to_end
from rnnverify.verification.given import part_of
from rnnverify.verification.look import Rows
from rnnverify.verification.precision import unit_roundoff
from rnnverify.verification.second_look import worst_rows
from rnnverify.verification.tally import Tally, Tensor

RUN_IN_FLOAT32 = 8  # samples for each output: what rounding makes of them is about what it makes of all


class Compared(NamedTuple):
    """The rows, and what was found of the outputs that had to be judged end to end."""

    rows: list[OutputResult]
    tallies: dict[str, Tally]  # by the outputs' labels


def compare_outputs(
    observed: Observation, graph: Graph, exact: Mapping[Ref, Masked], tolerance: Tolerance, steps_right: bool
) -> Compared:
    """The rows of all outputs.

    Args:
        exact: the free-running replay.
        steps_right: whether no step is beyond its limit.
    """
    returned = list(zip(observed.outputs, observed.predictions, strict=True))
    replays = {ref: in_range(exact[ref], graph.largest.get(ref.node, inf)) for ref in observed.outputs}
    apart = [ref for ref, prediction in returned if not same_as_observed(observed, ref, prediction)]
    rounded = expected_end_to_end(observed, graph).tensors if apart or not steps_right else {}
    farthest, single = (slice(None), {}) if rounded else run_in_float32(observed, graph, returned, replays)
    roundoff = max((unit_roundoff(node.config) for node in observed.nodes if not node.opaque), default=0.0)
    compared = Compared([], {})
    for ref, prediction in returned:
        keras = prediction.astype(np.float64)
        replay = replays[ref]
        timed = ref.node in graph.layers and graph.layers[ref.node].has_time(ref.output, keras.shape[1:])
        name = label(graph, ref)
        if rounded:
            end = rounded[ref].values
            tally = Tally(ref.node, graph.largest.get(ref.node, inf))
            again = partial(end_again, observed, graph, ref)
            within = tally.add(keras, end, 0 if timed else None, again=again, widens=True)
            if ref in apart:
                compared.tallies[name] = tally
            elif steps_right:  # some other output is judged end to end
                within = np.full(keras.shape, True)
            expected = largest_deviation(end)
        else:
            within = np.full(keras.shape, True)
            expected = expected_error(replay[farthest], single[ref].values, roundoff)
        compared.rows.extend(output_rows(name, timed, keras, replay, expected, within, tolerance))
    return compared


def run_in_float32(
    observed: Observation, graph: Graph, returned: Sequence[tuple[Ref, Array]], replays: Mapping[Ref, Array]
) -> tuple[Array, Mapping[Ref, Masked]]:
    """The same replay in float32, of the samples alone in which Keras is farthest from it.

    Returns:
        Which samples, and every tensor of those.
    """
    farthest = []
    for ref, keras in returned:
        error = absolute_error(keras, replays[ref])
        of_sample = error.max(axis=tuple(range(1, error.ndim)), initial=0)
        farthest.append(np.argsort(of_sample)[-RUN_IN_FLOAT32:])
    samples = np.unique(np.concatenate(farthest))
    if len(samples) == len(returned[0][1]):
        return samples, graph.run(observed.inputs, np.float32)
    part = part_of(observed, samples)
    return samples, Graph.of(part).run(part.inputs, np.float32)


def in_range(replay: Masked, largest: float) -> Array:
    """A tensor of the free-running replay, as Keras's precision has it."""
    return overflowed(np.asarray(replay.values, dtype=np.float64), largest)


def same_as_observed(observed: Observation, ref: Ref, prediction: Array) -> bool:
    """Whether the model returned, to the last bit, what was seen inside of it."""
    seen = observed.emitted.get(ref, observed.inputs.get(ref.node))
    return seen is not None and np.array_equal(prediction, seen, equal_nan=True)


def end_again(observed: Observation, graph: Graph, ref: Ref, over: Array) -> tuple[Rows, Rounded]:
    """Samples of an output that are off, looked at again: roundings that have a direction may explain it."""
    rows = worst_rows(over, 1, [weight for node in observed.nodes for weight in node.weights.values()])
    (samples,) = rows
    made: Any = expected_end_to_end(part_of(observed, samples), graph, regular=True).tensors[ref].values
    return rows, made


def largest_deviation(expected: Any) -> float:
    """The largest standard deviation over an output; infinite where nothing is known of an element."""
    return float(np.sqrt(expected.variance.max(initial=0))) if isinstance(expected, Rounded) else 0.0


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

    The largest difference over the samples given, and never below one rounding of its largest value. For other precisions
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
    expected: float,
    within: Array,
    tolerance: Tolerance,
) -> Iterator[OutputResult]:
    """A row for each unit: the last axis of the output."""
    error = absolute_error(keras, replay)
    if tolerance.atol is not None or tolerance.rtol is not None:
        within = within & (error <= (tolerance.atol or 0.0) + (tolerance.rtol or 0.0) * np.abs(np.nan_to_num(keras)))
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


def label(graph: Graph, ref: Ref) -> str:
    """`lstm`, or `lstm.c` for an output that has a name of its own."""
    name = graph.layers[ref.node].output_names[ref.output] if ref.node in graph.layers else ""
    return f"{ref.node}.{name}" if name else ref.node


def tensor_label(graph: Graph, node: str, tensor: Tensor) -> str:
    """The same of what a tally counts: an output, or a state of a walk, `lstm.c`."""
    walk, index = tensor
    if walk is None:
        return label(graph, Ref(node, index))
    layer = graph.layers[node]
    names, number = layer.walked_names, index
    if walk and hasattr(layer, "directions"):  # of a Bidirectional's second direction, after those of the first
        number += len(layer.directions[0][1].walked_names)
    return f"{node}.{names[number]}" if len(names) > 1 else node
