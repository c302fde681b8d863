"""What layers keep from one call to the next, and how it is put back. Works on Keras's objects without importing Keras."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnverify.keras_model.opaque import Opaque

Array = npt.NDArray[Any]


def variables_of(layers: Iterable[Any]) -> list[Any]:
    """What layers may change when they are called: variables that are not trained, and the states of stateful ones in them."""
    return [one for layer in layers for one in changed_by(layer.operation if isinstance(layer, Opaque) else layer)]


def changed_by(layer: Any) -> Iterator[Any]:
    yield from getattr(layer, "non_trainable_variables", ())
    for one in layer._flatten_layers() if hasattr(layer, "_flatten_layers") else ():
        yield from leaves(getattr(one, "states", None))


def leaves(states: Any) -> Iterator[Any]:
    """The variables of states, which those of stacked cells have in lists of their own."""
    if isinstance(states, list | tuple):
        for one in states:
            yield from leaves(one)
    elif states is not None:
        yield states


def copies(variables: Iterable[Any]) -> list[Array]:
    """What variables hold now: with PyTorch an array of one may be its own memory."""
    return [np.array(one) for one in variables]


def put(variables: Sequence[Any], values: Sequence[Array]) -> None:
    for one, value in zip(variables, values, strict=True):
        one.assign(value)


@contextmanager
def same_start(variables: Sequence[Any]) -> Iterator[Callable[[], None]]:
    """Have several runs start from the same states, by calling what this gives before each; and leave them so."""
    before = copies(variables)
    try:
        yield lambda: put(variables, before)
    finally:
        put(variables, before)
