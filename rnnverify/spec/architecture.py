"""The graph of a model that is there already, from its config alone: its shapes and sizes, before Keras makes any of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from rnnverify.errors import SpecError, UnsupportedError
from rnnverify.layers.layer import Layer, MisfitError, Shape
from rnnverify.layers.registry import layer_of_file
from rnnverify.observation import Ref
from rnnverify.spec.memory import Placed, TooLargeError, check_sizes
from rnnverify.spec.opaque import chosen
from rnnverify.spec.types import LARGEST_SIZE


class Call(NamedTuple):
    """One call of a layer, or of an operation that masks are made with."""

    name: str
    class_name: str
    config: Mapping[str, Any]
    inputs: tuple[Ref, ...]
    operation: bool = False
    opaque: bool = False  # what it puts out is taken as given


def with_opaque(origin: str, asked: Sequence[str], calls: Sequence[Call]) -> list[Call]:
    """The calls, with those marked that are taken as given.

    Args:
        origin: the file or spec, for messages.
        asked: names or classes of layers, or all that have no replay.
        calls: of layers, and of operations that masks are made with.

    Raises:
        SpecError: something was asked for that is not there.
    """
    computed = {layer_named(call): call for call in calls if not call.operation}
    classes = {name: call.class_name for name, call in computed.items()}
    opaque = chosen(origin, asked, classes, {name: call.config for name, call in computed.items()})
    return [call._replace(opaque=not call.operation and layer_named(call) in opaque) for call in calls]


def layer_named(call: Call) -> str:
    """The layer of a call, of which the second is called `lstm:2`, or `encoder:2/lstm`."""
    return re.sub(r"(?<=[^/]):\d+(?=/|$)", "", call.name)


def check_architecture(
    origin: str,
    inputs: Mapping[str, Shape],
    calls: Sequence[Call],
    samples: int,
    seen: Mapping[Ref, Shape] = MappingProxyType({}),
) -> None:
    """Refuse a model that does not fit together, that has no replay, or that is larger than it may be.

    Args:
        origin: the file or spec, for messages.
        inputs: the shape of each input, without the samples.
        calls: in topological order.
        samples: how many it is fed.
        seen: the shapes of what is taken as given, where they are known; of what depends on others the sizes are not looked at.

    Raises:
        SpecError: it is too large, or its layers do not fit each other.
        UnsupportedError: a layer or one of its options has no replay.
    """
    shapes: dict[Ref, Shape] = {Ref(name): shape for name, shape in inputs.items()}
    layers: list[Placed] = []
    unknown: set[str] = set()  # nodes of which no shape is known
    for call in calls:
        if call.opaque:
            own = {ref: shape for ref, shape in seen.items() if ref.node == call.name}
            shapes |= own
            unknown |= set() if own else {call.name}
            continue
        if unknown.intersection(ref.node for ref in call.inputs):
            unknown.add(call.name)
            if not call.operation:
                checked_layer(origin, call)
            continue
        if missing := [ref for ref in call.inputs if ref not in shapes]:
            raise SpecError(f"{origin}: layer {call.name!r} reads {missing[0].node!r}, which gives no such output")
        given = [shapes[ref] for ref in call.inputs]
        try:
            if call.operation:
                outputs = [shape_of_operation(call.class_name, call.config, given)]
            else:
                layer = checked_layer(origin, call)
                layers.append(Placed(call.name, layer, call.inputs))
                if not given:
                    raise MisfitError("an input")
                outputs = layer.output_shapes(given)
            if max((size for shape in outputs for size in shape), default=0) > LARGEST_SIZE:
                raise MisfitError(f"outputs of at most {LARGEST_SIZE} along each axis")
        except MisfitError as error:
            raise SpecError(f"{origin}: layer {call.name!r}: {error}") from None
        except UnsupportedError as error:
            raise titled(origin, call, error) from None
        shapes |= {Ref(call.name, index): shape for index, shape in enumerate(outputs)}
    try:
        check_sizes(layers, shapes, list(inputs.values()), samples)
    except TooLargeError as error:
        raise SpecError(f"{origin}: {error}") from None


def checked_layer(origin: str, call: Call) -> Layer:
    """The layer of a call, without a look at its inputs.

    Raises:
        UnsupportedError: it has no replay.
    """
    try:
        return layer_of_file(call.class_name, {"name": call.name, **call.config})
    except UnsupportedError as error:
        raise titled(origin, call, error) from None


def titled(origin: str, call: Call, error: UnsupportedError) -> UnsupportedError:
    """The same with what it is about."""
    if str(error).startswith(f"{origin}: "):
        return error
    title = "" if repr(call.name) in str(error) else f"layer {call.name!r}: "
    return UnsupportedError(f"{origin}: {title}{error}")


def shape_of_operation(name: str, config: Mapping[str, Any], given: Sequence[Shape]) -> Shape:
    """What an operation on masks makes of its inputs; none is larger than what a layer nearby holds.

    Raises:
        MisfitError: it would be.
    """
    if not given:
        raise MisfitError(f"a tensor as input of {name}")
    if name == "Any":
        return given[0][:-1] if config.get("keepdims") is not True else (*given[0][:-1], 1)
    if name == "ExpandDims":
        return (*given[0], 1)
    if name == "Concatenate":
        return (*given[0][:-1], sum(shape[-1] for shape in given if shape))
    largest = max(given, key=len)
    padded = [(1,) * (len(largest) - len(shape)) + shape for shape in given]
    joint = tuple(map(max, zip(*padded, strict=True)))
    if joint not in padded:  # such as (N, T, 1) and (N, 1, T), which make T times as much
        raise MisfitError(f"masks of one shape as input of {name}; what comes in is {' and '.join(map(str, given))}")
    return joint
