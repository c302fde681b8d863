"""What is to be compared, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from rnnverify.layers.arrays import Array
from rnnverify.verification.look import SecondLook
from rnnverify.verification.tally import Tally, Tensor

if TYPE_CHECKING:
    from rnnverify.verification.steps import NodeCheck


class Comparison(NamedTuple):
    """What Keras emitted beside what was expected of it."""

    keras: Array
    expected: Any  # or a look at both, see `Tally.looked`
    start: int | None = None  # the timestep that the first one given here is; None where there is no time
    tensor: Tensor = (None, 0)
    again: SecondLook | None = None
    thin: int | None = None
    widens: bool = False


Comparisons = Iterator[Comparison]
# A look at what Keras emitted and what was expected of it, or the latter alone; given every how many timesteps one is looked
# at for errors to the same side.
Looked = Callable[[Array, Any, int | None], Any]


def expected_alone(keras: Array, expected: Any, thin: int | None) -> Any:
    """No look is taken yet."""
    return expected


class Checked(NamedTuple):
    """One node, and what was found of it."""

    node: NodeCheck
    tally: Tally
