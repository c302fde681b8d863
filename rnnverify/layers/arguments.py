"""What the arguments of layers may be. A spec checks its values by these types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

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
