"""The graph of a model that is there already, from its config alone: its shapes and sizes, before Keras makes any of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rnnverify.errors import SpecError, UnsupportedError
from rnnverify.layers.layer import MisfitError, Shape
from rnnverify.layers.registry import layer_of_file
from rnnverify.observation import Ref
from rnnverify.spec.memory import Placed, TooLargeError, check_sizes
from rnnverify.spec.types import LARGEST_SIZE


class Call(NamedTuple):
    """One call of a layer, or of an operation that masks are made with."""

    name: str
    class_name: str
    config: Mapping[str, Any]
    inputs: tuple[Ref, ...]
    operation: bool = False


def check_architecture(origin: str, inputs: Mapping[str, Shape], calls: Sequence[Call], samples: int) -> None:
    """Refuse a model that does not fit together, that has no replay, or that is larger than it may be.

    Args:
        origin: the file or spec, for messages.
        inputs: the shape of each input, without the samples.
        calls: in topological order.
        samples: how many it is fed.

    Raises:
        SpecError: it is too large, or its layers do not fit each other.
        UnsupportedError: a layer or one of its options has no replay.
    """
    shapes: dict[Ref, Shape] = {Ref(name): shape for name, shape in inputs.items()}
    layers: list[Placed] = []
    for call in calls:
        if missing := [ref for ref in call.inputs if ref not in shapes]:
            raise SpecError(f"{origin}: layer {call.name!r} reads {missing[0].node!r}, which gives no such output")
        given = [shapes[ref] for ref in call.inputs]
        try:
            if call.operation:
                outputs = [shape_of_operation(call.class_name, call.config, given)]
            else:
                layer = layer_of_file(call.class_name, {"name": call.name, **call.config})
                layers.append(Placed(call.name, layer, call.inputs))
                if not given:
                    raise MisfitError("an input")
                outputs = layer.output_shapes(given)
            if max((size for shape in outputs for size in shape), default=0) > LARGEST_SIZE:
                raise MisfitError(f"outputs of at most {LARGEST_SIZE} along each axis")
        except MisfitError as error:
            raise SpecError(f"{origin}: layer {call.name!r}: {error}") from None
        except UnsupportedError as error:
            title = "" if repr(call.name) in str(error) else f"layer {call.name!r}: "
            raise UnsupportedError(f"{origin}: {title}{error}") from None
        shapes |= {Ref(call.name, index): shape for index, shape in enumerate(outputs)}
    try:
        check_sizes(layers, shapes, list(inputs.values()), samples)
    except TooLargeError as error:
        raise SpecError(f"{origin}: {error}") from None


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
