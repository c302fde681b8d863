"""What a layer computes in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from rnnverify.layers.graph import Graph
from rnnverify.observation import Node
from rnnverify.observation.precision import UNIT_ROUNDOFF, dtypes_in
from rnnverify.rounding import PRECISIONS, Precision
from rnnverify.rounding.precision import LIMIT


def precision_in(graph: Graph, node: Node, tf32: bool) -> Precision:
    """What a node computes in."""
    made = precision_of(node.config, tf32)
    layer = graph.layers.get(node.name)  # none where it is taken as given
    if layer is None or not layer.narrow_sums or made.summed is None:
        return made
    return dataclasses.replace(made, summed=made.unit, limit=LIMIT)


def precision_of(config: Mapping[str, Any], tf32: bool) -> Precision:
    """What a layer computes in: where there is another layer in it, in another precision, what is coarsest of both."""
    found = [
        dataclasses.replace(PRECISIONS[dtype], operands=2.0**-11) if tf32 and dtype == "float32" else PRECISIONS[dtype]
        for dtype in dtypes_in(config)
    ]
    coarsest = max(found, key=lambda precision: precision.unit)
    return dataclasses.replace(
        coarsest,
        smallest=max(precision.smallest for precision in found),
        largest=min(precision.largest for precision in found),
        unread=max(precision.unread for precision in found),
        limit=max(precision.limit for precision in found),
    )


def unit_roundoff(config: Mapping[str, Any]) -> float:
    """The unit roundoff of the coarsest precision in a layer."""
    return max(UNIT_ROUNDOFF[dtype] for dtype in dtypes_in(config))
