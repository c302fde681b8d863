"""Two operations that a compiler makes one of: the second is then computed from what the first was given, not from its result.

TensorFlow's graph optimiser makes log1p(x) of log(1 + x), expm1(x) of exp(x) - 1, and x rsqrt(y) of x / sqrt(y), whether or not
the first result is wanted, too: as measured, it leaves 1 + x rounded, and takes the logarithm of what is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rnnverify.layers import merging
from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.arrays import numbers_of
from rnnverify.layers.graph import Graph
from rnnverify.layers.layer import Layer
from rnnverify.layers.operations import Operation
from rnnverify.layers.rescaling import Rescaling
from rnnverify.observation import Node, Ref
from rnnverify.observation.arguments import filled
from rnnverify.rounding import Rounded
from rnnverify.rounding.functions import FUNCTION_ULPS, RECIPROCAL_ULPS

Given = Callable[[Ref], Any]  # every tensor, as an array or in rounding numbers


@dataclass(frozen=True)
class Place:
    """Which of the tensors that it is called on an operand is."""

    number: int


class Merged(NamedTuple):
    """An input that may reach an operation without having been rounded."""

    place: int  # among the operation's
    before: Node  # what put it out

    def unrounded(self, x: Rounded, second: Layer) -> Any:
        """What it may be, with what the one function may be off by beyond the two: expm1, say, in u of what it gives.

        Args:
            x: what the first operation makes of its own inputs.
            second: the second operation.
        """
        if is_difference(second):
            own = FUNCTION_ULPS[np.exp] * np.abs(x.value - 1)
        elif is_named(second, "Log"):
            return x  # with all that a logarithm may be off by, too
        else:
            own = RECIPROCAL_ULPS * np.abs(x.value)
        own *= x.precision.unit
        return x.off_by(x.bound + own, x.variance + own * own / 3)


def merged_into(node: Node, graph: Graph, given: Given) -> list[Merged]:
    """The inputs of a node that may not have been rounded when it read them: none but of a few operations.

    Args:
        node: of the graph.
        graph: with its replays.
        given: every tensor.
    """
    layer = graph.layers[node.name]
    operands = operands_of(layer)
    if is_named(layer, "Log"):
        asked, first = operands[0], adds_one
    elif is_difference(layer) and is_one(operands[1], node, given):
        asked, first = operands[0], is_exponential
    elif is_named(layer, "TrueDivide", "Divide"):
        asked, first = operands[1], is_root
    else:
        return []
    if not isinstance(asked, Place):
        return []
    ref = node.inputs[asked.number]
    before = next((one for one in graph.nodes if one.name == ref.node), None)
    if before is None or graph.precisions[before.name] != graph.precisions[node.name]:
        return []  # what is cast between them is rounded
    return [Merged(asked.number, before)] if first(graph.layers[before.name], before, given) else []


def operands_of(layer: Layer) -> Sequence[Any]:
    """Numbers, arrays and places of tensors: of a layer, such as Subtract, the first two that it is called on."""
    return list(filled(layer.arguments, Place)) if isinstance(layer, Operation) else [Place(0), Place(1)]


def adds_one(layer: Layer, node: Node, given: Given) -> bool:
    if isinstance(layer, Rescaling):
        return 1 in np.atleast_1d(layer.offset)
    if isinstance(layer, merging.Add):
        return any(is_one(Place(number), node, given) for number in range(len(node.inputs)))
    return is_named(layer, "Add") and any(is_one(one, node, given) for one in operands_of(layer))


def is_exponential(layer: Layer, node: Node, given: Given) -> bool:
    return is_named(layer, "Exp") or getattr(layer, "activation", None) is ACTIVATIONS["exponential"]


def is_root(layer: Layer, node: Node, given: Given) -> bool:
    return is_named(layer, "Sqrt")


def is_difference(layer: Layer) -> bool:
    return isinstance(layer, merging.Subtract) or is_named(layer, "Subtract")


def is_named(layer: Layer, *names: str) -> bool:
    """Whether it is one of these operations."""
    return isinstance(layer, Operation) and layer.name in names


def is_one(operand: Any, node: Node, given: Given) -> bool:
    """Whether an operand is one, everywhere: of a tensor that is a constant a compiler may know it, too."""
    value = numbers_of(given(node.inputs[operand.number]) if isinstance(operand, Place) else operand)
    return value.size > 0 and bool((value == 1).all())
