"""The graph in a functional model's config: which layer is called on what. Reads the JSON only, without Keras."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from rnnverify.errors import RequestError, UnsupportedError
from rnnverify.keras_model.allowed import MASKING
from rnnverify.keras_model.nested import flattened, has_models, node_name
from rnnverify.keras_model.operations import needed, options_in
from rnnverify.observation import Ref
from rnnverify.observation.arguments import PREFIX, TENSOR, numbered
from rnnverify.spec.architecture import Call

SPREAD = ("query", "value", "key")  # inputs that are arguments of their own, in this order
INPUTS = ("inputs", "sequences", *SPREAD)
MASKS = {
    "mask": 0,
    **{f"{role}_mask": index for index, role in enumerate(SPREAD)},
}  # and of which input they are the first
OPTIONS = frozenset({"use_causal_mask"})  # of a call, that a replay knows


@dataclass(frozen=True)
class InboundNode:
    """One call of one layer, which Keras calls its inbound node."""

    name: str  # the node's name
    layer: str
    inputs: tuple[Ref, ...]
    initial_state: tuple[Ref, ...] = ()
    arguments: Any = None  # of an operation: what it is called on, see `observation.arguments`
    options: Mapping[str, Any] = field(default_factory=dict)  # of the call
    spread: bool = False  # whether its inputs are arguments of their own, and not a list
    opaque: bool = False  # whether what it puts out is taken as given; `arguments` are then those of the layer
    masked: bool = False  # whether Keras hands it a mask, which is known once it is called; see `connection`
    handed: tuple[Ref | None, ...] = ()  # the masks of its inputs as the graph has them, Keras's own among them
    mask: tuple[Ref | None, ...] = ()  # those that are not Keras's own, which is known then, too
    spare: bool = False  # an operation that masks are made with, and nothing else


def inbound_nodes(config: Mapping[str, Any], opaque: Collection[str] = ()) -> list[InboundNode]:
    """Every call of every layer in topological order.

    Keras writes the masks that it passes on by itself into the graph, too, as operations. They are spare ones: the replay
    makes such masks by itself.

    Args:
        config: without models inside it, see `nested`.
        opaque: the layers that are taken as given, by name.

    Raises:
        UnsupportedError: an argument that is not implemented.
    """
    nodes: dict[str, InboundNode] = {}
    entries: dict[str, tuple[bool, frozenset[str]]] = {}
    of_operations = {entry["name"] for entry in config["layers"] if ".ops." in (entry.get("module") or "")}
    for entry in config["layers"]:
        name, class_name = entry["name"], entry["class_name"]
        if class_name == "InputLayer":
            continue
        is_operation, layer = ".ops." in (entry.get("module") or ""), entry.get("layer", name)
        for index, inbound in enumerate(entry["inbound_nodes"]):
            node = (
                as_given(node_name(name, index), layer, inbound, of_operations)
                if layer in opaque
                else read_node(node_name(name, index), layer, inbound, is_operation)
            )
            nodes[node.name] = node
            entries[node.name] = is_operation, frozenset(ref.node for ref in (*node.inputs, *node.initial_state))
    operations = {name for name, (is_operation, _) in entries.items() if is_operation}
    spare = operations - needed(entries, frozenset(ref.node for ref in output_refs(config["output_layers"])))
    nodes = {name: replace(node, spare=name in spare) for name, node in nodes.items()}
    order = TopologicalSorter({name: dict.fromkeys(read_by(node)) for name, node in nodes.items()})
    return [nodes[name] for name in order.static_order() if name in nodes]


def read_by(node: InboundNode) -> Iterator[str]:
    """The nodes that one reads, or is handed a mask by."""
    yield from (ref.node for ref in (*node.inputs, *node.initial_state, *node.handed) if ref is not None)


def read_node(name: str, layer: str, inbound: Mapping[str, Any], is_operation: bool) -> InboundNode:
    """One entry of `inbound_nodes`."""
    inputs = tuple(tensors(inbound["args"]))
    states: tuple[Ref, ...] = ()
    handed: dict[int, Ref | None] = {}  # by the number of the input
    arguments = numbered(inbound["args"], [0]) if is_operation else None
    options: dict[str, Any] = {}
    alone = [one for one in inbound["args"] if isinstance(one, Mapping)]  # a tensor each, and no list of them
    for key, value in inbound["kwargs"].items():
        if value is None or (key == "training" and value is False):
            continue
        if is_operation:  # one of a mask, or it is called otherwise than any that has a replay
            inputs += tuple(tensors(value))
            arguments = None
            continue
        if key == "initial_state":
            states = tuple(tensors(value))
        elif key in MASKS:
            handed |= dict(enumerate(masks_in(layer, key, value), start=MASKS[key]))
        elif key in INPUTS:
            inputs += tuple(tensors(value))
        elif key in OPTIONS and isinstance(value, bool):
            options[key] = value
        else:
            raise UnsupportedError(
                f"layer {layer!r} is called with {key}={value!r}, which is not implemented by the replay"
            )
    spread = not is_operation and len(inputs) > 1 and len(alone) + len(inbound["kwargs"].keys() & set(SPREAD)) > 1
    if spread and len(inputs) == 2 and 2 in handed:  # the value is its own key, of which another mask counts
        inputs = (*inputs, inputs[1])
    if handed and max(handed) >= len(inputs):
        raise UnsupportedError(f"layer {layer!r} is called with more masks than inputs, which is not implemented")
    masks = tuple(handed.get(index) for index in range(len(inputs))) if handed else ()
    return InboundNode(name, layer, inputs, states, arguments, options, spread, handed=masks)


def masks_in(layer: str, key: str, value: Any) -> Iterator[Ref | None]:
    """The masks that an argument of a call holds, in order."""
    for one in value if isinstance(value, list | tuple) else [value]:
        found = list(tensors(one))
        if one is not None and not (isinstance(one, Mapping) and one.get("class_name") == TENSOR):
            raise UnsupportedError(
                f"layer {layer!r} is called with a {key} that is no tensor of the graph, which is not implemented by the replay"
            )
        yield found[0] if found else None


def as_given(name: str, layer: str, inbound: Mapping[str, Any], of_operations: Collection[str]) -> InboundNode:
    """The same of a layer that is taken as given: whatever it is called on, but for the masks that Keras itself hands to it."""
    kwargs = {key: value for key, value in inbound["kwargs"].items() if not handed_on(key, value, of_operations)}
    count = [0]
    arguments = {"args": numbered(inbound["args"], count), "kwargs": numbered(kwargs, count)}
    inputs = (*tensors(inbound["args"]), *tensors(kwargs))
    return InboundNode(name, layer, inputs, arguments=arguments, opaque=True)


def handed_on(key: str, value: Any, of_operations: Collection[str]) -> bool:
    """Whether an argument is a mask that goes with another one: Keras makes it by operations, and does so again."""
    sources = {ref.node for ref in tensors(value)}
    return is_mask(key) and bool(sources) and sources <= set(of_operations)


def is_mask(key: str) -> bool:
    """Whether an argument is the mask of another one: `mask`, `query_mask`."""
    return key == "mask" or (key.endswith("_mask") and key != "attention_mask")


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


def calls_of(path: str, model: Mapping[str, Any]) -> list[Call]:
    """Every call of every layer, and of every operation that masks are made with, of a saved model that was never loaded.

    Args:
        path: its file, for messages.
        model: its config, see `allowed`.

    Raises:
        RequestError: the layers feed each other in a circle.
    """
    config = model["config"]
    if has_models(model):
        config = flattened(model, next(iter(shapes_of_inputs(model, 1)), ""))
    elif model["class_name"] == "Sequential":
        layers = [entry for entry in config["layers"] if entry["class_name"] != "InputLayer"]
        before = [*shapes_of_inputs(model, 1), *(entry["config"]["name"] for entry in layers)]
        pairs = zip(layers, before, strict=False) if len(before) > len(layers) else ()  # unbuilt: there is no graph yet
        return [Call(one["config"]["name"], one["class_name"], one["config"], (Ref(name),)) for one, name in pairs]
    calls: dict[str, Call] = {}
    arguments: dict[str, Any] = {}
    for entry in config["layers"]:
        operation = ".ops." in (entry.get("module") or "")
        for index, inbound in enumerate(entry["inbound_nodes"]):
            name = node_name(entry["name"], index)
            calls[name] = Call(name, entry["class_name"], entry["config"], tuple(called_on(inbound)), operation)
            if operation and not inbound.get("kwargs"):
                arguments[name] = numbered(inbound["args"], [0])
    entries = {name: (call.operation, frozenset(ref.node for ref in call.inputs)) for name, call in calls.items()}
    real = needed(entries, frozenset(ref.node for ref in output_refs(config["output_layers"])))
    # What Keras itself makes no mask with is the user's, even where it makes one.
    real |= {name for name, call in calls.items() if call.operation and call.class_name not in MASKING}
    for name in real & arguments.keys():
        call = calls[name]
        config_of_call = {**options_in(call.config), "arguments": arguments[name]}
        calls[name] = call._replace(class_name=PREFIX + call.class_name, config=config_of_call, operation=False)
    order = TopologicalSorter({name: dict.fromkeys(ref.node for ref in call.inputs) for name, call in calls.items()})
    try:
        return [calls[name] for name in order.static_order() if name in calls]
    except CycleError as error:
        raise RequestError(
            f"{path}: its layers feed each other in a circle: {', '.join(error.args[1])[:100]}"
        ) from None


def called_on(inbound: Any) -> Iterator[Ref]:
    """What one call is given to read."""
    skipped = ("initial_state", "training")
    yield from tensors(inbound["args"])
    yield from tensors({key: v for key, v in inbound["kwargs"].items() if key not in skipped and not is_mask(key)})


def shapes_of_inputs(model: Mapping[str, Any], timesteps: int) -> dict[str, tuple[int, ...]]:
    """The shapes of a saved model's inputs, without the samples; what is open in them is `timesteps`."""
    entries = model["config"]["layers"]
    if model["class_name"] == "Sequential":
        first = entries[0]["config"] if entries else {}
        shape = first.get("batch_shape") or model["config"].get("build_input_shape")
        found = {first.get("name", ""): shape} if shape else {}
    else:
        found = {e["name"]: e["config"].get("batch_shape") or [] for e in entries if e["class_name"] == "InputLayer"}
    return {name: tuple(timesteps if size is None else size for size in shape[1:]) for name, shape in found.items()}


def output_refs(value: Any) -> tuple[Ref, ...]:
    """The references in `input_layers` or `output_layers`: [name, node, tensor], or lists or mappings of those."""
    if isinstance(value, Mapping):
        return tuple(ref for key in sorted(value) for ref in output_refs(value[key]))
    if len(value) == 3 and isinstance(value[0], str):
        return (Ref(node_name(value[0], value[1]), value[2]),)
    return tuple(ref for part in value for ref in output_refs(part))
