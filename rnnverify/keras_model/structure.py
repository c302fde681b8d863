"""The structures in which a model takes its inputs and returns its outputs. Works on Keras's objects without importing Keras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnnverify.observation.paths import Path, is_nested, taken_in_order


def paths_of(keras: Any, structure: Any) -> tuple[Path, ...]:
    """Where each tensor stands, in Keras's order; none where there is a single tensor, or no structure is known."""
    found = [path for path, _ in keras.tree.flatten_with_path(structure)] if structure is not None else []
    return tuple(tuple(key if isinstance(key, int) else str(key) for key in path) for path in found if path)


def inputs_of(model: Any) -> Any:
    return getattr(model, "_inputs_struct", None)


def outputs_of(model: Any) -> Any:
    return getattr(model, "_outputs_struct", None)


def with_flat_inputs(keras: Any, model: Any) -> Any:
    """A model, or one of the same graph that takes in a list what the model takes nested."""
    if not is_nested(paths_of(keras, inputs_of(model))):
        return model
    return keras.Model(keras.tree.flatten(inputs_of(model)), outputs_of(model), name=model.name)


def flat(keras: Any, model: Any, given: Any) -> Any:
    """What a model is given for each of its inputs: in a list, where it came as nested as the model has them."""
    paths = paths_of(keras, inputs_of(model))
    found = taken_in_order(given, paths) if is_nested(paths) else None
    return given if found is None else found


def as_returned(keras: Any, model: Any, arrays: Sequence[Any]) -> Any:
    """A model's outputs as its `predict` returns them."""
    structure = outputs_of(model)
    if structure is None or not paths_of(keras, structure):
        return list(arrays) if len(arrays) > 1 else arrays[0]
    made = keras.tree.pack_sequence_as(structure, list(arrays))
    return made[0] if isinstance(made, list | tuple) and len(made) == 1 else made
