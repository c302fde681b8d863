"""What Keras emitted beside what was expected of it: how far off, where first beyond the limit, and what could be seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.results import Divergence
from rnnverify.rounding import Precision
from rnnverify.verification.look import Look, SecondLook
from rnnverify.verification.resolution import CHANGES, NOTHING, Seen
from rnnverify.verification.systematic import Side, Systematic, gates_distinct, side_of_functions_alike
from rnnverify.verification.taken import Taken

Tensor = tuple[int | None, int]  # of a layer: a walk through time and which of its states, or None and which output


@dataclass
class Tally:
    """What has been found of one node so far."""

    node: str
    largest: float  # beyond this number Keras's precision has only infinity
    max_residual: float = 0.0
    worst_ratio: float = 0.0
    worst_deviation: float = 0.0  # the largest residual in standard deviations
    first: Divergence | None = None
    walk: int | None = None  # in which walk through time that is
    to_one_side: bool = False  # whether it is no step by itself, but what they have in common
    seen: dict[Tensor, Seen] = field(default_factory=dict)  # of each tensor that was compared
    sides: dict[Tensor, Systematic] = field(default_factory=dict)  # of each state of a walk

    @property
    def resolution(self) -> dict[str, float]:
        """The share of the elements in which each of CHANGES would have been a mismatch."""
        whole = NOTHING
        for one in self.seen.values():
            whole = whole.and_of(one)
        return {
            name: count / whole.elements if whole.elements else 0.0
            for name, count in zip(CHANGES, whole.changes, strict=True)
        }

    @property
    def untested(self) -> tuple[Tensor, ...]:
        """The tensors of which no element could have shown even the largest of CHANGES."""
        return tuple(tensor for tensor, seen in self.seen.items() if not seen.changes[-1])

    def add(
        self,
        keras: Array,
        expected: Any,
        start: int | None = None,
        tensor: Tensor = (None, 0),
        again: SecondLook | None = None,
        thin: int | None = None,
        widens: bool = False,
    ) -> Array:
        """Compare what Keras emitted with what was expected of it.

        Args:
            keras: (N, ..., units); where there is time, its axis is the second.
            expected: the same as Rounded numbers, or as a plain array where nothing rounds; or a look at them, see `looked`.
            start: the timestep that the first one given here is; None where there is no time.
            tensor: of which tensor of the layer they are a part.
            again: looks again at rows of which some element is beyond its limit, but not beyond what rounding can do at
                worst: the sizes of the sums' own partial sums may excuse it.
            widens: whether that second look is at another way to compute it, which has another worst case.
            thin: every how many timesteps one is looked at for errors to the same side; None where that is not asked.

        Returns:
            Which elements are within their limits.
        """
        look = expected if isinstance(expected, Look) else Look(keras, expected, self.largest, thin, widens)
        # Where it is a mismatch already nothing that is looked at again can change that.
        if look.doubtful and again is not None and self.first is None:
            look.once_more(again)
        self.max_residual = max(self.max_residual, look.farthest)
        self.worst_ratio = max(self.worst_ratio, look.worst)
        self.worst_deviation = max(self.worst_deviation, look.deviations)
        self.seen[tensor] = self.seen.get(tensor, NOTHING).and_of(look.seen)
        if look.sides is not None:
            self.sides[tensor] = look.sides.after(self.sides.get(tensor))
        if not look.within.all():
            place = self.place(look, start)
            if self.first is None or (self.walk == tensor[0] is not None and earlier(place, self.first)):
                self.walk, self.first = tensor[0], place
        self.keep(tensor, start, look)
        return look.within

    def looked(self, keras: Array, expected: Any, thin: int | None = None) -> Look:
        """A look to hand to `add` instead of what was expected; several threads may take one each."""
        made = Look(keras, expected, self.largest, thin)
        if not made.doubtful:
            self.forget(made)
        return made

    def forget(self, look: Look) -> None:
        """Give back the memory of numbers that are all within their limits: they have been counted."""
        look.forget()

    def keep(self, tensor: Tensor, start: int | None, look: Look) -> None:
        """For who draws pictures of it (`pictured`): a verdict needs none."""

    def look_at_sides(self, walks: Sequence[Taken], as_fed: Callable[[Array], Array], precision: Precision) -> None:
        """Whether the steps of some unit all err to the same side; asked where each of them is within its limit.

        Args:
            walks: those that the states were compared of.
            as_fed: rounds what was fed to the layer as it does.
            precision: what the layer computes in.
        """
        for (walk, state), found in self.sides.items():
            assert walk is not None
            if self.first is not None:
                return
            taken = walks[walk]
            side = found.side(partial(gates_distinct, taken, as_fed, state, found.thin))
            side = side or side_of_functions_alike(taken, as_fed, precision, state, found)
            if side is not None:
                self.err_to_one_side((walk, state), side, taken.sequence.shape[1])

    def err_to_one_side(self, tensor: Tensor, side: Side, timesteps: int) -> None:
        """No step is beyond its limit, but those of a unit are off by too much together."""
        self.walk, self.to_one_side = tensor[0], True
        self.max_residual = max(self.max_residual, side.mean)
        self.worst_ratio = max(self.worst_ratio, side.mean / side.allowed)
        self.first = Divergence(
            layer=self.node,
            timestep=timesteps - 1,
            sample=side.sample,
            unit=side.unit,
            gate=None,
            keras=side.keras,
            replay=side.replay,
            residual=side.mean,
            allowed=side.allowed,
            certain=False,
        )

    def place(self, look: Look, start: int | None) -> Divergence:
        """The earliest timestep at which something is wrong, and the worst element of it."""
        ratio = np.where(look.within, -1.0, look.ratio)
        if start is not None:
            wrong_at = (ratio >= 0).any(axis=tuple(axis for axis in range(ratio.ndim) if axis != 1))
            ratio[:, np.arange(ratio.shape[1]) != np.argmax(wrong_at)] = -1.0
        index = np.unravel_index(int(np.argmax(ratio)), ratio.shape)
        return Divergence(
            layer=self.node,
            timestep=None if start is None else start + int(index[1]),
            sample=int(index[0]),
            unit=int(index[-1]),
            gate=None,
            keras=float(look.keras[index]),
            replay=float(look.value[index]),
            residual=float(look.residual[index]),
            allowed=float(look.allowed[index]),
            certain=bool(look.residual[index] > look.bound[index]),
        )


def earlier(one: Divergence, other: Divergence) -> bool:
    """Whether one is at an earlier timestep: the states of a step are looked at one after the other."""
    return one.timestep is not None and other.timestep is not None and one.timestep < other.timestep
