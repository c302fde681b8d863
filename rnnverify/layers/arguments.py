"""What the arguments of layers may be. A spec checks its values by these types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Annotated, Any, get_args

import numpy as np

Size = Annotated[int, "at least 1"]
Axis = Annotated[int, "of a tensor, its samples counted; negative ones from the end"]
Axes = Annotated[int | tuple[int, ...], "one such axis, or several"]
MaybeAxes = Annotated[int | tuple[int, ...] | None, "one such axis, several, or none"]
Sizes = Annotated[int | tuple[int, ...], "at least 1: one for all axes, or one for each"]
Ends = Annotated[int | tuple[int, ...], "at least 0: one number for both ends of an axis, or one for each end"]
Order = Annotated[tuple[int, ...], "axes, the samples not counted: the first is 1"]
Target = Annotated[tuple[int, ...], "sizes without the samples, of which one may be -1"]
Real = Annotated[float, "finite"]
MaybeReal = Annotated[float | None, "finite, or none"]
Numbers = Annotated[float | tuple[float, ...], "finite: one for all features, or one for each"]
MaybeNumbers = Annotated[float | tuple[float, ...] | None, "the same, or none"]
MaybeSizes = Annotated[int | tuple[int, ...] | None, "sizes, or none"]
Rate = Annotated[float, "from 0 to below 1"]
Seed = Annotated[int | None, "of a random generator"]
Initializer = Annotated[str, "its name in Keras: zeros, orthogonal"]
Regularizer = Annotated[str | None, "its name in Keras: l1, l2"]
Constraint = Annotated[str | None, "its name in Keras: non_neg, unit_norm"]


@dataclass(frozen=True)
class OneOf:
    """One of a few values: Annotated[str | None, OneOf(("sum", "mul", None))]."""

    choices: tuple[Any, ...]


def choices_of(kind: Any) -> tuple[Any, ...] | None:
    """The values that an argument of this type may have, where they are few."""
    return next((one.choices for one in get_args(kind) if isinstance(one, OneOf)), None)


LARGEST_SIZE = 2**31 - 1  # what Keras's backends index with


# Those that are lists, or may be: what each of their numbers must be at least, and whether one number will do.
LISTS: Mapping[Any, tuple[float, bool]] = {
    Axes: (-LARGEST_SIZE, True),
    Sizes: (1, True),
    Ends: (0, True),
    Order: (1, False),
    Target: (-1, False),
}

OR_NONE: Mapping[Any, Any] = {MaybeAxes: Axes, MaybeSizes: Sizes, MaybeReal: Real, MaybeNumbers: Numbers}


def suits(kind: Any, value: Any) -> bool:
    """Whether a value of a config is of one of these types; of others nothing is said."""
    if kind is bool:
        return isinstance(value, bool | np.bool_) or (isinstance(value, Integral) and value in (0, 1))
    if kind in (Size, Axis):
        return whole(value, 1 if kind == Size else -LARGEST_SIZE)
    if kind in OR_NONE:
        return value is None or suits(OR_NONE[kind], value)
    if kind in LISTS:
        smallest, alone = LISTS[kind]
        if isinstance(value, list | tuple):
            return all(whole(one, smallest) for one in value) and (kind == Axes or len(value) > 0)
        return alone and whole(value, smallest)
    if kind == Numbers and isinstance(value, list | tuple):
        return len(value) > 0 and all(suits(Real, one) for one in value)
    if kind in (Real, Rate, Numbers):
        return isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return True


def whole(value: Any, smallest: float) -> bool:
    """Whether it is a whole number from there on."""
    return isinstance(value, Integral) and not isinstance(value, bool) and smallest <= int(value) <= LARGEST_SIZE


def for_each(value: int | tuple[int, ...], count: int) -> tuple[int, ...]:
    """One number for each of so many axes, where one is given for all."""
    return value if isinstance(value, tuple) else (value,) * count


REQUIRED: Any = object()  # the default of an argument that has none


@dataclass(frozen=True)
class Inert:
    """An argument that has no effect at inference, such as an initializer."""

    kind: Any = None  # one of the types above; None where a spec does not take it
    default: Any = None


def inert_for(weights: dict[str, str]) -> dict[str, Inert]:
    """What goes with weights and matters when they are first drawn, or in training.

    Args:
        weights: their names in `get_weights()`, and Keras's initializer of each.
    """
    made = {}
    for weight, initializer in weights.items():
        role = weight.removesuffix("_kernel")  # Keras says recurrent_initializer for that of recurrent_kernel
        made[f"{role}_initializer"] = Inert(Initializer, initializer)
        made[f"{role}_regularizer"] = Inert(Regularizer)
        made[f"{role}_constraint"] = Inert(Constraint)
    return made


def short(value: Any) -> str:
    """A value of a config, which may be a whole config itself."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
