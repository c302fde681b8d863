"""Where the numbers come from that an operation only moves."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.recording.recorded import Op, Recorded, mapped, operands, plain

MOVES = frozenset(
    {
        *("concatenate", "stack", "swapaxes", "transpose", "repeat", "expand_dims", "flip", "roll", "squeeze"),
        *("split", "moveaxis", "reshape", "take_along_axis", "tile", "broadcast_to"),
    }
)


class Element(NamedTuple):
    """One number of a recorded value."""

    node: Recorded
    where: tuple[int, ...]

    @property
    def value(self) -> float:
        return float(self.node.value[self.where])


def moves(made_by: Op) -> bool:
    """Whether an operation puts numbers in other places, and does nothing else."""
    if made_by.kind in ("item", "part"):
        return True
    if made_by.kind == "method":
        return made_by.what in ("reshape", "astype")
    return made_by.kind == "numpy" and made_by.what.__name__ in MOVES


def source(element: Element) -> Element | float | None:
    """Where a moved number stood before, or the number itself, if it is none of those recorded; None if that is not known."""
    node, index = element
    whole = node.args[0] if node.made_by.kind == "part" else node
    if whole.made_by.kind == "loop" or not moves(whole.made_by):
        return None
    read = [one for one in operands(whole) if is_moved(whole, one)]
    starts, count = {}, 0
    for one in read:
        starts[one.order] = count
        count += one.value.size

    def numbered(one: Any) -> Any:
        if isinstance(one, Recorded) and one.order in starts:
            return starts[one.order] + np.arange(one.value.size).reshape(one.shape)
        return plain(one)

    found = again(whole, numbered)
    if node.made_by.kind == "part":
        found = found[node.made_by.what]
    number = int(np.asarray(found)[index])
    if number < 0:
        return element.value
    for one in reversed(read):
        if number >= starts[one.order]:
            place = np.unravel_index(number - starts[one.order], one.shape) if one.shape else ()
            return Element(one, tuple(map(int, place)))
    return None


def is_moved(whole: Recorded, one: Recorded) -> bool:
    """Whether an operand's numbers are moved, and do not say where to."""
    if whole.made_by.kind == "item" or whole.made_by.what is np.take_along_axis:
        return one is whole.args[0]
    return True


def again(whole: Recorded, numbered: Any) -> Any:
    """The same operation, on the numbers of places; -1 stands for what is not recorded."""

    def replaced(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            return np.full(x.shape, -1)
        if isinstance(x, list):
            return [replaced(one) for one in x]
        return mapped(x, numbered)

    kind, what = whole.made_by
    if kind == "item":
        return numbered(whole.args[0])[plain(whole.args[1])]
    if kind == "method":
        on = numbered(whole.args[0])
        return on.reshape(whole.args[1]) if what == "reshape" else on
    if what is np.take_along_axis:
        return what(numbered(whole.args[0]), *plain(whole.args[1:]), **plain(whole.options))
    first, *rest = whole.args
    return what(replaced(first), *plain(tuple(rest)), **plain(whole.options))


def aligned(index: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The index in an array that was broadcast."""
    if not shape:
        return ()
    return tuple(0 if size == 1 else place for place, size in zip(index[-len(shape) :], shape, strict=True))


def reduced(node: Recorded, index: tuple[int, ...]) -> Iterator[Element]:
    """The numbers that were added up, or compared, to make one."""
    x = node.args[0]
    axis = node.options.get("axis", node.args[1] if len(node.args) > 1 else None)
    axes = range(x.ndim) if axis is None else [one % x.ndim for one in (axis if isinstance(axis, tuple) else (axis,))]
    ids: Array = np.arange(prod(x.shape)).reshape(x.shape)
    moved = np.moveaxis(ids, list(axes), range(-len(list(axes)), 0))
    kept = index
    if len(index) == x.ndim and len(axes) > 0:
        kept = tuple(place for number, place in enumerate(index) if number not in axes)
    for number in moved[kept].reshape(-1):
        yield Element(x, tuple(map(int, np.unravel_index(int(number), x.shape))))
