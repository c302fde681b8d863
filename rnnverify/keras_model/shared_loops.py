"""One loop over time for two: a recurrent layer, and its walk. Works on Keras's objects without importing Keras.

A walk is a second layer around the same cell (see `walks`), so that each step would be traced and taken twice. Where nothing
speaks against it, the layer's own loop puts out all states as well; the layer is handed its share of that, and its walk the
rest. Each takes a loop of its own where the layer does not ask its cell, as with a kernel of cuDNN.

So it is a loop with wider outputs that is seen, and with `return_sequences=True` also of a layer without. Whether it makes what
the layer's own loop makes, to the last bit, is tried on a few steps first; where it does not, nothing is shared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np

from rnnverify.keras_model.attributes import having
from rnnverify.keras_model.foreign import is_foreign
from rnnverify.keras_model.walks import EmittingAll, Watched

TRIED = (3, 3)  # samples and steps
LEFT = ((1, 1, 1), (0, 1, 0), (1, 1, 0))  # by the mask, where there is one


class SharedLoop:
    """The loop of a recurrent layer and of its walks: there is one for each call of the layer."""

    def __init__(self, keras: Any, watched: Sequence[Watched]) -> None:
        """Of all that is watched of one layer."""
        self.keras = keras
        self.layer = watched[0].original
        self.x = watched[0].x
        self.masked = any(one.masked for one in watched)
        self.walks = [one.walk for one in watched]
        self.taken: list[tuple[Any, Any]] = []  # the tensors that the layer went over, and the states on the way

    def of_layer(self, own: Any, sequences: Any, initial_state: Any, *arguments: Any, **options: Any) -> Any:
        """What the layer's own loop returns: the last output, all of them, and the last states."""
        cell = Lent(self.layer.cell, self.walks[0].cell)
        with having(self.layer, cell=cell, return_sequences=True):
            last, outputs, states = own(sequences, initial_state, *arguments, **options)
        if cell.lent:
            self.taken.append((sequences, outputs[..., cell.before :] if cell.before else outputs))
        if not cell.lent or outputs.shape[-1] == cell.width:
            return last, outputs, states
        return last[..., : cell.width], outputs[..., : cell.width], states

    def of_walk(self, own: Any, sequences: Any, *arguments: Any, **options: Any) -> Any:
        """What the walk's loop returns: the layer's, if that went over the same tensor, and once only."""
        found = [states for fed, states in self.taken if fed is sequences]
        return (found[0][:, -1], found[0], []) if len(found) == 1 else own(sequences, *arguments, **options)

    @property
    def kind(self) -> Any:
        """What makes loops alike but for their sizes; None of a layer around anything but one of Keras's own cells."""
        layer, cell = self.layer, self.layer.cell
        if not cell.__module__.startswith("keras.") or hasattr(cell, "cells"):
            return None
        flags = layer.return_sequences, layer.go_backwards, layer.unroll, layer.zero_output_for_mask
        return type(layer), type(cell), *flags, cell.compute_dtype, layer.compute_dtype, self.masked

    def changes_nothing(self) -> bool:
        """Whether the layer is handed what its own loop makes: the last output, all that it returns, and the last states."""
        ops, tree, own = self.keras.ops, self.keras.tree, self.layer.inner_loop
        drawn = np.random.default_rng(0)

        def tensor(shape: Any) -> Any:
            return ops.convert_to_tensor(
                drawn.normal(size=[int(size) for size in shape]), self.layer.cell.compute_dtype
            )

        def returned(last: Any, outputs: Any, states: Any) -> list[bytes]:
            outputs = outputs if self.layer.return_sequences else outputs[:, -1]
            as_handed = [ops.cast(one, self.layer.compute_dtype) for one in (last, outputs, *tree.flatten(states))]
            return [np.asarray(ops.convert_to_numpy(one)).tobytes() for one in as_handed]

        try:
            first = tree.map_structure(lambda state: tensor(state.shape), self.layer.get_initial_state(TRIED[0]))
            mask = ops.convert_to_tensor(LEFT, "bool") if self.masked else None
            fed = tensor((*TRIED, *self.x.shape[2:])), first, mask
            return returned(*own(*fed)) == returned(*self.of_layer(own, *fed))
        except Exception:  # whatever a cell raises that is none of Keras's
            return False
        finally:
            self.taken.clear()


class Lent:
    """A layer's own cell while it is lent to the walk: behind what it puts out come the states that are none of that."""

    lent = False
    width = 0  # of what it puts out by itself
    before = 0  # of that, numbers that the walk is not to return

    def __init__(self, own: Any, of_walk: EmittingAll) -> None:
        self.own = own
        self.of_walk = of_walk
        self.flat = of_walk.keras.tree.flatten

    def __getattr__(self, name: str) -> Any:
        return getattr(self.own, name)

    def __call__(self, inputs: Any, states: Any, **options: Any) -> Any:
        output, new = self.own(inputs, states, **options)
        left = self.flat(new)
        if any(len(one.shape) != 2 or not one.shape[-1] for one in (output, *left)):
            return output, new
        self.lent, self.width = True, output.shape[-1]
        if self.of_walk.puts_out:
            left = [output, *left]
        elif output is not left[0]:  # as it is with Keras's own cells, unless someone has changed them
            left, self.before = [output, *left], self.width
        return (self.of_walk.keras.ops.concatenate(left, axis=-1) if left[1:] else output), new

    call = __call__


def loops_of(keras: Any, walks: Iterable[Watched], tried: dict[Any, bool]) -> list[SharedLoop]:
    """The loops that may be shared: those of Keras's own layers on TensorFlow, where masked steps put out the same for both.

    Args:
        keras: the module.
        walks: all those of a model.
        tried: what came of loops of the same kind before, and to which these are added.
    """
    of_one: dict[int, list[Watched]] = {}
    for one in walks if keras.backend.backend() == "tensorflow" else ():
        if not is_foreign(one.original):
            of_one.setdefault(id(one.original), []).append(one)
    loops = []
    for watched in of_one.values():
        loop = SharedLoop(keras, watched)
        same = tried[loop.kind] if loop.kind in tried else loop.changes_nothing()
        if loop.kind is not None:
            tried[loop.kind] = same
        if same:
            loops.append(loop)
    return loops


@contextmanager
def shared(loops: Iterable[SharedLoop]) -> Iterator[None]:
    """Have layers and their walks share their loops in what is traced, or run, meanwhile."""
    with ExitStack() as stack:
        for loop in loops:
            stack.callback(loop.taken.clear)
            stack.enter_context(having(loop.layer, inner_loop=partial(loop.of_layer, loop.layer.inner_loop)))
            for walk in loop.walks:
                stack.enter_context(having(walk, inner_loop=partial(loop.of_walk, walk.inner_loop)))
        yield
