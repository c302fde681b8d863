"""The graph in a functional model's config: which layer is called on what. Reads the JSON only, without Keras."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from rnnverify.errors import UnsupportedError
from rnnverify.observation import Ref


@dataclass(frozen=True)
class InboundNode:
    """One call of one layer, which Keras calls its inbound node."""

    name: str  # the node's name
    layer: str
    inputs: tuple[Ref, ...]
    initial_state: tuple[Ref, ...] = ()
    masked: bool = False  # whether Keras hands it a mask, which is known once it is called; see `connection`


def inbound_nodes(config: Mapping[str, Any]) -> list[InboundNode]:
    """Every call of every layer in topological order.

    Keras writes the masks that it passes on by itself into the graph, as nodes that are no layers. They are left out
    here, since the replay makes its own masks; anything else that is not a layer is refused.

    Raises:
        UnsupportedError: a model inside the model, an operation outside any layer, an argument that is not implemented.
    """
    nodes: dict[str, InboundNode] = {}
    operations: dict[str, str] = {}
    masks: set[str] = set()
    for entry in config["layers"]:
        name, class_name = entry["name"], entry["class_name"]
        if class_name == "InputLayer":
            continue
        if class_name in ("Functional", "Sequential", "Model"):
            raise UnsupportedError(f"layer {name!r}: a model inside a model is not implemented; verify it by itself")
        is_operation = ".ops." in (entry.get("module") or "")
        for index, inbound in enumerate(entry["inbound_nodes"]):
            node = read_node(name, index, inbound, is_operation, masks)
            if is_operation:
                operations[node.name] = class_name
            else:
                nodes[node.name] = node
    read_by = {ref: f"layer {node.layer!r}" for node in nodes.values() for ref in (*node.inputs, *node.initial_state)}
    for ref, reader in {**read_by, **dict.fromkeys(output_refs(config["output_layers"]), "the model's output")}.items():
        if ref.node in operations:
            raise UnsupportedError(
                f"{reader} reads {ref.node!r}, a Keras operation ({operations[ref.node]}) outside any layer, which has no"
                " replay; end the model before it, or use a layer that does the same"
            )
    if explicit := masks - operations.keys():
        raise UnsupportedError(f"a mask given explicitly, by {sorted(explicit)[0]!r}, is not implemented by the replay")
    order = TopologicalSorter(
        {name: dict.fromkeys(r.node for r in (*node.inputs, *node.initial_state)) for name, node in nodes.items()}
    )
    return [nodes[name] for name in order.static_order() if name in nodes]


def read_node(name: str, index: int, inbound: Mapping[str, Any], is_operation: bool, masks: set[str]) -> InboundNode:
    """One entry of `inbound_nodes`; the nodes that masks come from are added to `masks`."""
    inputs = tuple(tensors(inbound["args"]))
    states: tuple[Ref, ...] = ()
    for key, value in inbound["kwargs"].items():
        if is_operation or value is None or (key == "training" and value is False):
            continue
        if key == "initial_state":
            states = tuple(tensors(value))
        elif key == "mask":
            masks.update(ref.node for ref in tensors(value))
        elif key in ("inputs", "sequences"):
            inputs += tuple(tensors(value))
        else:
            raise UnsupportedError(
                f"layer {name!r} is called with {key}={value!r}, which is not implemented by the replay"
            )
    return InboundNode(node_name(name, index), name, inputs, states)


def tensors(value: Any) -> Iterator[Ref]:
    """Every reference to a tensor in a part of a config, in order."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            layer, node, tensor = value["config"]["keras_history"]
            yield Ref(node_name(layer, node), tensor)
        else:
            for part in value.values():
                yield from tensors(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors(part)


def output_refs(value: Any) -> tuple[Ref, ...]:
    """The references in `input_layers` or `output_layers`: [name, node, tensor], or lists or mappings of those."""
    if isinstance(value, Mapping):
        return tuple(ref for key in sorted(value) for ref in output_refs(value[key]))
    if len(value) == 3 and isinstance(value[0], str):
        return (Ref(node_name(value[0], value[1]), value[2]),)
    return tuple(ref for part in value for ref in output_refs(part))


def node_name(layer: str, index: int) -> str:
    return layer if index == 0 else f"{layer}:{index + 1}"
