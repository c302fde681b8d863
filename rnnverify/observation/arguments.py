"""What an operation is called on, as plain values that JSON holds: tensors by their number, slices, constants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

PREFIX = "ops."  # of the names of operations beside those of layers
TENSOR, SLICE, ELLIPSIS, ARRAYS = "__keras_tensor__", "__slice__", "__ellipsis__", ("__numpy__", "__tensor__")


def numbered(value: Any, count: list[int]) -> Any:
    """Part of a call's config with the number of each tensor in its place; `count` holds how many there were before."""
    if isinstance(value, Mapping) and value.get("class_name") == TENSOR:
        count[0] += 1
        return {"tensor": count[0] - 1}
    if isinstance(value, Mapping):
        return {key: numbered(part, count) for key, part in value.items()}
    return [numbered(part, count) for part in value] if isinstance(value, list | tuple) else value


def filled(value: Any, tensor: Callable[[int], Any]) -> Any:
    """The arguments themselves, with a tensor for each number; a list of what is no tensor is a tuple, as an index is."""
    if isinstance(value, list | tuple):
        parts = [filled(part, tensor) for part in value]
        return parts if any(isinstance(part, Mapping) and "tensor" in part for part in value) else tuple(parts)
    if not isinstance(value, Mapping):
        return value
    if "tensor" in value:
        return tensor(value["tensor"])
    kind, inner = value.get("class_name"), value.get("config", {})
    if kind == SLICE:
        return slice(inner.get("start"), inner.get("stop"), inner.get("step"))
    if kind == ELLIPSIS:
        return Ellipsis
    if kind in ARRAYS:
        return np.asarray(inner.get("value"), dtype=inner.get("dtype"))
    raise ValueError(f"expected numbers, slices and tensors, got {str(kind)[:60]}")
