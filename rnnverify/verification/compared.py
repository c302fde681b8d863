"""What is to be compared, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from rnnverify.layers.arrays import Array
from rnnverify.verification.tally import SecondLook, Tally, Tensor

if TYPE_CHECKING:
    from rnnverify.verification.steps import NodeCheck


class Comparison(NamedTuple):
    """What Keras emitted beside what was expected of it."""

    keras: Array
    expected: Any
    start: int | None = None  # the timestep that the first one given here is; None where there is no time
    tensor: Tensor = (None, 0)
    again: SecondLook | None = None
    thin: int | None = None
    widens: bool = False


Comparisons = Iterator[Comparison]


class Checked(NamedTuple):
    """One node, and what was found of it."""

    node: NodeCheck
    tally: Tally
