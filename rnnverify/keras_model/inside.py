"""The layers of models inside a model: Keras's objects, their names, and what comes in. Works on them without importing Keras."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rnnverify.errors import UnsupportedError
from rnnverify.keras_model.config_graph import InboundNode
from rnnverify.keras_model.fed import is_whole
from rnnverify.keras_model.operations import Operation
from rnnverify.observation import Ref
from rnnverify.observation.precision import HOLDS
from rnnverify.text import shape_text


def layer_at(model: Any, path: str) -> Any:
    """A layer or an operation, by its name; `encoder/lstm` is in the model `encoder`."""
    for name in path.split("/"):
        members = model.operations if hasattr(model, "operations") else model.layers  # those of a Sequential
        model = next(one for one in members if one.name == name)
    return model


@contextmanager
def named_apart(layers: Mapping[str, Any]) -> Iterator[None]:
    """Have layers go by these names for a while: Keras makes no model of several that have the same."""
    originals = [layer.operation if isinstance(layer, Operation) else layer for layer in layers.values()]
    before = [(one, one.name) for one in originals]
    try:
        for one, name in zip(originals, layers, strict=True):
            if one.name != name:
                one.name = name.replace("/", "_in_")
        yield
    finally:
        for one, name in before:
            if one.name != name:
                one.name = name


def check_fed(fed: Sequence[Mapping[str, Any]], tensors: Mapping[Ref, Any], node: InboundNode, layer: Any) -> None:
    """Refuse a model inside another that makes something else of what comes in than the layer behind its input would.

    Args:
        fed: of each of its inputs, see `nested`.
        tensors: Keras's.
        node: the layer's.
        layer: Keras's.

    Raises:
        UnsupportedError: it rounds, cuts off or reshapes what it is given.
    """
    for one in fed:
        if one["ref"] not in (*node.inputs, *node.initial_state) or not node.name.startswith(f"{one['model']}/"):
            continue
        tensor, takes = tensors[one["ref"]], one["takes"]
        shape, wanted = takes.get("batch_shape") or tensor.shape, takes.get("dtype") or tensor.dtype
        if len(shape) != len(tensor.shape):
            expected, got = (shape_text(["N", *(n or "any" for n in sizes[1:])]) for sizes in (shape, tensor.shape))
            raise UnsupportedError(
                f"the model {one['model']!r} takes {expected} and is given {got}; give it an input of the shape that it takes"
            )
        lost = one["several"] and getattr(tensor, "_keras_mask", None) is not None  # its mask, by a cast
        if tensor.dtype != wanted and (lost or not same_numbers(tensor.dtype, wanted, layer)):
            raise UnsupportedError(
                f"the model {one['model']!r} takes {wanted} and is given {tensor.dtype}, which is not implemented; give it a"
                f" keras.Input of the dtype {tensor.dtype}"
            )


def same_numbers(given: str, wanted: str, reader: Any) -> bool:
    """Whether a layer computes with the same numbers if what it is given is not cast before."""
    if is_whole(given) or is_whole(wanted):
        return hasattr(reader, "embeddings") and wanted not in ("float16", "bfloat16")  # it cuts ids off by itself
    return given in HOLDS.get(wanted, ()) and getattr(reader, "autocast", False)
