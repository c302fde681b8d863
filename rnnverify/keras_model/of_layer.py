"""A model that is one layer. Works on Keras's objects without importing Keras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from rnnverify.errors import DataError, RequestError
from rnnverify.keras_model.foreign import packed
from rnnverify.keras_model.in_a_row import directions, is_stateful
from rnnverify.keras_model.refusals import first_line
from rnnverify.text import shapes_text

Array = npt.NDArray[Any]


def check_states(keras: Any, layer: Any, inputs: Sequence[Array], states: Sequence[Array]) -> None:
    """Keras takes states of other shapes, or too few of them, without a word.

    Raises:
        DataError: these are not the layer's.
    """
    parts = directions(layer)
    if not states or not all(hasattr(part, "get_initial_state") for part in parts):
        return
    samples = len(inputs[0])
    wanted = [tuple(one.shape) for part in parts for one in keras.tree.flatten(part.get_initial_state(samples))]
    got = [tuple(state.shape) for state in states]
    if got != wanted:
        raise DataError(
            f"expected initial_state for the layer {layer.name!r} in the shapes {shapes_text(wanted)}; got {shapes_text(got)}"
        )


def model_of_layer(
    keras: Any, layer: Any, inputs: Sequence[Array], states: Sequence[Array], masks: Sequence[Array | None] = ()
) -> Any:
    """A model that is one layer, called with these states and masks.

    Raises:
        RequestError: the layer cannot be called on arrays of these shapes.
    """
    check_states(keras, layer, inputs, states)
    batch = len(inputs[0]) if is_stateful(layer) else None
    given, start = (
        [keras.Input(a.shape[1:], batch_size=batch, dtype=a.dtype.name) for a in arrays] for arrays in (inputs, states)
    )
    worn = [None if mask is None else keras.Input(mask.shape[1:], batch_size=batch, dtype="bool") for mask in masks]
    there = [mask for mask in worn if mask is not None]
    options: dict[str, Any] = {"initial_state": packed(keras, layer, start)} if start else {}
    options |= {"mask": worn if len(worn) > 1 else worn[0]} if there else {}
    try:
        y = layer(given if len(given) > 1 else given[0], **options)
    except Exception as error:  # Keras raises all kinds; each means that these arrays do not fit this layer
        raise RequestError(f"the layer {layer.name!r} cannot be called on these inputs: {first_line(error)}") from None
    return keras.Model([*given, *start, *there], y)
