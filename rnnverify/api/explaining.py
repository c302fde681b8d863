"""Explain a model to those who learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnnverify.api.observing import observation_of
from rnnverify.layers.graph import Graph
from rnnverify.lessons.walks import Asked
from rnnverify.lessons.whole import explanation
from rnnverify.results.explained import Explanation
from rnnverify.verification.nodes import check_nodes


def explain(
    target: Any,
    x: Any = None,
    *,
    layer: str | None = None,
    sample: int = 0,
    timestep: int | None = None,
    unit: int = 0,
    mask: Any = None,
    initial_state: Any = None,
    allow_code: bool = False,
    opaque: Sequence[str] = (),
) -> Explanation:
    """Explain a model: the shape of every tensor, each parameter count, and one number worked out with the real numbers.

    Args:
        target, x, mask, initial_state: as `verify` takes them.
        layer: of which layer a number is worked out; by default of the first recurrent one, and of the model's last.
        sample, unit: which number, from 0; the units of images are counted row by row, a place's filters next to each other.
        timestep: at which timestep of what the layer reads, from 0; by default the last that is not masked.
        allow_code: whether a function that a spec names, to return the model, may be run.
        opaque: layers that are not to be replayed, as `verify` takes them.

    Returns:
        What shows itself as text in a terminal, and in a notebook as a page with its formulas set.

    Raises:
        RequestError: the target cannot be built, fed or replayed, or has no such layer, sample, timestep or unit.
    """
    observed = observation_of(target, x, allow_code, opaque, mask, initial_state)
    graph = Graph.of(observed)
    checks = {name: checked.node for name, checked in check_nodes(observed, graph).items()}
    return explanation(observed, graph, checks, Asked(sample, timestep, unit), layer)
