"""Layers called on tensors, one after the other, so that every tensor between them is in hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from inspect import signature
from types import MappingProxyType
from typing import Any

from rnnverify.errors import SpecError
from rnnverify.keras_model.config_graph import SPREAD, InboundNode
from rnnverify.keras_model.foreign import packed
from rnnverify.keras_model.inside import check_fed, named_apart
from rnnverify.keras_model.masks import Recipes, as_arguments, check_explicit, explicit, heeded, in_order
from rnnverify.keras_model.opaque import masks_behind
from rnnverify.keras_model.refusals import first_line, refusal
from rnnverify.observation import Ref

Connected = tuple[dict[Ref, Any], tuple[InboundNode, ...]]


def connect(
    keras: Any,
    given: Mapping[Ref, Any],
    calls: Sequence[tuple[InboundNode, Any]],
    origin: str,
    fed: Sequence[Mapping[str, Any]] = (),
    worn: Mapping[Ref, Ref] = MappingProxyType({}),
) -> Connected:
    """Call every layer in turn: every tensor there is then, and the nodes, with whether Keras handed them a mask.

    Keras names the operations that make its masks by itself, such as `concatenate`, and refuses a graph in which a layer has
    the same name. Called once more, they get other names.

    Args:
        keras: the module.
        given: the inputs.
        calls: in topological order.
        origin: the file, spec or model, for messages.
        fed: what comes into models inside, see `nested`.
        worn: the masks of inputs, which are inputs, too.

    Raises:
        SpecError: Keras refuses to call a layer on what it is given, or to make a model of them all.
        UnsupportedError: a model inside makes something else of what comes in.
    """
    layers = {node.layer: layer for node, layer in calls}
    for attempt in range(len(calls) + 2):
        tensors, nodes = called_in_turn(keras, given, calls, origin, fed, worn)
        try:
            with named_apart(layers):
                keras.Model(list(given.values()), [*tensors.values(), *masks_behind(nodes, tensors).values()])
        except ValueError as error:
            if "names should be unique" in str(error) and attempt <= len(calls):
                continue
            raise SpecError(f"{origin}: Keras refuses to build the model: {first_line(error)}") from None
        break
    return tensors, nodes


def called_in_turn(
    keras: Any,
    given: Mapping[Ref, Any],
    calls: Sequence[tuple[InboundNode, Any]],
    origin: str,
    fed: Sequence[Mapping[str, Any]],
    worn: Mapping[Ref, Ref],
) -> Connected:
    tensors, nodes = dict(given), list[InboundNode]()
    spare = {node.name: (node, layer) for node, layer in calls if node.spare}
    recipes = Recipes(spare, tensors)

    def call(node: InboundNode, layer: Any) -> None:
        check_fed(fed, tensors, node, layer)
        inputs = [tensors[ref] for ref in node.inputs]
        states = [tensors[ref] for ref in node.initial_state]
        masks = as_arguments(node, [ref and tensors[ref] for ref in node.mask], SPREAD)
        start = {"initial_state": packed(keras, layer, states)} if states else {}
        try:
            given_to = inputs if node.spread else [inputs if len(inputs) > 1 else inputs[0]]
            made = layer(*given_to, **node.options, **start, **masks)
        except (
            Exception
        ) as error:  # Keras raises all kinds; each means that this layer cannot be called on these inputs
            raise SpecError(refusal(origin, node.layer, error)) from None
        outputs = keras.tree.flatten(made)
        for index, tensor in enumerate(outputs):
            tensors[Ref(node.name, index)] = tensor
        masked = not node.opaque and handed_a_mask(outputs[0], [*inputs, *states])
        nodes.append(replace(node, masked=masked, mask=heeded(node, worn), spare=False))

    for node, layer in calls:
        if node.spare:
            continue
        masks = explicit(node, recipes) if node.handed else ()
        for one in in_order([ref for ref in masks if ref is not None], recipes.parts):
            if one not in tensors:
                call(*spare[one.node])
        check_explicit(node, masks, tensors)
        call(replace(node, mask=masks), layer)
    return tensors, tuple(nodes)


def handed_a_mask(output: Any, given: Sequence[Any]) -> bool:
    """Whether Keras handed a mask to the call that made this tensor.

    It writes down every call with its arguments, but where it has rounded one of them to the layer's precision: then they are
    those of before. There it hands on the mask that its only argument has.
    """
    history = output._keras_history
    arguments = history.operation._inbound_nodes[history.node_index].arguments.kwargs
    if "mask" in arguments or len(given) > 1 or "mask" not in signature(history.operation.call).parameters:
        return arguments.get("mask") is not None
    return getattr(given[0], "_keras_mask", None) is not None
