"""What a model takes, from the shapes of its layers alone; what cannot fit is refused before anything is allocated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

from rnnverify.layers.layer import Layer, Shape
from rnnverify.machine.memory import NoRoomError, check_fits, gib
from rnnverify.observation import Ref
from rnnverify.spec.model import Spec
from rnnverify.spec.problems import Problems

# Keras's array, the copy that get_weights() makes, and ours in float64, rounded and in float32: 4 + 4 + 8 + 8 + 4.
BYTES_A_WEIGHT = 28
# The same for what flows between layers, emitted by Keras and replayed twice in two precisions.
BYTES_A_VALUE = 40
MOST_CALLS_BUILT = 768  # which takes some ten seconds


class Placed(NamedTuple):
    """One layer in a graph."""

    name: str
    layer: Layer
    inputs: tuple[Ref, ...]


class TooLargeError(Exception):
    """A model that is larger than it may be; says in what way."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name  # of the layer that is most to blame


def check_memory(problems: Problems, spec: Spec, shapes: Mapping[Ref, Shape]) -> None:
    """Add a problem where a spec's model is larger than it may be."""
    layers = [Placed(layer.name, layer.layer, layer.inputs) for layer in spec.layers]
    try:
        check_sizes(
            layers, shapes, [given.shape for given in spec.inputs], (spec.N or 1) * spec.calls_of(spec.stateful)
        )
    except TooLargeError as error:
        index = next((i for i, layer in enumerate(spec.layers) if layer.name == error.name), None)
        path = () if index is None or ("layers", index) not in problems.source.lines else ("layers", index)
        problems.add(path, str(error))


def check_sizes(layers: Sequence[Placed], shapes: Mapping[Ref, Shape], inputs: Sequence[Shape], samples: int) -> None:
    """Refuse a model whose estimated need exceeds the memory that is free now, or that Keras would build for hours.

    Args:
        layers: in topological order.
        shapes: of all that flows between them, without the samples.
        inputs: the shapes of the model's inputs.
        samples: how many it is fed.

    Raises:
        TooLargeError: it is too large.
    """
    needs: dict[str, int] = {}
    calls: dict[str, int] = {}
    for name, layer, refs in layers:
        given = [shapes[ref] for ref in refs]
        weights = list(layer.weight_shapes(given).values())
        outputs = [shape for ref, shape in shapes.items() if ref.node == name]
        values = samples * (layer.held(given) + sum(prod(shape) for shape in outputs))
        needs[name] = BYTES_A_WEIGHT * sum(map(prod, weights)) + BYTES_A_VALUE * values
        calls[name] = layer.calls_built(given)
    if (built := sum(calls.values())) > MOST_CALLS_BUILT:
        raise TooLargeError(
            f"expected at most {MOST_CALLS_BUILT} calls that Keras builds one by one, 3 for each timestep under `unroll`, 1 or"
            f" more for each in a TimeDistributed; got {built}; leave out unroll, which changes no result, or make T smaller",
            max(calls, key=lambda name: calls[name]),
        )
    needs["the input"] = BYTES_A_VALUE * samples * sum(map(prod, inputs))
    try:
        check_fits(sum(needs.values()))
    except NoRoomError as error:
        largest = max(needs, key=lambda name: needs[name])
        message = f"{error}, of which {largest} takes {gib(needs[largest])}; make N, T, D or M smaller"
        raise TooLargeError(message, largest) from None
