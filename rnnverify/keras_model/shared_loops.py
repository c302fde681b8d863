"""One loop over time for two: a recurrent layer, and its walk. Works on Keras's objects without importing Keras.

A walk is a second layer around the same cell (see `walks`), so that each step would be traced and taken twice. Where nothing
speaks against it, the layer's own loop puts out all states as well; the layer is handed its share of that, and its walk the
rest. Each takes a loop of its own where the layer does not ask its cell, as with a kernel of cuDNN.

So it is a loop with `return_sequences=True` that is seen, also of a layer without. A model that was there before predicts with
its own loops besides (see `Built.observe`); one that is built from a spec has no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from rnnverify.keras_model.attributes import having
from rnnverify.keras_model.foreign import is_foreign
from rnnverify.keras_model.walks import EmittingAll, Watched


class SharedLoop:
    """The loop of a recurrent layer and of its walks: there is one for each call of the layer."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.walks: list[Any] = []
        self.taken: list[tuple[Any, Any]] = []  # the tensors that the layer went over, and the states on the way

    def of_layer(self, own: Any, sequences: Any, initial_state: Any, *arguments: Any, **options: Any) -> Any:
        """What the layer's own loop returns: the last output, all of them, and the last states."""
        cell = Lent(self.layer.cell, self.walks[0].cell)
        widths = [state.shape[-1] for state in cell.flat(initial_state)]
        with having(self.layer, cell=cell, return_sequences=True):
            last, outputs, states = own(sequences, initial_state, *arguments, **options)
        # A loop that someone has changed may make states of its outputs, which are wider now.
        if [state.shape[-1] for state in cell.flat(states)] != widths:
            return own(sequences, initial_state, *arguments, **options)
        if cell.lent:
            self.taken.append((sequences, outputs[..., cell.before :] if cell.before else outputs))
        if not cell.lent or outputs.shape[-1] == cell.width:
            return last, outputs, states
        return last[..., : cell.width], outputs[..., : cell.width], states

    def of_walk(self, own: Any, sequences: Any, *arguments: Any, **options: Any) -> Any:
        """What the walk's loop returns: the layer's, if that went over the same tensor, and once only."""
        found = [states for fed, states in self.taken if fed is sequences]
        return (found[0][:, -1], found[0], []) if len(found) == 1 else own(sequences, *arguments, **options)


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


def loops_of(keras: Any, walks: Iterable[Watched]) -> list[SharedLoop]:
    """The loops that may be shared: those of Keras's own layers on TensorFlow, where masked steps put out the same for both."""
    loops: dict[int, SharedLoop] = {}
    for one in walks if keras.backend.backend() == "tensorflow" else ():
        if not is_foreign(one.original):
            loops.setdefault(id(one.original), SharedLoop(one.original)).walks.append(one.walk)
    return list(loops.values())


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
