"""A layer that is not replayed: what Keras was seen to put out is taken as given. It stands for one of any class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from rnnverify.errors import UnsupportedError
from rnnverify.layers.arrays import Array
from rnnverify.layers.layer import Call, Layer, Masked, Outputs, Shape
from rnnverify.observation import Node, Observation, Ref


@dataclass(frozen=True, eq=False)
class Opaque(Layer):
    """What one call of it put out, with the masks that Keras handed on, and the shapes of its weights."""

    given: tuple[Masked, ...]
    shapes_of_weights: Mapping[str, Shape]

    several_inputs = True
    autocast = False
    distributes = False

    @classmethod
    def of_node(cls, node: Node, given: Mapping[Ref, Masked]) -> Opaque:
        """The node's outputs, from those of all nodes that are taken as given.

        Raises:
            UnsupportedError: they are not among them.
        """
        found = []
        for index in count():
            if (ref := Ref(node.name, index)) not in given:
                break
            found.append(given[ref])
        if not found:
            raise UnsupportedError(
                f"layer {node.layer!r} is taken as given, and what it puts out here is not known: Keras did not run"
            )
        return cls(tuple(found), {name: array.shape for name, array in node.weights.items()})

    def output_shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        return [one.values.shape[1:] for one in self.given]

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        return dict(self.shapes_of_weights)

    @property
    def weight_names(self) -> tuple[str, ...]:
        return tuple(self.shapes_of_weights)

    @property
    def output_names(self) -> tuple[str, ...]:
        return ("", *map(str, range(1, len(self.given))))

    def weights_from(self, arrays: Sequence[Array]) -> Sequence[Array]:
        return []  # it computes nothing

    def __call__(self, call: Call) -> Outputs:
        return self.given


def given_by(observed: Observation) -> dict[Ref, Masked]:
    """What is taken as given of what Keras was observed to do."""
    names = {node.name for node in observed.opaque}
    return {ref: Masked(array, observed.masks.get(ref)) for ref, array in observed.emitted.items() if ref.node in names}
