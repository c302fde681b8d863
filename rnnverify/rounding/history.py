"""How numbers came about, as far as the operations after them need to know, and what a result takes over from its operands."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from rnnverify.layers.arrays import Array


class History(NamedTuple):
    """How an array of numbers came about. There is one for every result: a tuple is made three times as fast as a dataclass."""

    terms: tuple[Array, ...] = ()  # of a sum: what was added, see `add`
    factors: tuple[Array, ...] = ()  # of a product: what was multiplied, where some of it is large
    reach: float = math.inf  # no value is larger
    beyond: bool = False  # whether some numbers may be beyond the other side's range, so that it has infinity there
    postponed: float = 1.0  # a division that may be done later, see `divide`
    sums: int = 0  # how many products each of its inner products adds up

    def moved(self, function: Callable[[Array], Array], shape: tuple[int, ...]) -> History:
        """Of the same numbers, of that shape, after a function has moved them: what they were made of moves with them."""
        if not self.terms and not self.factors:
            return self
        terms, factors = (
            tuple([function(np.broadcast_to(part, shape)) for part in parts]) for parts in (self.terms, self.factors)
        )
        return History(terms, factors, *self[2:])


BLANK = History()  # of a plain number or array, and of what was fed in


def merged(
    operands: Iterable[Any],
    reach: float = math.inf,
    beyond: bool = False,
    moved: bool = False,
    terms: tuple[Array, ...] = (),
    factors: tuple[Array, ...] = (),
    postponed: float = 1.0,
    sums: int = 0,
) -> History:
    """The history of a result, from those of its operands: the one rule, for every operation.

    `beyond` is passed on by every operation: what became of an infinity cannot be told from the numbers any more.
    `reach` is passed on where numbers are only moved; a plain array among them may hold any number.
    `terms`, `factors`, `postponed` and `sums` say how the result itself was made, and are the operation's own.

    Args:
        operands: Rounded numbers, and plain ones.
        reach: of the results, where the operation knows it.
        beyond: whether the operation itself may have left the range.
        moved: whether the operation only puts its operands' elements in other places.
        terms: what it added.
        factors: what it multiplied.
        postponed: by how much it divided, if the other side may do that later.
        sums: how many products it added up.
    """
    if moved:
        reach = 0.0
    for x in operands:
        before = getattr(x, "history", BLANK)  # what is not Rounded has none
        if before.beyond:
            beyond = True
        if moved and before.reach > reach:
            reach = before.reach
    return History(terms, factors, reach, beyond, postponed, sums)
