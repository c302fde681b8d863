"""Which array goes to which input of a file, and which of its outputs is which: by name, in order, or by their shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice, permutations
from math import factorial
from typing import Any, NamedTuple

from rnnverify.candidates.candidate import CandidateError
from rnnverify.layers.arrays import Array

MOST_ORDERS = factorial(6)  # that are tried
BEFORE, BEHIND = "serving_default_", ":0"  # what TensorFlow puts around a name


class Slot(NamedTuple):
    """An input of a file."""

    name: str
    shape: tuple[int | None, ...]  # with the samples; None where any size will do
    dtype: Any  # NumPy's


class Opened(NamedTuple):
    """A file that an engine has read."""

    slots: Sequence[Slot]
    outputs: Sequence[str]
    run: Callable[[Mapping[str, Array]], Sequence[Any]]
    notes: Sequence[str] = ()  # what is known of this engine and such a file


def plain(name: str) -> str:
    """A name without what TensorFlow puts around it."""
    return name.removeprefix(BEFORE).removesuffix(BEHIND)


def bound(slots: Sequence[Slot], inputs: Mapping[str, Array], notes: list[str]) -> dict[str, Array]:
    """The arrays by the names of the inputs that they go to: by their own names where those are the file's, else in order where
    their shapes fit so, else in the one other order in which they do.

    Raises:
        CandidateError: they do not fit.
    """
    if len(slots) != len(inputs):
        names = ", ".join(slot.name for slot in slots)
        raise CandidateError(f"the file takes {len(slots)} inputs ({names}), and the model {len(inputs)}")
    named = {plain(slot.name): slot for slot in slots}
    if named.keys() == inputs.keys():
        slots = [named[name] for name in inputs]
    else:
        order = order_of([array.shape for array in inputs.values()], [slot.shape for slot in slots])
        if order is not None and len(slots) > 1:
            slots = [slots[at] for at in order]
            pairs = ", ".join(f"{name} to {slot.name}" for name, slot in zip(inputs, slots, strict=True))
            notes.append(f"bound by shape and order: {pairs}")
    for slot, array in zip(slots, inputs.values(), strict=True):
        if not fits(array.shape, slot.shape):
            shape = ", ".join("any" if size is None else str(size) for size in slot.shape)
            raise CandidateError(f"the file's input {slot.name} is ({shape}), and what the model is fed {array.shape}")
    return {slot.name: array.astype(slot.dtype) for slot, array in zip(slots, inputs.values(), strict=True)}


def outputs_bound(
    names: Sequence[str], made: Sequence[Array], wanted: Mapping[str, tuple[int, ...]], notes: list[str]
) -> dict[str, Array]:
    """What a file gave by the names of the model's outputs: in order where the shapes fit so, else by shape.

    Raises:
        CandidateError: it gave another number of them.
    """
    if len(made) != len(wanted):
        given = ", ".join(names)
        raise CandidateError(f"the file gives {len(made)} outputs ({given}), and the model {len(wanted)}")
    order = order_of(list(wanted.values()), [array.shape for array in made])
    if order is not None and len(made) > 1:
        pairs = ", ".join(f"{names[at]} as {name}" for name, at in zip(wanted, order, strict=True))
        notes.append(f"bound by shape and order: {pairs}")
    return dict(zip(wanted, [made[at] for at in order or range(len(made))], strict=True))


def order_of(shapes: Sequence[Sequence[int]], slots: Sequence[Sequence[int | None]]) -> tuple[int, ...] | None:
    """The first order of the slots in which all shapes fit: as they stand, if they do so."""
    orders = islice(permutations(range(len(slots))), MOST_ORDERS)
    return next(
        (order for order in orders if all(fits(shape, slots[at]) for shape, at in zip(shapes, order, strict=True))),
        None,
    )


def fits(shape: Sequence[int], slot: Sequence[int | None]) -> bool:
    """Whether an array may go there, whatever the number of samples."""
    return len(shape) == len(slot) and all(
        wanted in (None, size) for size, wanted in zip(shape[1:], slot[1:], strict=True)
    )
