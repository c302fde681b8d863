"""The graph of a Keras model without Keras's objects: of each call its layer's config, and what it is handed where none casts it.

Keras casts what a layer is given to the dtype that the layer computes in, unless its `autocast` is False, of which no config
says anything. Works on Keras's objects without importing Keras.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from rnnverify.errors import UnsupportedError
from rnnverify.keras_model.config_graph import InboundNode
from rnnverify.keras_model.foreign import is_foreign
from rnnverify.keras_model.operations import Operation, class_name_of
from rnnverify.keras_model.weights import weights_of
from rnnverify.observation import Node, Ref
from rnnverify.observation.precision import HANDED, UNIT_ROUNDOFF

Array = npt.NDArray[Any]

# What casts by itself, or through the layers and cells that it is made of: the same with and without autocast.
CASTS_INSIDE = frozenset(
    {
        *("SimpleRNN", "LSTM", "GRU", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "RNN"),
        *("MultiHeadAttention", "Normalization", "Rescaling", "Embedding", "CategoryEncoding"),
    }
)
AS_HANDED = "LayerNormalization"  # rounds to the dtype that it is handed, and then to its own
PARTS = ("cell", "layer", "forward_layer", "backward_layer", "activation", "recurrent_activation")


def described_nodes(
    nodes: Sequence[InboundNode],
    layers: Mapping[str, Any],
    configs: Mapping[str, Mapping[str, Any]],
    tensors: Mapping[Ref, Any],
    weights: Mapping[str, Mapping[str, Array]],
    emitted: Mapping[Ref, Array],
) -> tuple[Node, ...]:
    """Every call of every layer, in topological order.

    Args:
        nodes: in that order.
        layers: Keras's, by name.
        configs: what Keras says of them.
        tensors: Keras's, which tell their dtypes; behind a layer that casts nothing some tell another than they have.
        weights: those that are at hand, by layer.
        emitted: what was seen to come out, if the model was run.

    Raises:
        UnsupportedError: a layer is handed another dtype than its own and does not cast it, which is not implemented of it.
    """
    held = {ref: str(tensor.dtype) for ref, tensor in tensors.items()}
    held |= {ref: array.dtype.name for ref, array in emitted.items()}
    made = []
    for node in nodes:
        layer, config, own = layers[node.layer], {**configs[node.layer], **node.options}, Ref(node.name)
        if isinstance(layer, Operation):
            if own in emitted:
                config["dtype"] = held[own] if held[own] in UNIT_ROUNDOFF else "float32"  # whole numbers do not round
        elif not node.opaque:
            if not is_foreign(layer):  # some configs have it: what it means is said here
                config.pop("autocast", None)
            if config.get("dtype") == layer.variable_dtype != layer.compute_dtype:  # a SpatialDropout1D's says no more
                config["dtype"] = layer.dtype_policy.name
            changes = changes_without_cast(layer, [held[ref] for ref in node.inputs])
            config |= changes
            if own not in emitted and "dtype" in changes:  # which its tensor may not tell
                held[own] = changes["dtype"]
        made.append(
            Node(
                name=node.name,
                layer=node.layer,
                class_name=class_name_of(layer),
                config=config,
                weights=weights.get(node.layer) or weights_of(layer),
                inputs=node.inputs,
                initial_state=node.initial_state,
                masked=node.masked,
                mask=node.mask,
                opaque=node.opaque,
            )
        )
    return tuple(made)


def changes_without_cast(layer: Any, given: Sequence[str]) -> dict[str, str]:
    """What is to be said of a layer beside its config, where Keras does not cast what it is given.

    Args:
        layer: Keras's.
        given: the dtypes of its inputs.

    Raises:
        UnsupportedError: what it then computes in is not implemented.
    """
    own, title = str(layer.compute_dtype), f"layer {layer.name!r}"
    floats = {dtype for dtype in given if dtype in UNIT_ROUNDOFF}
    if AS_HANDED in {type(one).__name__ for one in (layer, *parts_of(layer))} and set(given) != floats:
        raise UnsupportedError(
            f"{title}: Keras cuts off what is behind the point where a {AS_HANDED} is given whole numbers, which is not"
            f" implemented; give it {own}"
        )
    if type(layer).__name__ == AS_HANDED and not is_foreign(layer):
        return {HANDED: floats.pop()} if not layer.autocast and floats != {own} else {}
    uncast = [one for one in (layer, *parts_of(layer)) if not one.autocast and not casts_inside(one)]
    if layer in uncast and not (is_foreign(layer) or layer.weights or [*parts_of(layer)]) and len(floats) < 2:
        return {"dtype": floats.pop()} if floats not in (set(), {own}) else {}
    if layer.autocast:
        floats, uncast = {own}, [one for one in uncast if type(one).__name__ != AS_HANDED]
    if strange := [
        one
        for one in uncast
        if floats != {one.compute_dtype} or (one.weights and one.variable_dtype != one.compute_dtype)
    ]:
        part = "" if strange[0] is layer else f" of its part {strange[0].name!r}"
        raise UnsupportedError(
            f"{title}: with autocast=False{part} Keras casts neither what it is given ({', '.join(sorted(set(given)))}) nor its"
            f" weights ({strange[0].variable_dtype}) to {strange[0].compute_dtype}, which is implemented of single layers without"
            " weights; leave autocast out, or have all of it in one dtype"
        )
    return {}


def casts_inside(layer: Any) -> bool:
    """Whether a layer computes the same if what it is given is not cast before: one of Keras's own."""
    return type(layer).__name__ in CASTS_INSIDE and not is_foreign(layer)


def parts_of(layer: Any) -> Iterator[Any]:
    """The layers and cells inside a layer; an activation is one of them if it is a layer."""
    for one in (*(getattr(layer, name, None) for name in PARTS), *getattr(layer, "cells", ())):
        if hasattr(one, "autocast"):
            yield one
            yield from parts_of(one)
