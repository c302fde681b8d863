"""The steps of Keras's recurrent layers, made visible. Works on Keras's objects without importing Keras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnverify.keras_model.foreign import packed, puts_out_a_state, widths_of
from rnnverify.observation import Walked
from rnnverify.observation.masks import check_of_timesteps

Array = npt.NDArray[Any]


class Watched(NamedTuple):
    """A walk through time, as a tensor of the graph: every state at every step, side by side."""

    states: Any  # (N, T, M) in all
    widths: tuple[int, ...]  # of each state
    original: Any  # the recurrent layer
    walk: Any  # the second one around its cell
    x: Any  # what both go over, a tensor of the graph
    masked: bool


class Direction(NamedTuple):
    """A recurrent layer, perhaps one inside a Bidirectional, with what it is fed."""

    layer: Any
    x: Any
    states: Sequence[Any]  # to start from, if they are given
    name: str  # for its walk


def directions_of(keras: Any, layer: Any, x: Any, states: Sequence[Any], name: str) -> list[Direction]:
    """A recurrent layer, or both of a Bidirectional; none of other layers.

    Args:
        keras: the module.
        layer: any layer of Keras's.
        x: what it is fed, a tensor of a graph.
        states: what it is given to start from, tensors too.
        name: of its node.
    """
    half, named = len(states) // 2, f"of_{name.replace(':', '_').replace('/', '_')}"
    if hasattr(layer, "forward_layer"):
        as_handed = layer.dtype_policy.convert_input
        x, *states = (as_handed(tensor, layer.autocast, layer.input_dtype) for tensor in (x, *states))
        parts = [(layer.forward_layer, [*states[:half]]), (layer.backward_layer, [*states[half:]])]
    else:
        parts = [(layer, [*states])] if isinstance(layer, keras.layers.RNN) else []
    return [Direction(original, x, start, f"walk_{index}_{named}") for index, (original, start) in enumerate(parts)]


def walk_of(keras: Any, direction: Direction, mask: Any, taken: set[str], output: Any) -> Watched:
    """Every state at every step of a walk: of a second layer around the same cell, and so with the same weights.

    Args:
        keras: the module.
        direction: what is walked.
        mask: of its input.
        taken: names that the second layer may not have, and to which its own is added.
        output: of the layer, behind which its walk is taken.

    Raises:
        UnsupportedError: the mask is of more than timesteps.
    """
    original, x, start, name = direction
    check_of_timesteps(f"layer {original.name!r}", mask)
    while not taken.isdisjoint({name, f"behind_{name}"}):
        name += "_"
    taken |= {name, f"behind_{name}"}
    x, _ = keras.layers.Identity(name=f"behind_{name}", autocast=False)([x, output])
    widths = widths_of(keras, original)
    start = packed(keras, original, list(start))
    remembers = mask is not None and keras.backend.backend() != "tensorflow"
    sibling = emitting_all(keras, original, widths, name, Remembering if remembers else EmittingAll)
    if start and remembers:
        first = keras.tree.flatten(start)[0]
        start = [keras.ops.zeros_like(keras.ops.repeat(first[:, :1], sum(widths), axis=1)), *start]
    states = sibling(x, mask=mask, **({"initial_state": start} if start else {}))
    return Watched(states, widths, original, sibling, x, mask is not None)


class EmittingAll:
    """A cell that puts out another one's states, side by side, behind what that puts out if it is none of them."""

    def __init__(self, keras: Any, cell: Any, widths: Sequence[int], puts_out: bool) -> None:
        self.keras = keras
        self.cell = cell
        self.widths = widths
        self.puts_out = puts_out
        self.compute_dtype = cell.compute_dtype
        # A ConvLSTM's says -1, which is no size: RNN needs one wherever it says in advance what it will return.
        self.state_size = [*widths[puts_out:]] if cell.state_size == -1 else cell.state_size
        self.output_size = sum(widths)
        if hasattr(cell, "get_initial_state"):
            self.get_initial_state = cell.get_initial_state

    def __call__(self, inputs: Any, states: Any, **options: Any) -> Any:
        output, new = self.cell(inputs, states, **options)
        left = [*([output] if self.puts_out else []), *self.keras.tree.flatten(new)]
        pairs = zip(left, self.widths, strict=True)
        flat = [self.keras.ops.reshape(state, (-1, width)) if len(state.shape) > 2 else state for state, width in pairs]
        return (self.keras.ops.concatenate(flat, axis=-1) if flat[1:] else flat[0]), new

    call = __call__  # by which Keras knows a cell


class Remembering(EmittingAll):
    """The same with what it put out last as the first of its states.

    Keras puts that out at masked steps on all backends but TensorFlow, and takes it for what was put out before.
    """

    def __init__(self, keras: Any, cell: Any, widths: Sequence[int], puts_out: bool) -> None:
        super().__init__(keras, cell, widths, puts_out)
        own = cell.state_size
        self.state_size = [sum(widths), *(own if isinstance(own, list | tuple) else [own])]
        self.get_initial_state = self.first_states

    def first_states(self, batch_size: Any = None) -> Any:
        """Zeros, and what the cell starts from."""
        made = self.cell.get_initial_state(batch_size=batch_size)
        zeros = self.keras.ops.zeros((batch_size, sum(self.widths)), dtype=self.compute_dtype)
        return [zeros, *(made if isinstance(made, list | tuple) else [made])]

    def __call__(self, inputs: Any, states: Any, **options: Any) -> Any:
        emitted, new = super().__call__(inputs, list(states[1:]), **options)
        return emitted, [emitted, *(new if isinstance(new, list | tuple) else [new])]

    call = __call__


def emitting_all(
    keras: Any, layer: Any, widths: Sequence[int], name: str, kind: type[EmittingAll] = EmittingAll, **changes: Any
) -> Any:
    """A recurrent layer that takes the same steps, and emits every state at every one of them."""
    options = {key: getattr(layer, key) for key in ("go_backwards", "unroll", "zero_output_for_mask")} | changes
    cell = kind(keras, layer.cell, widths, not puts_out_a_state(layer))
    return keras.layers.RNN(cell, return_sequences=True, name=name, dtype=layer.dtype_policy, **options)


def walked(states: Array, widths: Sequence[int]) -> Walked:
    """The states apart: views, so that nothing is held twice."""
    h, *others = np.split(states, np.cumsum(widths)[:-1], axis=-1)
    return Walked(h, others=tuple(others))
