"""Masks that a model's graph hands to its layers: whether they are those that Keras would hand on by itself.

Keras writes both into the graph alike, as what an operation makes. The former the replay makes by itself; the latter are tensors
of the graph like others. Which is which shows in what they are made of, as the names in both are not the same. Works on Keras's
objects without importing Keras.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from rnnverify.errors import UnsupportedError
from rnnverify.keras_model.config_graph import InboundNode
from rnnverify.observation import Ref

Known = Mapping[str, tuple[InboundNode, Any]]  # nodes with what is called, by name
NO_MASK = -1


class Recipes:
    """What masks are made of: a number for each recipe, the same for the same.

    Args:
        spare: the operations that masks are made with, which need not be among the tensors.
        tensors: Keras's tensors so far, with the masks that Keras hands on.
    """

    def __init__(self, spare: Known, tensors: Mapping[Ref, Any]) -> None:
        self.spare = spare
        self.tensors = tensors
        self.numbers: dict[Any, int] = {}

    def number(self, recipe: Any) -> int:
        return self.numbers.setdefault(recipe, len(self.numbers))

    def written(self, ref: Ref | None) -> int:
        """Of a mask as the graph has it."""
        places = self.places()
        found: dict[Ref, int] = {}
        for one in in_order([] if ref is None else [ref], self.parts):
            if one in self.tensors:
                found[one] = self.number(places[id(self.tensors[one])])
                continue
            node, layer = self.spare[one.node]
            made_of = tuple(found[part] for part in node.inputs)
            operation = getattr(layer, "operation", layer)
            # Called otherwise than any that Keras makes: its arguments are not known here.
            called_on = one if node.arguments is None else json.dumps(node.arguments, default=repr)
            found[one] = self.number((*title(operation), called_on, made_of, one.output))
        return NO_MASK if ref is None else found[ref]

    def parts(self, ref: Ref) -> Sequence[Ref]:
        return () if ref in self.tensors or ref.node not in self.spare else self.spare[ref.node][0].inputs

    def made(self, mask: Any) -> int:
        """Of a mask that Keras has made."""
        places = self.places()
        found: dict[int, int] = {}
        for tensor in in_order([] if mask is None else [mask], lambda one: made_of(one, places), id):
            if id(tensor) in places:
                found[id(tensor)] = self.number(places[id(tensor)])
                continue
            node = node_of(tensor)
            parts = tuple(found[id(part)] for part in node.input_tensors)
            called_on = json.dumps(numbered(node.arguments.args, [0]), default=repr)
            called_on = repr(tensor) if node.arguments.kwargs else called_on
            output = tensor._keras_history.tensor_index
            found[id(tensor)] = self.number((*title(node.operation), called_on, parts, output))
        return NO_MASK if mask is None else found[id(mask)]

    def places(self) -> dict[int, Ref]:
        """Where each tensor stands, first of all."""
        return {id(tensor): ref for ref, tensor in reversed(list(self.tensors.items()))}


def in_order(wanted: Iterable[Any], parts: Callable[[Any], Iterable[Any]], key: Any = lambda one: one) -> Iterator[Any]:
    """Things after what they are made of; a chain of them may be longer than Python's stack."""
    rest, done = [(one, False) for one in wanted], set[Any]()
    while rest:
        one, ready = rest.pop()
        if key(one) in done:
            continue
        if ready:
            done.add(key(one))
            yield one
        else:
            rest.append((one, True))
            rest += [(part, False) for part in parts(one)]


def node_of(tensor: Any) -> Any:
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index]


def made_of(tensor: Any, places: Mapping[int, Ref]) -> Sequence[Any]:
    return () if id(tensor) in places else node_of(tensor).input_tensors


def title(operation: Any) -> tuple[str, str]:
    """An operation, but for its name."""
    config = {key: value for key, value in operation.get_config().items() if key != "name"}
    return type(operation).__name__, json.dumps(config, default=repr, sort_keys=True)


def numbered(value: Any, count: list[int]) -> Any:
    """What an operation was called on, as `observation.arguments` has it."""
    if isinstance(value, list | tuple):
        return [numbered(part, count) for part in value]
    if hasattr(value, "_keras_history"):
        count[0] += 1
        return {"tensor": count[0] - 1}
    return value


def explicit(node: InboundNode, recipes: Recipes) -> tuple[Ref | None, ...]:
    """The masks in a call that Keras would not hand on by itself; none where all are its own.

    Raises:
        UnsupportedError: it is called without the mask that an input has.
    """
    inputs = [recipes.tensors[ref] for ref in node.inputs]
    # Beside states Keras hands none on by itself.
    own = [None if node.initial_state else getattr(tensor, "_keras_mask", None) for tensor in inputs]
    if all(recipes.written(ref) == recipes.made(mask) for ref, mask in zip(node.handed, own, strict=True)):
        return ()
    for ref, mask in zip(node.handed, own, strict=True):
        if ref is None and mask is not None and not node.spread:
            raise UnsupportedError(
                f"{node.name!r} is called without the mask that one of its inputs has, which is not implemented by the replay"
            )
    return node.handed


def check_explicit(node: InboundNode, masks: Sequence[Ref | None], tensors: Mapping[Ref, Any]) -> None:
    """Refuse masks that are none of timesteps.

    Raises:
        UnsupportedError: they are not.
    """
    for ref in masks:
        if ref is None:
            continue
        mask = tensors[ref]
        if mask.dtype != "bool":
            raise UnsupportedError(
                f"{node.name!r} is called with a mask of {mask.dtype}, made by {ref.node!r}, of which the replay knows nothing;"
                " make it one of bool: keras.ops.cast(mask, 'bool')"
            )
        if len(mask.shape) != 2:
            raise UnsupportedError(
                f"{node.name!r} is called with a mask in the shape {tuple(mask.shape)}, made by {ref.node!r}; the replay knows"
                " those of timesteps, (N, T)"
            )


def heeded(node: InboundNode, worn: Mapping[Ref, Ref]) -> tuple[Ref | None, ...]:
    """The masks of a call that count: its own, and those that inputs of the model have.

    Keras 3.15 never looks at the query_mask that a MultiHeadAttention is called with.
    """
    given = node.mask or (None,) * len(node.inputs)
    given = (None, *given[1:]) if node.spread else given
    masks = tuple(mask or worn.get(ref) for mask, ref in zip(given, node.inputs, strict=True))
    return masks if any(masks) else ()


def as_arguments(node: InboundNode, masks: Sequence[Any], roles: Sequence[str]) -> dict[str, Any]:
    """Masks as a call takes them, each of its own argument where the inputs are."""
    if not any(mask is not None for mask in masks):
        return {}
    if node.spread:
        given = zip(roles, masks, strict=False)
        return {f"{role}_mask": mask for role, mask in given if mask is not None}
    return {"mask": list(masks) if len(masks) > 1 else masks[0]}


def check_masks(config: Mapping[str, Any], recipes: Recipes) -> None:
    """Refuse masks that models inside are called with, where they are not those of their inputs.

    Args:
        config: of a functional model without models inside, see `nested`.
        recipes: of the connected model.

    Raises:
        UnsupportedError: one is another than that.
    """
    for one in config.get("masked", ()):
        given = [recipes.written(ref) for ref in one["masks"]]
        own = [recipes.made(getattr(recipes.tensors[ref], "_keras_mask", None)) for ref in one["inputs"]]
        if given != own:
            raise UnsupportedError(
                f"{one['model']!r} is called with another mask than its input has, made by {one['masks'][0].node!r}, which is"
                " not implemented by the replay"
            )
