"""What the arguments of layers may be. A spec checks its values by these types."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Annotated, Any, get_args

import numpy as np

Size = Annotated[int, "at least 1"]
Axis = Annotated[int, "of a tensor, its samples counted; negative ones from the end"]
Real = Annotated[float, "finite"]
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


def suits(kind: Any, value: Any) -> bool:
    """Whether a value of a config is of one of these types; of others nothing is said."""
    if kind is bool:
        return isinstance(value, bool | np.bool_) or (isinstance(value, Integral) and value in (0, 1))
    if kind in (Size, Axis):
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        return whole and (1 if kind == Size else -LARGEST_SIZE) <= value <= LARGEST_SIZE
    if kind in (Real, Rate):
        return isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return True


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
