"""Every gate and state of a replay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnnverify.api.observing import observation_of
from rnnverify.layers.graph import Graph
from rnnverify.layers.trace import trace as trace_of
from rnnverify.layers.trace import walks_of
from rnnverify.results import Trace


def trace(target: Any, x: Any = None, *, allow_code: bool = False, opaque: Sequence[str] = ()) -> Trace:
    """Every gate and state at every step, as the free-running float64 replay computes them.

    Args:
        target: a Spec, a built keras.Model, one built Keras layer, what Keras was observed to do, or the path of a file.
        x: the input of a model or layer, (N, ...), an array or lists of numbers; several in a list, or for a model in a mapping
            by name. A Spec draws its own.
        allow_code: whether a function that a spec names, to return the model, may be run.
        opaque: layers that are not to be replayed, as `verify` takes them; of these there is the `output` that Keras gave.

    Returns:
        A mapping: `trace["lstm"]["i"]` is the input gate (N, T, M); see `Trace`. `.to_xarray()` makes a Dataset of it.

    Raises:
        RequestError: the target cannot be built, fed or replayed; the message says what to do.
    """
    observed = observation_of(target, x, allow_code, opaque)
    graph = Graph.of(observed)
    layers = trace_of(graph, observed.inputs)
    walks = {name: walks_of(layer) for name, layer in graph.layers.items() if layer.takes_initial_state}
    return Trace(observed.asked.spec, layers, walks)
