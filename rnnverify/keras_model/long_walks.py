"""Walks of many timesteps, watched one stretch after the other. Works on Keras's objects without importing Keras.

TensorFlow's loop keeps what it puts out at every step as a tensor of its own, then stacks them, then swaps the axes of that:
three times the memory of what is seen in the end. So a long walk is taken in stretches, each from the states that the one
before it left, which are the same steps of the same cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnverify.keras_model.foreign import widths_of
from rnnverify.keras_model.predicting import BATCH, Trace, predict
from rnnverify.keras_model.walks import directions_of, emitting_all, walked
from rnnverify.observation import Ref, Walked

Array = npt.NDArray[Any]

LONG = 1 << 23  # numbers of all states at all steps from which on a walk is a long one
STRETCH = 1 << 20  # numbers that are emitted at once


class LongWalk(NamedTuple):
    """A recurrent layer in one direction."""

    keras: Any
    model: (
        Any  # of a stretch of its input, and the states before it: the states at every step, side by side, and the last
    )
    x: Ref
    starts: Sequence[Ref]  # where it is given states to start from
    backwards: bool
    widths: tuple[int, ...]  # of each state
    first: Sequence[Array]  # those that it starts from by itself, of one sample

    def taken(self, fed: Mapping[Ref, Array], trace: Trace | None) -> Walked:
        """Take it.

        Args:
            fed: every tensor of the model.
            trace: is done to a model before its first prediction.
        """
        x = fed[self.x][:, ::-1] if self.backwards else fed[self.x]
        samples, timesteps = x.shape[:2]
        own = [state.dtype for state in self.model.inputs[1:]]
        states = [fed[ref] for ref in self.starts] or [np.repeat(state, samples, axis=0) for state in self.first]
        states = [np.asarray(state).astype(dtype) for state, dtype in zip(states, own, strict=True)]
        length = max(1, STRETCH // (min(samples, BATCH) * sum(self.widths)))
        emitted = None
        for start in range(0, timesteps, length):
            part = slice(start, start + length)
            made = predict(self.keras, self.model, [x[:, part], *states], samples, trace)
            stretch, *states = (np.asarray(array) for array in self.keras.tree.flatten(made))
            if emitted is None:
                emitted = np.empty((samples, timesteps, sum(self.widths)), dtype=stretch.dtype)
            emitted[:, part] = stretch
        assert emitted is not None
        return walked(emitted, self.widths)


def width_of(keras: Any, layer: Any, x: Any, states: Sequence[Any]) -> int:
    """How many numbers a layer's walks hold at each step, if they can be taken in stretches; else 0.

    Args:
        keras: the module.
        layer: any layer of Keras's.
        x: what it is fed, a tensor of a graph.
        states: what it is given to start from.
    """
    own = [one.layer for one in directions_of(keras, layer, x, states, "")]
    if getattr(x, "_keras_mask", None) is not None or (states and len(own) > 1):
        return 0
    if any(one.unroll or keras.tree.is_nested(first_of(one)[0]) for one in own):
        return 0
    return sum(sum(widths_of(keras, one)) for one in own)


def first_of(layer: Any) -> Sequence[Any]:
    """The states that a recurrent layer starts from by itself."""
    first: Sequence[Any] = layer.get_initial_state(1)
    return first


def long_walks_of(keras: Any, layer: Any, x: Any, refs: tuple[Ref, Sequence[Ref]], name: str) -> list[LongWalk]:
    """A recurrent layer's long walk, or both of a Bidirectional.

    Args:
        keras: the module.
        layer: for which `is_long` holds.
        x: what it is fed, a tensor of a graph.
        refs: the places of x and of the states that it is given, in the model.
        name: of its node.
    """
    stretch = keras.Input((None, *x.shape[2:]), dtype=x.dtype)
    walks = []
    for own, fed, _, own_name in directions_of(keras, layer, stretch, [], name):
        first = first_of(own)
        starts = [keras.Input(state.shape[1:], dtype=own.compute_dtype) for state in first]
        widths = widths_of(keras, own)
        sibling = emitting_all(keras, own, widths, own_name, go_backwards=False, return_state=True)
        emitted, *left = sibling(fed, initial_state=starts)
        model = keras.Model([stretch, *starts], [emitted, *left])
        walks.append(LongWalk(keras, model, *refs, own.go_backwards, widths, [np.asarray(state) for state in first]))
    return walks
