"""Layers that are not replayed: which they are, and how they are called once more.

Works on Keras's objects without importing Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy.typing as npt

from rnnverify.errors import UnsupportedError
from rnnverify.keras_model.foreign import config_of, unique_names
from rnnverify.keras_model.operations import Operation
from rnnverify.observation import Ref
from rnnverify.observation.arguments import ARRAYS, ELLIPSIS, PREFIX, SLICE, filled
from rnnverify.observation.precision import UNIT_ROUNDOFF
from rnnverify.spec.opaque import ALL, MODELS, chosen

Array = npt.NDArray[Any]


class Opaque(Operation):
    """A layer or an operation that is called as it was, of which nothing else is looked at."""

    def __init__(self, layer: Any, arguments: Any, is_layer: bool) -> None:
        super().__init__(layer, arguments)
        self.class_name = type(layer).__name__ if is_layer else self.class_name
        self.dtype = computed_in(layer)
        self.weights = tuple(map(named, unique_names(one.name for one in getattr(layer, "weights", ()))))
        for name in ("embeddings", "input_dim"):  # by which one knows what reads ids
            if hasattr(layer, name):
                setattr(self, name, getattr(layer, name))

    def __call__(self, inputs: Any) -> Any:
        """The same call on other tensors."""
        tensors = inputs if isinstance(inputs, list) else [inputs]
        args, kwargs = (refilled(self.name, self.arguments[part], tensors) for part in ("args", "kwargs"))
        return self.operation(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """What it computes in: the rest may be code, and is nothing that the verification reads."""
        return {"name": self.name, "dtype": self.dtype}

    def get_weights(self) -> list[Array]:
        """Its own, to be counted."""
        return list(self.operation.get_weights()) if self.weights else []

    def set_weights(self, weights: Sequence[Array]) -> None:
        """Replace them."""
        if self.weights:
            self.operation.set_weights(weights)
        if hasattr(self.operation, "finalize_state"):
            self.operation.finalize_state()


def named(name: str) -> Any:
    return SimpleNamespace(name=name)


def computed_in(layer: Any) -> str:
    """The precision of a layer, as far as it has one that is known."""
    dtype = str(getattr(layer, "compute_dtype", None))
    return dtype if dtype in UNIT_ROUNDOFF else "float32"


def refilled(layer: str, value: Any, tensors: Sequence[Any]) -> Any:
    """A part of what a layer is called on, with a tensor for each number.

    Raises:
        UnsupportedError: there is something else in it than tensors and plain values.
    """
    if isinstance(value, list):
        return [refilled(layer, part, tensors) for part in value]
    if not isinstance(value, Mapping):
        return value
    if value.keys() == {"tensor"}:
        return tensors[value["tensor"]]
    kind = value.get("class_name")
    if kind in (SLICE, ELLIPSIS, *ARRAYS):
        return filled(value, tensors.__getitem__)
    if kind is not None:
        raise UnsupportedError(
            f"layer {layer!r} is called with an object of the class {kind}, which is not implemented"
        )
    return {key: refilled(layer, part, tensors) for key, part in value.items()}


def of_masks(operation: Any) -> bool:
    """Whether Keras makes masks with such an operation, and a model hardly anything else."""
    return type(operation).__name__ in {"Any", "LogicalOr", "NotEqual", "OnesLike", "ZerosLike"}


def opaque_layers(
    origin: str, asked: Sequence[str], operations: Mapping[str, Any], known: Callable[[Any], bool]
) -> frozenset[str]:
    """The names of the layers of a model that are taken as given.

    Args:
        origin: the model or its spec, for messages.
        asked: names, classes, or `all`.
        operations: Keras's layers and operations, by name.
        known: whether one of them is a layer.

    Raises:
        SpecError: one of those that were asked for is not there.
    """
    classes = {name: ("" if known(one) else PREFIX) + type(one).__name__ for name, one in operations.items()}
    configs = {}
    for name, one in operations.items() if ALL in asked else ():
        try:
            configs[name] = config_of(one) if known(one) else {**one.get_config(), "arguments": []}
        except Exception:  # a class of the user's own, which cannot be saved, raises what it likes, and has no replay
            continue
    return chosen(origin, asked, classes, configs)


def members(model: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every layer and operation of a model, by name; those of models inside it as `encoder/lstm`, and such models themselves."""
    for one in model.operations if hasattr(model, "operations") else model.layers:
        yield place + one.name, one
        if type(one).__name__ in MODELS:
            yield from members(one, f"{place}{one.name}/")


def sealed(config: Mapping[str, Any], given: Collection[str]) -> dict[str, Any]:
    """A model's config, in which a model that is taken as given is a layer like others."""
    layers = [{**one, "class_name": "Opaque"} if one["name"] in given else one for one in config["layers"]]
    return {**config, "layers": layers}


def masks_behind(nodes: Sequence[Any], tensors: Mapping[Ref, Any]) -> dict[Ref, Any]:
    """The masks that Keras hands on with what is taken as given."""
    names = {node.name for node in nodes if node.opaque}
    found = {ref: getattr(tensor, "_keras_mask", None) for ref, tensor in tensors.items() if ref.node in names}
    return {ref: mask for ref, mask in found.items() if mask is not None}


def check_seen(names: Collection[str], emitted: Mapping[Ref, Array], masks: Mapping[Ref, Array], samples: int) -> None:
    """Refuse what cannot be taken as given.

    Args:
        names: the nodes that are.
        emitted: what was seen between the layers.
        masks: what was handed on with it.
        samples: how many were fed in.

    Raises:
        UnsupportedError: it is no numbers, sample by sample; or the mask behind it is none of timesteps.
    """
    for ref, array in emitted.items():
        if ref.node in names and (array.dtype.kind in "cOSU" or not array.ndim or len(array) != samples):
            raise UnsupportedError(
                f"layer {ref.node!r} cannot be taken as given: expected numbers with the samples first, ({samples}, ...), as what"
                f" it puts out; got {array.dtype} in the shape {array.shape}"
            )
    for ref, mask in masks.items():
        if mask.ndim != 2 or mask.shape != emitted[ref].shape[:2]:
            raise UnsupportedError(
                f"layer {ref.node!r} cannot be taken as given: expected the mask that it hands on in the shape (N, T),"
                f" {emitted[ref].shape[:2]}; got {mask.shape}"
            )
