"""The replay alone, of a Keras model or layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from rnnverify.errors import DataError
from rnnverify.keras_model.session import describe_model
from rnnverify.layers.graph import Graph


def replay(model_or_layer: Any, x: Any, mask: Any = None, initial_state: Any = None) -> Any:
    """What a Keras model or layer computes, in float64 NumPy, from its weights and config alone; Keras does not run.

    As in Keras, inputs and states are rounded first to the precision that the model takes them in: for a float32 model, float64
    ones to float32, which a loop of your own over the same x has to do as well, or it differs by some 1e-8.

    Args:
        model_or_layer: a built keras.Model (Sequential or functional), or one built Keras layer.
        x: its input (N, ...), or a list of them.
        mask: for one input (N, T, ...): which steps to keep, (N, T) of bool.
        initial_state: for one recurrent layer, its states, (N, M) each: an array, or a list of them.

    Returns:
        A float64 array, or a list of arrays where the model or layer has several outputs.

    Raises:
        RequestError: the model cannot be replayed, or the inputs, the mask or the states do not fit it.
    """
    inputs = [np.asarray(array) for array in (x if isinstance(x, list | tuple) else [x])]
    states = (
        [] if initial_state is None else initial_state if isinstance(initial_state, list | tuple) else [initial_state]
    )
    for name, array in {"x": inputs, "initial_state": states}.items():
        if any(part.dtype.kind == "f" and not np.isfinite(part).all() for part in map(np.asarray, array)):
            raise DataError(f"expected finite numbers in {name}, got NaN or infinity")
    if mask is not None and (len(inputs) > 1 or np.shape(mask) != inputs[0].shape[:2]):
        raise DataError(
            f"expected a mask (N, T) for one input, of shape {inputs[0].shape[:2]}; got one of shape {np.shape(mask)} for"
            f" {len(inputs)} input{'s' if len(inputs) > 1 else ''}"
        )
    names, nodes, outputs = describe_model(model_or_layer, inputs, [np.asarray(state) for state in states])
    fed = dict(zip(names, [*inputs, *map(np.asarray, states)], strict=True))
    masks = {} if mask is None else {names[0]: np.asarray(mask, dtype=bool)}
    if masks:
        nodes = tuple(replace(node, masked=node.masked or node.inputs[0].node in masks) for node in nodes)
    done = Graph(nodes).run(fed, masks=masks)
    arrays = [done[ref].values for ref in outputs]
    return arrays if len(arrays) > 1 else arrays[0]
