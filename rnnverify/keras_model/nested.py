"""Models inside a model, put into one graph: every call of a layer inside one becomes a node, named by its place.

A layer `lstm` of the model `encoder` is `encoder/lstm`, and `encoder:2/lstm` where that model is called a second time. Reads the
JSON only, without Keras. What Keras does at run time is the same: it calls the layers inside one by one, and their masks stay
with the tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rnnverify.errors import UnsupportedError
from rnnverify.keras_model.plain import NOT_CONNECTED
from rnnverify.observation import Ref
from rnnverify.observation.arguments import TENSOR
from rnnverify.observation.arrays_file import DamagedError
from rnnverify.spec.graph import MOST_LAYERS
from rnnverify.spec.opaque import MODELS

MOST_CALLS = 5 * MOST_LAYERS  # operations that masks are made with among them
GIVEN = ""  # what comes into a Sequential, in its graph; no layer has this name

Config = Mapping[str, Any]
Leaf = tuple[str, int, int]  # a layer of a model, which of its calls, which of its outputs


@dataclass(eq=False)
class Scope:
    """One call of a model: whose layers there are, and where its inputs come from."""

    part: Config  # the model
    first: str = ""  # what a Sequential's input is called in the whole
    place: str = ""  # before the names of its nodes
    path: str = ""  # before the names of its layers
    outer: Scope | None = None
    given: Sequence[Leaf] = ()  # its inputs, in the model around it
    inside: dict[tuple[str, int], Scope] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.graph = graph_of(self.part)
        self.entries: dict[str, Config] = {entry["name"]: entry for entry in self.graph["layers"]}
        self.inputs = tuple(leaf[0] for leaf in leaves(self.graph["input_layers"], ends))

    def output(self, index: int) -> Leaf:
        """Which of its layers makes one of the model's outputs."""
        if self.part["class_name"] == "Sequential":
            return self.graph["output_layers"][0], 0, index
        outputs = list(leaves(self.graph["output_layers"], ends))
        if index >= len(outputs):
            raise DamagedError(NOT_CONNECTED)
        return self.counted(outputs[index])

    def counted(self, end: Leaf) -> Leaf:
        """One of the model's ends as the calls inside count: there, and only there, Keras counts how such a model came about."""
        name, call, output = end
        entry = self.entries.get(name, {})
        kinds = self.part["class_name"], entry.get("class_name")
        return name, call - int("Sequential" not in kinds and bool(entry) and is_model(entry)), output


def has_models(model: Config) -> bool:
    """Whether a model has others inside."""
    return any(is_model(entry) for entry in model["config"]["layers"])


def flattened(model: Config, first: str = "") -> Config:
    """The config of a functional model that is the same, without models inside it.

    Its layers have the names of nodes, one call each, and their own under `layer`. `masked` says which masks models inside are
    given, and `fed` for each of their inputs what comes in.

    Args:
        model: with its class_name, and its config.
        first: what its input is called, of a Sequential.

    Raises:
        DamagedError: its layers are not connected, or there are far too many.
        UnsupportedError: a model is called with an argument that is not implemented.
    """
    root = Scope(model, first)
    scopes = scopes_in(root)
    made = [{**entry, "name": name or first} for name, entry in root.entries.items() if is_input(entry)]
    masked: list[Config] = []
    fed: list[Config] = []
    for scope in scopes:
        for name, entry in scope.entries.items():
            for index, call in enumerate([] if is_input(entry) else entry["inbound_nodes"]):
                if is_model(entry):
                    fed += fed_to(scope.inside[name, index])
                    masked += masks_to(scope.inside[name, index], scope.path + name, call["kwargs"].get("mask"))
                    continue
                node = scope.place + node_name(name, index)
                moved = replaced(call, scope, tensor_at)
                made.append({**entry, "name": node, "layer": scope.path + name, "inbound_nodes": [moved]})
    outputs = replaced(root.graph["output_layers"], root, ends)
    whole = {"name": model["config"].get("name"), "input_layers": root.graph["input_layers"]}
    return {**whole, "layers": made, "output_layers": outputs, "masked": masked, "fed": fed}


def scopes_in(root: Scope) -> list[Scope]:
    """Every call of every model inside another, the outermost first."""
    scopes, count = [root], 0
    for scope in scopes:  # it grows as it goes
        for name, entry in scope.entries.items():
            count += len(entry["inbound_nodes"])
            if count > MOST_CALLS:
                raise DamagedError(f"expected at most {MOST_CALLS} calls of layers, those of models inside among them")
            if not is_model(entry):
                continue
            for index, call in enumerate(entry["inbound_nodes"]):
                inner = Scope(entry, "", f"{scope.place}{node_name(name, index)}/", f"{scope.path}{name}/", scope)
                inner.given = given_to(inner, f"{scope.path}{name}", call)
                scope.inside[name, index] = inner
                scopes.append(inner)
    return scopes


def given_to(inner: Scope, title: str, call: Any) -> list[Leaf]:
    """What a model inside is called on, in the order of its inputs."""
    if not isinstance(call, Mapping):
        raise DamagedError(NOT_CONNECTED)
    first, *others = [*call["args"], *(value for key, value in call["kwargs"].items() if key == "inputs")] or [None]
    others += [value for key, value in call["kwargs"].items() if key not in ("inputs", "mask")]
    if any(value is not None and value is not False for value in others):
        told = ", ".join(str(key) for key in call["kwargs"] if key not in ("inputs", "mask")) or "further arguments"
        raise UnsupportedError(f"the model {title!r} is called with {told}, which is not implemented by the replay")
    by_name = isinstance(first, Mapping) and first.get("class_name") != TENSOR
    if by_name and not isinstance(inner.graph["input_layers"], Mapping):  # by the inputs' own names, then
        first = [first.get(name) for name in inner.inputs]
    given = list(leaves(first, tensor_at))
    if len(given) != len(inner.inputs):
        raise DamagedError(NOT_CONNECTED)
    return given


def found(scope: Scope | None, leaf: Leaf) -> Ref:
    """The node that makes a tensor, out of a model and into those inside, as far as it goes."""
    seen: set[tuple[int, Leaf]] = set()
    while scope is not None:
        name, call, output = leaf
        if (id(scope), leaf) in seen:
            raise DamagedError(f"its layers feed each other in a circle, {scope.place}{name} among them")
        seen.add((id(scope), leaf))
        entry = scope.entries.get(name)
        if entry is None:
            raise DamagedError(NOT_CONNECTED)
        if name in scope.inputs and scope.outer is not None:
            leaf, scope = scope.given[scope.inputs.index(name)], scope.outer
        elif is_model(entry):
            if (name, call) not in scope.inside:
                raise DamagedError(NOT_CONNECTED)
            scope = scope.inside[name, call]
            leaf = scope.output(output)
        else:
            return Ref(scope.first if name == GIVEN else scope.place + node_name(name, call), output)
    raise DamagedError(NOT_CONNECTED)


def fed_to(scope: Scope) -> list[Config]:
    """For each input of one call of a model: what it takes, and the tensor that comes in."""
    outer, title = scope.outer, scope.place.rstrip("/")
    takes = [scope.entries[name].get("config") or {} for name in scope.inputs]
    return [
        {"model": title, "takes": one, "ref": found(outer, leaf), "several": len(takes) > 1}
        for one, leaf in zip(takes, scope.given, strict=True)
    ]


def masks_to(scope: Scope, title: str, mask: Any) -> list[Config]:
    """For each input of one call of a model that is handed a mask: that, and the input. Others keep the mask that they have."""
    none: Leaf = (GIVEN, -1, 0)
    masks = leaves(mask, lambda value: none if value is None else tensor_at(value))
    return [
        {"model": title, "masks": (found(scope.outer, one),), "inputs": (found(scope.outer, leaf),)}
        for one, leaf in zip(masks, scope.given, strict=False)
        if one != none
    ]


def graph_of(part: Config) -> Config:
    """A model's graph; of a row of layers, too."""
    config: Config = part["config"]
    if part["class_name"] != "Sequential":
        return config
    first: Config = next((one for one in config["layers"] if is_input(one)), {"class_name": "InputLayer"})
    layers = [one for one in config["layers"] if not is_input(one)]
    names = [GIVEN, *(one["config"]["name"] for one in layers)]
    row = [
        {**one, "name": one["config"]["name"], "inbound_nodes": [{"args": [tensor((before, 0, 0))], "kwargs": {}}]}
        for one, before in zip(layers, names, strict=False)
    ]
    entries = [{**first, "name": GIVEN, "inbound_nodes": []}, *row]
    return {"layers": entries, "input_layers": [GIVEN, 0, 0], "output_layers": [names[-1], 0, 0]}


def is_model(entry: Config) -> bool:
    return entry["class_name"] in MODELS and ".ops." not in (entry.get("module") or "")


def is_input(entry: Config) -> bool:
    return bool(entry["class_name"] == "InputLayer")


def node_name(layer: str, index: int) -> str:
    return layer if index == 0 else f"{layer}:{index + 1}"


def tensor(leaf: Sequence[Any]) -> Config:
    return {"class_name": TENSOR, "config": {"keras_history": list(leaf)}}


def tensor_at(value: Any) -> Leaf | None:
    """The tensor that stands at a place of what a layer is called on."""
    if isinstance(value, Mapping) and value.get("class_name") == TENSOR:
        layer, call, output = value["config"]["keras_history"]
        return layer, call, output
    return None


def ends(value: Any) -> Leaf | None:
    """The same in `input_layers` or `output_layers`."""
    if isinstance(value, list | tuple) and len(value) == 3 and isinstance(value[0], str):
        return value[0], value[1], value[2]
    return None


def leaves(value: Any, leaf_at: Callable[[Any], Leaf | None]) -> Iterator[Leaf]:
    """Every tensor in a structure, in the order in which Keras takes it apart."""
    if (leaf := leaf_at(value)) is not None:
        yield leaf
    elif isinstance(value, Mapping):
        for key in sorted(value):
            yield from leaves(value[key], leaf_at)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from leaves(part, leaf_at)


def replaced(value: Any, scope: Scope, leaf_at: Callable[[Any], Leaf | None]) -> Any:
    """A structure with every tensor of a model as a node's."""
    if (leaf := leaf_at(value)) is not None:
        ref = found(scope, leaf if leaf_at is tensor_at else scope.counted(leaf))
        moved = [ref.node, 0, ref.output]
        return moved if leaf_at is ends else {**value, "config": {**value["config"], "keras_history": moved}}
    if isinstance(value, Mapping):
        return {key: replaced(part, scope, leaf_at) for key, part in value.items()}
    return [replaced(part, scope, leaf_at) for part in value] if isinstance(value, list | tuple) else value
