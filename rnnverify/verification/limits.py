"""How far apart two right runs of a model may be, element by element of what it returns."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.observation import Observation
from rnnverify.rounding import Rounded
from rnnverify.verification.end_to_end import expected_end_to_end


def output_limits(observed: Observation, graph: Graph) -> list[Array]:
    """For each output how far rounding may take it from the float64 replay, end to end, as `verification.outputs` allows.

    Where Keras's own are further off, roundings may all have a direction, as that allows, too.
    """
    limits = limits_of(observed, graph, regular=False)
    exact = graph.run(observed.inputs)
    with np.errstate(all="ignore"):
        beyond = any(
            (np.abs(keras.astype(np.float64) - exact[ref].values) > limit).any()
            for ref, keras, limit in zip(observed.outputs, observed.predictions, limits, strict=True)
        )
    if not beyond:
        return limits
    return [np.maximum(*pair) for pair in zip(limits, limits_of(observed, graph, regular=True), strict=True)]


def limits_of(observed: Observation, graph: Graph, regular: bool) -> list[Array]:
    tensors = expected_end_to_end(observed, graph, regular=regular).tensors
    return [limit_of(tensors[ref].values) for ref in observed.outputs]


def limit_of(expected: Any) -> Array:
    """The limit of numbers that carry their rounding; next to nothing where nothing rounds."""
    tiny = float(np.finfo(np.float32).tiny)
    if not isinstance(expected, Rounded):
        return np.full(expected.shape, tiny)
    with np.errstate(all="ignore"):
        found = expected.precision.limit * np.sqrt(expected.variance) + tiny
    return np.where(np.isnan(found), np.inf, found)
