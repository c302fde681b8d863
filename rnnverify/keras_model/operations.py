"""Operations between layers, in the manner of layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnverify.observation.arguments import PREFIX, filled
from rnnverify.observation.precision import UNIT_ROUNDOFF


class Operation:
    """One of Keras's operations, called as it was; without weights."""

    weights: tuple[Any, ...] = ()

    def __init__(self, operation: Any, arguments: Any) -> None:
        """Take one, and what it was called on, with numbers for its tensors."""
        self.operation = operation
        self.arguments = arguments
        self.name = operation.name
        self.class_name = PREFIX + type(operation).__name__
        self.dtype = "float32"

    def __call__(self, inputs: Any) -> Any:
        """The same call on other tensors."""
        tensors = inputs if isinstance(inputs, list) else [inputs]
        made = self.operation(*filled(self.arguments, lambda number: tensors[number]))
        first = made[0] if isinstance(made, list | tuple) else made
        self.dtype = first.dtype if first.dtype in UNIT_ROUNDOFF else "float32"  # whole numbers do not round
        return made

    def get_config(self) -> dict[str, Any]:
        """Its options, and what it is called on."""
        return {**options_in(self.operation.get_config()), "dtype": self.dtype, "arguments": self.arguments}

    def get_weights(self) -> list[npt.NDArray[np.generic]]:
        """None."""
        return []


def options_in(config: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an operation, of which the dtype that it makes is no precision that it computes in."""
    return {"into" if key == "dtype" else key: value for key, value in config.items()}


def class_name_of(layer: Any) -> str:
    """The class of a layer of Keras's, or of an operation, with a prefix that no layer has."""
    return layer.class_name if isinstance(layer, Operation) else type(layer).__name__


def needed(entries: Mapping[str, tuple[bool, frozenset[str]]], outputs: frozenset[str]) -> frozenset[str]:
    """The operations that a model computes with, and not only makes masks of.

    Args:
        entries: for each node whether it is an operation, and which nodes it reads, but for masks.
        outputs: the nodes that are outputs of the model.
    """
    rest = list(outputs.union(*(reads for operation, reads in entries.values() if not operation)))
    found: set[str] = set()
    while rest:
        name = rest.pop()
        operation, reads = entries.get(name, (False, frozenset()))
        if operation and name not in found:
            found.add(name)
            rest += reads
    return frozenset(found)
