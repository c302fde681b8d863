"""Masks that a model's graph hands to its layers: whether they are those that Keras would hand on by itself.

Keras writes both into the graph alike, as what an operation makes. The replay makes its own masks, which are the former; of the
latter it would know nothing. Works on Keras's objects without importing Keras.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from rnnverify.errors import UnsupportedError
from rnnverify.keras_model.allowed import MASKING
from rnnverify.keras_model.config_graph import called_on, tensors
from rnnverify.keras_model.nested import node_name
from rnnverify.observation import Ref

Config = Mapping[str, Any]


class Origin(NamedTuple):
    """Where masks come from: from which tensors, by which operations, with which numbers."""

    sources: frozenset[Ref]
    operations: frozenset[str]
    numbers: frozenset[float]


class Handed(NamedTuple):
    """Masks as the graph says that they are handed on."""

    to: str
    masks: tuple[Ref, ...]
    inputs: tuple[Ref, ...]  # whose masks Keras would hand on by itself


def check_masks(config: Config, connected: Mapping[Ref, Any]) -> None:
    """Refuse masks that are given explicitly.

    Args:
        config: of a functional model without models inside, see `nested`.
        connected: Keras's tensors between the layers, with the masks that Keras hands on.

    Raises:
        UnsupportedError: a mask is another than that.
    """
    operations = {node: (entry, call) for entry, node, call in calls_in(config) if is_operation(entry)}
    places = {id(tensor): ref for ref, tensor in connected.items()}
    for handed in handed_in(config):
        given = as_written(handed.masks, operations, connected)
        own = as_made((getattr(connected[ref], "_keras_mask", None) for ref in handed.inputs), places)
        others = given.operations != own.operations and not given.operations <= MASKING
        if given.sources != own.sources or given.numbers != own.numbers or others:
            by = f", made by {handed.masks[0].node!r}" if handed.masks else ""
            raise UnsupportedError(
                f"{handed.to!r} is called with another mask than its input has{by}, which is not implemented by the replay"
            )


def handed_in(config: Config) -> Iterator[Handed]:
    """Every call for which masks are written down."""
    for entry, node, call in calls_in(config):
        mask = call["kwargs"].get("mask")
        if mask is not None and not is_operation(entry):
            alone = call["kwargs"].get("initial_state") is None  # beside states Keras hands none on by itself
            yield Handed(node, tuple(tensors(mask)), tuple(called_on(call)) if alone else ())
    for one in config.get("masked", ()):
        yield Handed(one["model"], one["masks"], one["inputs"])


def calls_in(config: Config) -> Iterator[tuple[Config, str, Config]]:
    for entry in config["layers"]:
        for index, call in enumerate(entry["inbound_nodes"]):
            yield entry, node_name(entry["name"], index), call


def is_operation(entry: Config) -> bool:
    return ".ops." in (entry.get("module") or "")


def as_written(
    masks: Iterable[Ref], operations: Mapping[str, tuple[Config, Config]], connected: Iterable[Ref]
) -> Origin:
    """The origin of masks in a graph."""
    known, rest, seen = set(connected), list(masks), set[Ref]()
    sources, names, numbers = set[Ref](), set[str](), set[float]()
    while rest:
        ref = rest.pop()
        if ref in seen:
            continue
        seen.add(ref)
        if ref in known or ref.node not in operations:
            sources.add(ref)
            continue
        entry, call = operations[ref.node]
        names.add(entry["class_name"])
        numbers.update(numbers_in(call["args"]))
        rest += tensors([call["args"], call["kwargs"]])
    return Origin(frozenset(sources), frozenset(names), frozenset(numbers))


def as_made(masks: Iterable[Any], places: Mapping[int, Ref]) -> Origin:
    """The origin of masks that Keras has made."""
    rest, seen = [mask for mask in masks if mask is not None], set[int]()
    sources, names, numbers = set[Ref](), set[str](), set[float]()
    while rest:
        tensor = rest.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        if id(tensor) in places:
            sources.add(places[id(tensor)])
            continue
        history = tensor._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        names.add(type(history.operation).__name__)
        numbers.update(numbers_in(node.arguments.args))
        rest += node.input_tensors
    return Origin(frozenset(sources), frozenset(names), frozenset(numbers))


def numbers_in(arguments: Iterable[Any]) -> Iterator[float]:
    return (float(one) for one in arguments if isinstance(one, int | float) and not isinstance(one, bool))
