"""A second look at a Keras model: every tensor between its layers, and every step of its recurrent layers.

Works on Keras's objects without importing Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnverify.observation import Ref, Walked

Array = npt.NDArray[Any]
Trace = Callable[[Any, Any], None]  # of a model and what it is fed

BATCH = 32  # samples that predict feeds at once by default


def walks_of(keras: Any, layer: Any, x: Any, states: Sequence[Any], name: str) -> list[list[Any]]:
    """The sequence and the states of a recurrent layer's walk, of both walks of a Bidirectional; nothing of others.

    They are those of a second layer around the same cell, and so with the same weights, that emits every step and state.
    """
    half = len(states) // 2
    if hasattr(layer, "forward_layer"):
        parts = [(layer.forward_layer, states[:half]), (layer.backward_layer, states[half:])]
    else:
        parts = [(layer, states)] if isinstance(layer, keras.layers.RNN) else []
    walks = []
    for index, (original, start) in enumerate(parts):
        sibling = emitting_all(original, f"walk_{index}_of_{name.replace(':', '_')}")
        walks.append(keras.tree.flatten(sibling(x, **({"initial_state": list(start)} if start else {}))))
    return walks


def emitting_all(layer: Any, name: str) -> Any:
    """A recurrent layer around the same cell that emits every step, and its states after the last."""
    config = {**layer.get_config(), "return_sequences": True, "return_state": True, "name": name}
    if "cell" in config:  # a layer that is given its cell; others make their own
        return type(layer)(**{**config, "cell": layer.cell})
    sibling = type(layer).from_config(config)
    sibling.cell = layer.cell
    return sibling


class Seen(NamedTuple):
    """What a prediction showed."""

    outputs: list[Array]  # the model's, where they were asked for
    tensors: dict[Ref, Array]  # between the layers
    walks: dict[str, tuple[Walked, ...]]


class Watcher:
    """A model that emits every tensor between the layers, and every step of the recurrent ones."""

    def __init__(
        self,
        keras: Any,
        inputs: list[Any],
        outputs: list[Any],
        tensors: Mapping[Ref, Any],
        walks: Mapping[str, list[list[Any]]],
        trace: Trace | None,
    ) -> None:
        self.keras = keras
        self.trace = trace
        self.outputs = len(outputs)
        self.refs = list(tensors)
        self.states = {name: [len(walk) - 1 for walk in of_one] for name, of_one in walks.items() if of_one}
        walked = [tensor for of_one in walks.values() for walk in of_one for tensor in walk]
        self.model = keras.Model(inputs, [*outputs, *tensors.values(), *walked])

    def look(self, x: Any, samples: int) -> Seen:
        """Predict once, and see it all."""
        emitted = predict(self.keras, self.model, x, samples, self.trace)
        arrays = iter([np.asarray(array) for array in self.keras.tree.flatten(emitted)])
        return Seen(
            [next(arrays) for _ in range(self.outputs)],
            {ref: next(arrays) for ref in self.refs},
            {
                name: tuple(Walked(next(arrays), tuple(next(arrays) for _ in range(count))) for count in counts)
                for name, counts in self.states.items()
            },
        )


def predict(keras: Any, model: Any, x: Any, samples: int, trace: Trace | None) -> Any:
    """What `model.predict` returns.

    It makes a data set of batches first, which takes some 40 ms; `predict_on_batch` hands a batch to the same function, in
    a millisecond.
    """
    if trace is not None and model.predict_function is None:
        trace(model, x)
    batches = [slice(start, start + BATCH) for start in range(0, samples, BATCH)]
    made = [model.predict_on_batch(keras.tree.map_structure(lambda array: array[batch], x)) for batch in batches]  # noqa: B023
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts) if parts[1:] else parts[0], *made)
