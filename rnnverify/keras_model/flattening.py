"""Models inside a model of Keras 2, put into one graph: each of their layers stands once for all of the model's calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from rnnverify.keras_model.plain import DEEPEST, NOT_CONNECTED
from rnnverify.keras_model.words_of_keras_2 import at_home
from rnnverify.observation.arrays_file import DamagedError
from rnnverify.spec.graph import MOST_LAYERS
from rnnverify.spec.opaque import MODELS

MOST_CALLS = 10 * MOST_LAYERS
Leaf = list[Any]  # [layer, call, output], perhaps with options


class Member(NamedTuple):
    """A layer of a model, as it stands in its file: `inside` are those of a model inside it."""

    class_name: str
    name: str  # in one graph: `model/layer`
    inside: tuple[Member, ...] = ()
    cells: tuple[str, ...] = ()  # the classes of those in a stack


@dataclass
class Flat:
    """A model without models inside it."""

    inputs: list[str]
    outputs: list[Leaf]
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)  # of each layer
    calls: dict[str, list[Any]] = field(default_factory=dict)  # what each is called on, once and again


def has_models(config: Mapping[str, Any]) -> bool:
    """Whether a model has others inside."""
    return any(is_model(one) for one in layers_of(config))


def flattened(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a model with others inside as that of one without.

    Raises:
        DamagedError: its layers are not connected, or far too many.
    """
    flat, inner = flat_of(config), config.get("config")
    entries = [{**part, "name": name, "inbound_nodes": flat.calls[name]} for name, part in flat.parts.items()]
    ends = {"input_layers": [[name, 0, 0] for name in flat.inputs], "output_layers": flat.outputs}
    name = inner.get("name") if isinstance(inner, dict) else None
    return {**config, "class_name": "Functional", "config": {"name": name, "layers": entries, **ends}}


def members(config: Mapping[str, Any], prefix: str = "") -> tuple[Member, ...]:
    """The layers of a model in the file's order."""
    found = ((one, f"{prefix}{name_of(one)}") for one in layers_of(config))
    return tuple(
        Member(str(one.get("class_name")), name, members(one, f"{name}/") if is_model(one) else (), cells_in(one))
        for one, name in found
    )


def cells_in(part: Any) -> tuple[str, ...]:
    """The classes of the cells in a stack, in a layer or one inside it."""
    inner = part.get("config") if isinstance(part, Mapping) else None
    if not isinstance(inner, Mapping):
        return ()
    if isinstance(cells := inner.get("cells"), list):
        return tuple(str(one.get("class_name")) for one in cells if isinstance(one, Mapping))
    return cells_in(inner.get("cell")) or cells_in(inner.get("layer"))


def flat_of(config: Mapping[str, Any], depth: int = 0) -> Flat:
    """One model, with the layers of those inside it in their place."""
    if depth > DEEPEST:
        raise DamagedError(f"expected fewer than {DEEPEST} models within each other")
    entries, made = graph_of(config)
    inside = {name: flat_of(part, depth + 1) for name, (part, _) in entries.items() if is_model(part)}
    # Keras counts the call by which such a model came about, with inputs of its own; old files may not.
    own_calls = {name: min((ref[1] for ref in refs_to(name, entries, made.outputs)), default=1) for name in inside}

    def resolved(ref: Leaf) -> Leaf:
        name, call, output = ref
        if name not in inside:
            return [name, call, output]
        outputs = inside[name].outputs
        if output >= len(outputs):
            raise DamagedError(NOT_CONNECTED)
        return placed(name, call - own_calls[name], outputs[output])

    def placed(name: str, call: int, ref: Leaf) -> Leaf:
        """What a model inside calls so, in one of its calls."""
        inner, given = inside[name], entries[name][1]
        if ref[0] in inner.inputs:
            fed = list(leaves(given[call])) if 0 <= call < len(given) else []
            index = inner.inputs.index(ref[0])
            if index >= len(fed):
                raise DamagedError(NOT_CONNECTED)
            return resolved(fed[index][:3])
        return [f"{name}/{ref[0]}", call * len(inner.calls.get(ref[0], ())) + ref[1], ref[2]]

    for name, (part, calls) in entries.items():
        if name not in inside:
            made.parts[name], made.calls[name] = part, [mapped(call, resolved, entries) for call in calls]
            continue
        inner = inside[name]
        check_count(len(calls) * sum(map(len, inner.calls.values())))
        for own, layer in inner.parts.items():
            if f"{name}/{own}" in entries:
                raise DamagedError(f"two of its layers have the same name, {name}/{own}")
            if own not in inner.inputs:
                made.parts[f"{name}/{own}"] = renamed(layer, f"{name}/{own}")
                made.calls[f"{name}/{own}"] = [
                    mapped(call, partial(placed, name, index), inner.parts)
                    for index in range(len(calls))
                    for call in inner.calls[own]
                ]
    made.outputs = [resolved(ref) for ref in made.outputs]
    check_count(len(made.parts) + sum(map(len, made.calls.values())))
    return made


def check_count(count: int) -> None:
    """Refuse a model that grows with every model inside it."""
    if count > MOST_CALLS:
        raise DamagedError(f"expected at most {MOST_LAYERS} layers, those of the models inside it among them")


def graph_of(config: Mapping[str, Any]) -> tuple[dict[str, tuple[dict[str, Any], list[Any]]], Flat]:
    """Each layer of a model with its calls, and the model's ends; of a row of layers, too."""
    layers, inner = layers_of(config), config.get("config")
    check_count(len(layers))
    if config.get("class_name") != "Sequential":
        ends = [
            list(leaves(inner.get(key))) if isinstance(inner, dict) else [] for key in ("input_layers", "output_layers")
        ]
        entries = {
            name_of(one): (one, one["inbound_nodes"]) for one in layers if isinstance(one.get("inbound_nodes"), list)
        }
        if len(entries) < len(layers) or not all(ends):
            raise DamagedError(NOT_CONNECTED)
        return entries, Flat([ref[0] for ref in ends[0]], [ref[:3] for ref in ends[1]])
    if not layers or layers[0].get("class_name") != "InputLayer":
        layers = [input_of(config), *layers]
    names = [name_of(one) for one in layers]
    last = {name: int(is_model(one)) for name, one in zip(names, layers, strict=True)}
    calls: list[list[Any]] = [[], *([[name, last[name], 0, {}]] for name in names[:-1])]
    row = {name: (one, [call] if call else []) for name, one, call in zip(names, layers, calls, strict=True)}
    if len(row) < len(layers):
        raise DamagedError("two of its layers have the same name")
    return row, Flat(names[:1], [[names[-1], last[names[-1]], 0]])


def input_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """What comes into a row of layers, as far as it says so; a model inside another is fed by that."""
    first, inner = next(iter(layers_of(config)), {}), config.get("config")
    own: Any = first.get("config")
    own = own if isinstance(own, dict) else {}
    shape = own.get("batch_input_shape") or (inner.get("build_input_shape") if isinstance(inner, dict) else None)
    dtype = own.get("dtype") or "float32"
    if is_model(first):
        entries, flat = graph_of(first)
        given: Any = entries[flat.inputs[0]][0].get("config") if flat.inputs and flat.inputs[0] in entries else None
        given = given if isinstance(given, dict) else {}
        shape, dtype = given.get("batch_input_shape", shape), given.get("dtype", dtype)
    name = f"{name_of(first)}_input"
    return {"class_name": "InputLayer", "config": {"name": name, "batch_input_shape": shape, "dtype": dtype}}


def layers_of(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    inner = config.get("config")
    layers = inner.get("layers") if isinstance(inner, dict) else inner
    return [one for one in layers if isinstance(one, dict)] if isinstance(layers, list) else []


def is_model(part: Mapping[str, Any]) -> bool:
    name = part.get("class_name")
    return isinstance(name, str) and name in MODELS and at_home(part) and bool(layers_of(part))


def name_of(part: Mapping[str, Any]) -> str:
    inner = part.get("config")
    return str(part.get("name") or (inner.get("name") if isinstance(inner, dict) else None) or part.get("class_name"))


def renamed(part: dict[str, Any], name: str) -> dict[str, Any]:
    inner = part.get("config")
    return {**part, "config": {**inner, "name": name} if isinstance(inner, dict) else inner}


def leaves_of(members: Sequence[Member]) -> Iterator[Member]:
    """The layers that are no models, those of models inside among them."""
    for one in members:
        yield from leaves_of(one.inside) if one.inside else (one,)


def refs_to(name: str, entries: Mapping[str, tuple[Any, list[Any]]], outputs: Sequence[Leaf]) -> Iterator[Leaf]:
    for call in (outputs, *(calls for _, calls in entries.values())):
        yield from (ref for ref in leaves(call) if ref[0] == name)


def mapped(value: Any, change: Callable[[Leaf], Leaf], known: Mapping[str, Any]) -> Any:
    """What a layer is called on, each tensor replaced."""
    if is_leaf(value) and value[0] in known:
        return [*change(value[:3]), *(mapped(option, change, known) for option in value[3:])]
    if isinstance(value, list):
        return [mapped(one, change, known) for one in value]
    return {key: mapped(one, change, known) for key, one in value.items()} if isinstance(value, dict) else value


def leaves(call: Any) -> Iterator[Leaf]:
    """Every [layer, call, output, options] in what a layer is called on."""
    if is_leaf(call):
        yield call
    elif isinstance(call, list):
        for part in call:
            yield from leaves(part)


def is_leaf(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(type(index) is int for index in value[1:3])
    )
