"""The whole story on one screen: observe Keras, replay it, compare, decide.

Two comparisons are made. End to end, the free-running replay against what `predict` returned: the table's errors.
Layer by layer, each layer replayed on what Keras fed it: the layer that is wrong shows, and those after it do not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnverify.errors import DataError
from rnnverify.observation import Node, Observation, Ref
from rnnverify.precision import LARGEST, UNIT_ROUNDOFF, compute_dtype
from rnnverify.replay.bidirectional import Bidirectional
from rnnverify.replay.graph import Graph
from rnnverify.replay.layer import Masked
from rnnverify.replay.recurrence import Recurrent
from rnnverify.spec.model import Tolerance

Array = npt.NDArray[Any]

# How many times the expected error still counts as rounding. Over 800 random right models of all layer kinds and
# precisions (benchmarks/expected_error.py) the largest error seen was 7.1 times the expected one.
MULTIPLE = 32.0


@dataclass(frozen=True)
class Place:
    """Where in an output an element stands; timestep is None where the output has no time."""

    sample: int
    timestep: int | None


@dataclass(frozen=True)
class OutputResult:
    """One unit of one output, over all samples and timesteps."""

    output: str  # `dense[0]`; `lstm.c[0]` for a state
    shape: tuple[int, ...]  # (N,) or (N, T)
    max_abs_error: float  # of the free-running replay against the prediction
    mean_abs_error: float
    expected_error: float  # what rounding alone makes of this output, at most: see `expected`
    at: Place  # of the largest error
    keras: float  # both values there
    replay: float
    passed: bool


@dataclass(frozen=True)
class LayerResult:
    """One call of one layer, replayed on what Keras fed it."""

    layer: str
    class_: str
    parameters: int
    weights: Mapping[str, tuple[int, ...]]  # shapes, in the order of get_weights()
    output_shape: tuple[int, ...]  # of its first output, the samples included
    max_residual: float
    worst_ratio: float  # the largest residual over what is allowed; up to 1 passes
    passed: bool


@dataclass(frozen=True)
class Divergence:
    """The first place, in the order of the layers and of time, where Keras and the replay part."""

    layer: str
    timestep: int | None
    sample: int
    unit: int
    gate: str | None
    keras: float
    replay: float
    residual: float
    allowed: float
    certain: bool


@dataclass(frozen=True)
class Verification:
    """The result for one spec or model."""

    spec: str
    seed: int
    dtype: str
    outputs: tuple[OutputResult, ...]
    layers: tuple[LayerResult, ...]
    first_divergence: Divergence | None
    tolerance: Tolerance
    notes: tuple[str, ...]  # what Keras does that the user may not expect
    environment: Mapping[str, str]
    seconds: Mapping[str, float]

    @property
    def passed(self) -> bool:
        return all(output.passed for output in self.outputs) and all(layer.passed for layer in self.layers)

    @property
    def verdict(self) -> str:
        return "match" if self.passed else "mismatch"


@dataclass(frozen=True)
class Comparison:
    """One tensor of Keras's beside the replay's."""

    keras: Array
    replay: Array
    error: Array  # 0 where both are the same infinity or both NaN; infinite where only one is finite
    expected: float
    allowed: float

    @property
    def passed(self) -> bool:
        return bool(np.all(self.error <= self.allowed))

    @property
    def worst_ratio(self) -> float:
        worst = float(np.max(self.error))
        return worst / self.allowed if self.allowed > 0 else (0.0 if worst == 0 else inf)


def verify_observation(observed: Observation, name: str, seed: int, dtype: str, tolerance: Tolerance) -> Verification:
    """Replay what Keras was observed to do, and compare.

    Raises:
        UnsupportedError: a layer or option has no replay.
        DataError: there is nothing to compare.
    """
    started = time.perf_counter()
    if not any(array.size for array in observed.predictions):
        raise DataError(
            f"{name}: nothing to compare: the model's outputs have no elements; feed it at least one sample"
        )
    graph = Graph(observed.nodes)
    roundoffs = {node.name: coarsest(node.config) for node in observed.nodes}
    exact = graph.run(observed.inputs)
    single = graph.run(observed.inputs, np.float32)
    outputs = [
        result
        for ref, predicted in zip(observed.outputs, observed.predictions, strict=True)
        for result in compare_output(
            label(graph, ref),
            compare(predicted, exact[ref], single[ref], max(roundoffs.values()), graph.dtype_of(ref)),
            tolerance,
        )
    ]
    exact = graph.run_layerwise(observed.inputs, observed.emitted)
    single = graph.run_layerwise(observed.inputs, observed.emitted, np.float32)
    layers: list[LayerResult] = []
    divergence: Divergence | None = None
    for node in observed.nodes:
        refs = [ref for ref in observed.emitted if ref.node == node.name]
        compared = [
            compare(observed.emitted[ref], exact[ref], single[ref], roundoffs[node.name], graph.dtype_of(ref))
            for ref in refs
        ]
        layers.append(summarise(node, compared))
        if divergence is None:
            divergence = first_divergence(node, compared)
    seconds = {**observed.seconds, "replay": time.perf_counter() - started}
    return Verification(
        spec=name,
        seed=seed,
        dtype=dtype,
        outputs=tuple(outputs),
        layers=tuple(layers),
        first_divergence=divergence,
        tolerance=tolerance,
        notes=tuple(unheeded_masks(observed.nodes, graph, exact)),
        environment=observed.environment,
        seconds=seconds,
    )


def unheeded_masks(nodes: Sequence[Node], graph: Graph, values: Mapping[Ref, Masked]) -> Iterator[str]:
    """A sentence for every layer that would heed a mask, if Keras handed it the one that its input has."""
    for node in nodes:
        masked = any(ref in values and values[ref].mask is not None for ref in node.inputs)
        if masked and not node.masked and isinstance(graph.layers[node.name], Recurrent | Bidirectional):
            yield (
                f"{node.name} runs over the masked steps: Keras passes no implied mask to a call that is given an"
                " initial_state, and the replay does the same"
            )


def coarsest(config: Mapping[str, Any]) -> float:
    """The unit roundoff of the coarsest precision in a layer: those inside a wrapper may have policies of their own."""
    inner = [config[key]["config"] for key in ("layer", "backward_layer") if isinstance(config.get(key), Mapping)]
    return max(UNIT_ROUNDOFF[compute_dtype(config["dtype"])], *map(coarsest, inner), 0.0)


def compare(keras: Array, exact: Masked, single: Masked, roundoff: float, dtype: str) -> Comparison:
    """Keras's tensor beside the replay in float64, with the replay in float32 to say what rounding does to it."""
    keras = keras.astype(np.float64)
    replay = np.asarray(exact.values, dtype=np.float64)
    if keras.shape != replay.shape:  # never subtract: shapes that differ may still broadcast
        return Comparison(keras, np.full(keras.shape, np.nan), np.full(keras.shape, inf), 0.0, 0.0)
    replay = np.where(np.abs(replay) > LARGEST[dtype], np.copysign(inf, replay), replay)  # Keras overflows there
    with np.errstate(invalid="ignore"):
        same = (keras == replay) | (np.isnan(keras) & np.isnan(replay))
        difference = np.abs(keras - replay)
    error = np.where(same, 0.0, np.where(np.isfinite(difference), difference, inf))
    expected = expected_error(replay, single.values, roundoff)
    return Comparison(keras, replay, error, expected, MULTIPLE * expected)


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


def compare_output(name: str, compared: Comparison, tolerance: Tolerance) -> list[OutputResult]:
    """A row for each unit: the last axis of the output."""
    rows = []
    within = compared.error <= compared.allowed
    if tolerance.atol is not None or tolerance.rtol is not None:
        allowed = (tolerance.atol or 0.0) + (tolerance.rtol or 0.0) * np.abs(np.nan_to_num(compared.keras))
        within &= compared.error <= allowed
    for unit in range(compared.error.shape[-1]):
        error = compared.error[..., unit]
        index = np.unravel_index(int(np.argmax(error)), error.shape)
        rows.append(
            OutputResult(
                output=f"{name}[{unit}]",
                shape=error.shape,
                max_abs_error=float(error[index]),
                mean_abs_error=float(np.mean(error)),
                expected_error=compared.expected,
                at=place(index),
                keras=float(compared.keras[..., unit][index]),
                replay=float(compared.replay[..., unit][index]),
                passed=bool(np.all(within[..., unit])),
            )
        )
    return rows


def summarise(node: Node, compared: Sequence[Comparison]) -> LayerResult:
    return LayerResult(
        layer=node.name,
        class_=node.class_name,
        parameters=sum(weight.size for weight in node.weights.values()),
        weights={name: weight.shape for name, weight in node.weights.items()},
        output_shape=compared[0].keras.shape,
        max_residual=max(float(np.max(one.error)) for one in compared),
        worst_ratio=max(one.worst_ratio for one in compared),
        passed=all(one.passed for one in compared),
    )


def first_divergence(node: Node, compared: Sequence[Comparison]) -> Divergence | None:
    """The earliest timestep beyond what is allowed, and there the worst element; None where all is well."""
    for one in compared:
        beyond = ~(one.error <= one.allowed)
        if not beyond.any():
            continue
        timed = beyond.ndim > 2
        error = np.where(beyond, one.error, -1.0)
        if timed:
            timestep = int(np.argmax(beyond.any(axis=tuple(i for i in range(beyond.ndim) if i != 1))))
            error[:, np.arange(error.shape[1]) != timestep] = -1.0
        index = np.unravel_index(int(np.argmax(error)), error.shape)
        at = place(index[:-1])
        return Divergence(
            layer=node.name,
            timestep=at.timestep,
            sample=at.sample,
            unit=int(index[-1]),
            gate=None,
            keras=float(one.keras[index]),
            replay=float(one.replay[index]),
            residual=float(one.error[index]),
            allowed=one.allowed,
            certain=False,
        )
    return None


def place(index: Sequence[Any]) -> Place:
    return Place(int(index[0]) if index else 0, int(index[1]) if len(index) > 1 else None)


def label(graph: Graph, ref: Ref) -> str:
    """`lstm`, or `lstm.c` for an output that has a name of its own."""
    name = graph.layers[ref.node].output_names[ref.output] if ref.node in graph.layers else ""
    return f"{ref.node}.{name}" if name else ref.node
