"""A second look at a Keras model: every tensor between its layers, and every step of its recurrent layers.

Works on Keras's objects without importing Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnverify.observation import Ref, Walked

Array = npt.NDArray[Any]
Trace = Callable[[Any, Any], None]  # of a model and what it is fed

BATCH = 32  # samples that predict feeds at once by default


class Watched(NamedTuple):
    """A walk through time, as a tensor of the graph: every state at every step, side by side."""

    states: Any  # (N, T, M) in all
    widths: tuple[int, ...]  # of each state


def walks_of(keras: Any, layer: Any, x: Any, states: Sequence[Any], name: str, taken: set[str]) -> list[Watched]:
    """Every state at every step of a recurrent layer's walk, of both walks of a Bidirectional; nothing of others.

    They are those of a second layer around the same cell, and so with the same weights.

    Args:
        layer: what is called.
        x, states: on what.
        name: of the call.
        taken: names that the second layer may not have, and to which its own is added.
    """
    half, mask = len(states) // 2, None if states else getattr(x, "_keras_mask", None)  # no implied one beside states
    if hasattr(layer, "forward_layer"):
        as_handed = layer.dtype_policy.convert_input
        x, *states = (as_handed(tensor, layer.autocast, layer.input_dtype) for tensor in (x, *states))
        parts = [(layer.forward_layer, [*states[:half]]), (layer.backward_layer, [*states[half:]])]
    else:
        parts = [(layer, [*states])] if isinstance(layer, keras.layers.RNN) else []
    walks = []
    for index, (original, start) in enumerate(parts):
        first = keras.tree.flatten(original.get_initial_state(1))
        widths = tuple(prod(state.shape[1:]) for state in first)
        own = f"walk_{index}_of_{name.replace(':', '_')}"
        while own in taken:
            own += "_"
        taken.add(own)
        sibling = emitting_all(keras, original, widths, own)
        emitted = sibling(x, mask=mask, **({"initial_state": list(start)} if start else {}))
        walks.append(Watched(emitted, widths))
    return walks


class EmittingAll:
    """A cell that puts out what another one's states are after the step, side by side."""

    def __init__(self, keras: Any, cell: Any, widths: Sequence[int]) -> None:
        self.keras = keras
        self.cell = cell
        self.widths = widths
        self.compute_dtype = cell.compute_dtype
        self.state_size = cell.state_size
        self.output_size = sum(widths)
        if hasattr(cell, "get_initial_state"):
            self.get_initial_state = cell.get_initial_state

    def __call__(self, inputs: Any, states: Any, **options: Any) -> Any:
        _, new = self.cell(inputs, states, **options)
        pairs = zip(self.keras.tree.flatten(new), self.widths, strict=True)
        flat = [self.keras.ops.reshape(state, (-1, width)) if len(state.shape) > 2 else state for state, width in pairs]
        return (self.keras.ops.concatenate(flat, axis=-1) if flat[1:] else flat[0]), new

    call = __call__  # by which Keras knows a cell


def emitting_all(keras: Any, layer: Any, widths: Sequence[int], name: str) -> Any:
    """A recurrent layer that takes the same steps, and emits every state at every one of them."""
    options = {key: getattr(layer, key) for key in ("go_backwards", "unroll", "zero_output_for_mask")}
    cell = EmittingAll(keras, layer.cell, widths)
    return keras.layers.RNN(cell, return_sequences=True, name=name, dtype=layer.dtype_policy, **options)


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
        walks: Mapping[str, list[Watched]],
        trace: Trace | None,
    ) -> None:
        self.keras = keras
        self.trace = trace
        self.outputs = len(outputs)
        self.refs = list(tensors)
        self.widths = {name: [walk.widths for walk in of_one] for name, of_one in walks.items() if of_one}
        walked = [walk.states for of_one in walks.values() for walk in of_one]
        self.model = keras.Model(inputs, [*outputs, *tensors.values(), *walked])

    def look(self, x: Any, samples: int) -> Seen:
        """Predict once, and see it all."""
        emitted = predict(self.keras, self.model, x, samples, self.trace)
        arrays = iter([np.asarray(array) for array in self.keras.tree.flatten(emitted)])
        return Seen(
            [next(arrays) for _ in range(self.outputs)],
            {ref: next(arrays) for ref in self.refs},
            {name: tuple(walked(next(arrays), widths) for widths in of_one) for name, of_one in self.widths.items()},
        )


def walked(states: Array, widths: Sequence[int]) -> Walked:
    """The states apart: views, so that nothing is held twice."""
    h, *others = np.split(states, np.cumsum(widths)[:-1], axis=-1)
    return Walked(h, others=tuple(others))


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
