"""Layers and cells of the user's own, and what no config says of them. Works on Keras's objects without importing Keras."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from math import prod
from typing import Any

import numpy as np

from rnnverify.errors import RequestError, UnsupportedError
from rnnverify.keras_model.attributes import having
from rnnverify.keras_model.operations import Operation
from rnnverify.keras_model.refusals import first_line

STANDARD_CELLS = ("SimpleRNNCell", "LSTMCell", "GRUCell")  # which put out the first of their states
STACKED = "StackedRNNCells"
MOST_SEEN = 1 << 16  # numbers of initial states that are no zeros


def is_foreign(part: Any) -> bool:
    """Whether a layer, a cell or an operation is none of Keras's own; its tests have some that are none."""
    module = type(part).__module__
    own = module.partition(".")[0] in ("keras", "tf_keras") and not module.endswith("_test")
    return not (own or isinstance(part, Operation))


def cells_of(layer: Any) -> list[Any]:
    """The cells of an RNN, from the bottom to the top; none of other layers."""
    cell = getattr(layer, "cell", None)
    if cell is None or not hasattr(layer, "get_initial_state"):
        return []
    return list(cell.cells) if is_stack(cell) else [cell]


def is_stack(cell: Any) -> bool:
    return type(cell).__name__ == STACKED and not is_foreign(cell)


def puts_out_a_state(layer: Any) -> bool:
    """Whether what each step of an RNN puts out is the first of its states: of cells that anybody may write it is not known."""
    return type(layer).__name__ != "RNN" or (type(layer.cell).__name__ in STANDARD_CELLS and not is_foreign(layer.cell))


def foreign_in(layer: Any) -> Iterator[Any]:
    """What is not Keras's own of a layer: itself, its cells, those of the layers inside it."""
    if isinstance(layer, Operation):
        return
    if is_foreign(layer):
        yield layer
    yield from (cell for cell in cells_of(layer) if is_foreign(cell))
    for name in ("forward_layer", "backward_layer") if hasattr(layer, "forward_layer") else ("layer",):
        if not is_foreign(layer) and getattr(layer, name, None) is not None:
            yield from foreign_in(getattr(layer, name))


def config_of(layer: Any) -> dict[str, Any]:
    """What Keras says of a layer, with what it was seen to make of classes that are not its own.

    Raises:
        UnsupportedError: of one of them that cannot be said.
    """
    foreign = [*foreign_in(layer)]
    if not foreign:
        return dict(layer.get_config())
    if is_foreign(layer):
        return {**own_config(layer), "seen": {"weights": weights_in(layer), "masks": masks_of(layer)}}
    with unread(foreign):
        config = dict(layer.get_config())
    if cells := cells_of(layer):
        parts = [cell_config(cell) for cell in cells]
        if not is_stack(layer.cell):
            return {**config, "cell": parts[0]}
        stack = {"class_name": STACKED, "config": {"cells": parts, "dtype": layer.cell.dtype_policy.name}}
        return {**config, "cell": stack}
    if hasattr(layer, "forward_layer"):
        backward = part_of(layer.backward_layer) if config.get("backward_layer") is not None else None
        return {**config, "layer": part_of(layer.forward_layer), "backward_layer": backward}
    return {**config, "layer": part_of(layer.layer)}


def part_of(layer: Any) -> dict[str, Any]:
    """A layer inside another, as Keras serialises it."""
    return {"class_name": type(layer).__name__, "config": config_of(layer)}


def cell_config(cell: Any) -> dict[str, Any]:
    """A cell, as Keras serialises it."""
    config = own_config(cell)
    if not is_foreign(cell):
        return {"class_name": type(cell).__name__, "config": config}
    first = first_states(cell)
    sizes = state_sizes(cell)
    seen = {
        "weights": weights_in(cell),
        "states": [list(shape) for shape in sizes],
        "output": [output_size(cell)],
        "first": None if all(not one.any() for one in first) else [one.tolist() for one in first],
    }
    return {"class_name": type(cell).__name__, "config": {**config, "seen": seen}}


def own_config(part: Any) -> dict[str, Any]:
    """What a part says of itself; its name alone where it cannot say more. Values that are no plain ones are left out."""
    try:
        config = part.get_config()
    except Exception:  # a class that cannot be saved raises what it likes
        config = {}
    named = {"name": getattr(part, "name", type(part).__name__)}
    dtype = {"dtype": part.compute_dtype} if hasattr(part, "compute_dtype") else {}
    return {**{key: value for key, value in config.items() if is_plain(value)}, **named, **dtype}


def untracked(value: Any) -> Any:
    """A config without Keras's own kinds of dict and list, which cannot be sent to another process."""
    if isinstance(value, Mapping):
        return {key: untracked(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return (tuple if isinstance(value, tuple) else list)(map(untracked, value))
    return value


def is_plain(value: Any) -> bool:
    """Whether a file of an observation can hold it."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and is_plain(one) for key, one in value.items())
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return value is None or isinstance(value, str | bool | int | float)


def weights_in(part: Any) -> dict[str, list[int]]:
    """The shapes of its weights, in the order of `get_weights()`."""
    weights = getattr(part, "weights", ())
    names = unique_names(weight.name for weight in weights)
    return {name: list(weight.shape) for name, weight in zip(names, weights, strict=True)}


def unique_names(names: Iterable[str]) -> Iterator[str]:
    """These names, with a number where one was there before."""
    taken: set[str] = set()
    for name in names:
        own = next(one for number in count(1) if (one := name if number == 1 else f"{name}_{number}") not in taken)
        taken.add(own)
        yield own


def masks_of(layer: Any) -> str:
    """What a layer does with its input's mask."""
    if any("compute_mask" in vars(one) for one in type(layer).__mro__ if not one.__module__.startswith("keras.")):
        return "other"
    return "on" if getattr(layer, "supports_masking", False) else "none"


def state_sizes(cell: Any) -> list[tuple[int, ...]]:
    """The shapes of a cell's states, without the samples."""
    sizes = cell.state_size if isinstance(cell.state_size, list | tuple) else [cell.state_size]
    if not all(isinstance(size, int) for size in sizes):
        raise UnsupportedError(
            f"the cell {type(cell).__name__}: expected a state_size of whole numbers, one for each state; got {sizes!r:.80}"
        )
    return [(size,) for size in sizes]


def output_size(cell: Any) -> int:
    """How many numbers a step of a cell puts out, by Keras's rule."""
    size = getattr(cell, "output_size", None)
    return int(size) if size is not None else int(state_sizes(cell)[0][0])


def first_states(cell: Any) -> list[np.ndarray[Any, Any]]:
    """What a cell starts each sample from, without the samples.

    Raises:
        UnsupportedError: samples start from different states, or from too many numbers to be kept.
    """
    if not hasattr(cell, "get_initial_state"):
        return [np.zeros(shape) for shape in state_sizes(cell)]
    try:
        states = cell.get_initial_state(batch_size=2)
    except Exception as error:  # the user's code
        raise RequestError(f"the cell {type(cell).__name__}: get_initial_state: {first_line(error)}") from None
    arrays = [np.asarray(one, dtype=np.float64) for one in (states if isinstance(states, list | tuple) else [states])]
    if any((one[0] != one[1]).any() for one in arrays) or sum(map(np.size, arrays)) > MOST_SEEN:
        raise UnsupportedError(
            f"the cell {type(cell).__name__}: expected the same initial state for every sample, of at most {MOST_SEEN}"
            " numbers; hand others over as initial_state"
        )
    return [one[0] for one in arrays]


@contextmanager
def unread(parts: Collection[Any]) -> Iterator[None]:
    """Have parts of a model say no more than their names when it is asked for its graph: some cannot say more, some are code."""
    with ExitStack() as stack:
        for part in parts:
            name = getattr(part, "name", type(part).__name__)
            stack.enter_context(having(part, get_config=partial(dict, name=name)))
        yield


def widths_of(keras: Any, layer: Any) -> tuple[int, ...]:
    """How many numbers each step of an RNN leaves: of each state, and before them what it puts out, if that is none of them."""
    states = tuple(prod(state.shape[1:]) for state in keras.tree.flatten(layer.get_initial_state(1)))
    return states if puts_out_a_state(layer) else (output_size(cells_of(layer)[-1]), *states)


def packed(keras: Any, layer: Any, states: list[Any]) -> list[Any]:
    """Initial states as the cells of a layer have them: those of a stack in lists of their own."""
    if hasattr(layer, "forward_layer") and not is_foreign(layer):
        half = len(states) // 2
        forward = packed(keras, layer.forward_layer, states[:half])
        return [*forward, *packed(keras, layer.backward_layer, states[half:])]
    if not states or not cells_of(layer) or not is_stack(layer.cell):
        return states
    made: list[Any] = keras.tree.pack_sequence_as(layer.get_initial_state(1), states)
    return made
