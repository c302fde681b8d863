"""The replay alone, of a Keras model or layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnverify.api.observing import states_in
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
        mask: which steps of x count, (N, T) of bool, as in `model(x, mask=mask)`; for several inputs a list of those, None for
            one that has none, or for a model a mapping by name.
        initial_state: for one recurrent layer, its states, (N, M) each: an array, or a list of them.

    Returns:
        A float64 array; where a layer has several outputs a list of them, and where a model has, the structure that it returns
        itself, such as a mapping.

    Raises:
        RequestError: the model cannot be replayed, or the inputs, the mask or the states do not fit it.
    """
    states = states_in(initial_state)
    fed, nodes, outputs, as_returned = describe_model(model_or_layer, x, states, mask)
    starts = {ref.node for node in nodes for ref in node.initial_state} if states else set()
    for name, array in fed.items():
        if not np.isfinite(array).all():
            origin = "initial_state" if name in starts else f"the input {name!r}"
            raise DataError(f"expected finite numbers in {origin}, got NaN or infinity")
    done = Graph(nodes).run(fed)
    return as_returned([done[ref].values for ref in outputs])
