"""The replay alone, of a Keras model or layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from rnnverify.errors import DataError
from rnnverify.keras_model.from_memory import describe_model
from rnnverify.layers.graph import Graph


def replay(model_or_layer: Any, x: Any, mask: Any = None, initial_state: Any = None) -> Any:
    """What a Keras model or layer computes, in float64 NumPy, from its weights and config alone; Keras does not run.

    As in Keras, inputs and states are rounded first to the precision that the model takes them in: for a float32 model, float64
    ones to float32, which a loop of your own over the same x has to do as well, or it differs by some 1e-8.

    Args:
        model_or_layer: a built keras.Model (Sequential or functional), or one built Keras layer.
        x: its input (N, ...), an array or lists of numbers; several in a list, or for a model in a mapping by name.
        mask: for one input (N, T, ...): which steps to keep, (N, T) of bool.
        initial_state: for one recurrent layer, its states, (N, M) each: an array, or a list of them.

    Returns:
        A float64 array, or a list of arrays where the model or layer has several outputs.

    Raises:
        RequestError: the model cannot be replayed, or the inputs, the mask or the states do not fit it.
    """
    states = (
        [] if initial_state is None else initial_state if isinstance(initial_state, list | tuple) else [initial_state]
    )
    fed, nodes, outputs = describe_model(model_or_layer, x, states)
    for index, (name, array) in enumerate(fed.items()):
        if not np.isfinite(array).all():
            origin = "initial_state" if index >= len(fed) - len(states) else f"the input {name!r}"
            raise DataError(f"expected finite numbers in {origin}, got NaN or infinity")
    first, *others = fed
    others = others[: len(others) - len(states)]
    if mask is not None and (others or np.shape(mask) != fed[first].shape[:2]):
        raise DataError(
            f"expected a mask (N, T) for one input, of shape {fed[first].shape[:2]}; got one of shape {np.shape(mask)} for"
            f" {len(others) + 1} input{'s' if others else ''}"
        )
    masks = {} if mask is None else {first: np.asarray(mask, dtype=bool)}
    if masks:
        nodes = tuple(replace(node, masked=node.masked or node.inputs[0].node in masks) for node in nodes)
    done = Graph(nodes).run(fed, masks=masks)
    arrays = [done[ref].values for ref in outputs]
    return arrays if len(arrays) > 1 else arrays[0]
