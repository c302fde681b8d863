"""The replay of a whole model: each node in turn, on the outputs of those before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from types import MappingProxyType
from typing import Any

import numpy as np

from rnnverify.errors import UnsupportedError
from rnnverify.layers.arrays import Array, numbers_of
from rnnverify.layers.layer import Call, Layer, Masked, Outputs, Shape
from rnnverify.layers.opaque import Opaque, given_by
from rnnverify.layers.registry import layer_of
from rnnverify.observation import Node, Observation, Ref, Walked
from rnnverify.observation.precision import HOLDS, LARGEST, at_least_single, casts_in, dtypes_in, rounded


class Graph:
    """A model's nodes with their replays.

    Args:
        nodes: in topological order.
        given: what those of them put out that are taken as given.

    Raises:
        UnsupportedError: a layer, one of its options or its precision is not implemented.
    """

    def __init__(self, nodes: Sequence[Node], given: Mapping[Ref, Masked] = MappingProxyType({})) -> None:
        self.nodes = tuple(nodes)
        self.given = given
        self.declared: dict[str, Layer] = {}  # by the nodes' configs
        self.precisions: dict[str, str] = {}  # what each computes in
        self.largest: dict[str, float] = {}  # the largest number that each can put out
        self.weights_in: dict[str, str] = {}  # what each reads its weights in
        self.casts: dict[str, tuple[str, ...]] = {}  # what each rounds its inputs to, one after the other
        for node in nodes:
            layer = Opaque.of_node(node, given) if node.opaque else layer_of(node.class_name, node.config)
            if layer.weight_count != len(node.weights):
                raise UnsupportedError(
                    f"layer {node.layer!r}: a {node.class_name} with this config has {layer.weight_count} weight"
                    f" arrays, get_weights() gave {len(node.weights)}"
                )
            self.declared[node.name] = layer
            inside = dtypes_in(node.config)
            self.precisions[node.name] = "float64" if node.opaque else inside[-1]  # what is given may be anything
            self.largest[node.name] = min(LARGEST[dtype] for dtype in inside)
            self.casts[node.name] = casts_in(node.config) if layer.autocast else ()
            self.weights_in[node.name] = (
                at_least_single(inside[0]) if layer.at_least_single else self.precisions[node.name]
            )
        self.layers = dict(self.declared)  # what is run, see `with_layers`
        self.rounded: dict[tuple[str, str, type], Array] = {}  # the nodes' own weights, as they are computed with

    @classmethod
    def of(cls, observed: Observation) -> Graph:
        """The nodes of what Keras was observed to do, with what is taken as given of it.

        Raises:
            UnsupportedError: as above.
        """
        return cls(observed.nodes, given_by(observed))

    def with_layers(self, layers: Mapping[str, Layer]) -> Graph:
        """The same nodes with these layers to be run, such as one with a mistake in it."""
        made = copy(self)
        made.layers = dict(layers)
        return made

    def run(
        self,
        inputs: Mapping[str, Array],
        dtype: type[np.floating[Any]] = np.float64,
        masks: Mapping[str, Array] = MappingProxyType({}),
    ) -> dict[Ref, Masked]:
        """Free-running: feed the model's inputs in, and every node with what the replay of those before it gave."""
        done = {Ref(name): Masked(cast(x, "float64", dtype), masks.get(name)) for name, x in inputs.items()}
        with np.errstate(all="ignore"):  # an overflow is Keras's too, and is compared like any other value
            for node in self.nodes:
                for index, output in enumerate(self.made(node, done, dtype)):
                    done[Ref(node.name, index)] = output
        return done

    def made(self, node: Node, done: Mapping[Ref, Masked], dtype: type[np.floating[Any]]) -> Outputs:
        """What a node makes of what those before it gave, or what is given of it."""
        layer = self.layers[node.name]
        if isinstance(layer, Opaque):
            return tuple(one._replace(values=cast(one.values, "float64", dtype)) for one in layer.given)
        return layer(self.call(node, done, dtype))

    def free_walks(self, node: Node, values: Mapping[Ref, Masked]) -> list[Walked]:
        """A node's walks through time, free-running, with every state at every step."""
        with np.errstate(all="ignore"):
            call = self.call(node, values, np.float64)
            return [walk.run(every_step=True) for walk in self.layers[node.name].walks(call)]

    def call(self, node: Node, sources: Mapping[Ref, Masked], dtype: type[np.floating[Any]]) -> Call:
        """What a node is given: its inputs from `sources`, its weights as it sees them."""
        inputs = with_masks(node, [sources[ref] for ref in node.inputs], lambda ref: sources[ref].values)
        return Call(
            inputs=[
                x._replace(values=self.handed(node, ref, x.values, dtype))
                for ref, x in zip(node.inputs, inputs, strict=True)
            ],
            weights=self.weights(node, [x.values.shape[1:] for x in inputs], dtype),
            initial_state=[self.handed(node, ref, sources[ref].values, dtype) for ref in node.initial_state],
            masked=node.masked,
        )

    def handed(self, node: Node, ref: Ref, values: Array, dtype: type[np.floating[Any]]) -> Array:
        """A tensor of a free run as a node sees it: rounded, as Keras does, where it may hold more than the node does.

        What a layer put out is not rounded to its own precision here, nor by a node whose precision can hold it.
        """
        held = self.precisions.get(ref.node, "float64")  # what the user fed in may be anything
        for precision in self.casts[node.name]:
            if held not in HOLDS[precision]:
                values, held = cast(values, precision, dtype), precision
        return values

    def weights(self, node: Node, inputs: Sequence[Shape], dtype: type[np.floating[Any]]) -> list[Array]:
        """What a node's layer computes with: its weights in the precision that it computes in.

        Args:
            inputs: the shapes of its inputs, without the samples.

        Raises:
            UnsupportedError: they are not those of a layer with this config on such inputs.
        """
        arrays = list(node.weights.values())
        wanted, got = self.declared[node.name].weight_shapes(inputs), [array.shape for array in arrays]
        if got != list(wanted.values()):
            expected = ", ".join(f"{name} {shape}" for name, shape in wanted.items()) or "none"
            raise UnsupportedError(
                f"layer {node.layer!r}: a {node.class_name} with this config has the weights {expected}; get_weights() gave"
                f" {', '.join(map(str, got)) or 'none'}"
            )
        names = {id(array): name for name, array in node.weights.items()}
        used = self.layers[node.name].weights_from(arrays)
        return [self.rounded_weight(node, names.get(id(array)), array, dtype) for array in used]

    def rounded_weight(self, node: Node, name: str | None, array: Array, dtype: type[np.floating[Any]]) -> Array:
        """One array that a layer computes with; those of get_weights() itself, which have names, are rounded once."""
        if name is None:
            return cast(array, self.weights_in[node.name], dtype)
        key = node.name, name, dtype
        if key not in self.rounded:
            self.rounded[key] = cast(array, self.weights_in[node.name], dtype)
        return self.rounded[key]


def with_masks(node: Node, inputs: Sequence[Masked], tensor: Callable[[Ref], Any]) -> list[Masked]:
    """A node's inputs, with the masks that its call was given in place of their own.

    Args:
        tensor: the values of a tensor of the graph.
    """
    if not node.mask:
        return list(inputs)
    # What comes in as a model's input may hold 0 and 1 for False and True.
    return [
        x if ref is None else x._replace(mask=numbers_of(tensor(ref)) != 0)
        for x, ref in zip(inputs, node.mask, strict=True)
    ]


def cast(values: Array, precision: str, dtype: type[np.floating[Any]]) -> Array:
    """Round to the precision that the layer computes in, as Keras's autocast does, then go on in the replay's own.

    Token ids and masks stay as they are.
    """
    if np.issubdtype(values.dtype, np.integer) or values.dtype == np.bool_:
        return values
    return rounded(values, precision).astype(dtype)
