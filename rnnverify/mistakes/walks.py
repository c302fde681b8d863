"""Walks that are taken otherwise: in parts, sample by sample, and put together again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rnnverify.layers.walk import Walk
from rnnverify.layers.walking import Walking
from rnnverify.mistakes.changes import walking
from rnnverify.observation import Walked

# Given changes of a walk's fields, that walk, as it was taken before.
Taken = Callable[..., Walk]
Run = Callable[[Walk, Taken, bool], Walked]


def rewalking(layer: Walking, run: Run) -> Any:
    """The layer, taking its walks otherwise: `run` is given each walk, and how it would be taken, perhaps with changes."""
    return walking(layer, lambda walk: retaken(walk, run))


def retaken(walk: Walk, run: Run) -> Walk:
    own = type(walk)

    def taken_otherwise(self: Walk, every_step: bool = False) -> Walked:
        return run(self, lambda **changes: own(**{**fields_of(self), **changes}), every_step)

    return type(own.__name__, (own,), {"run": taken_otherwise})(**fields_of(walk))  # type: ignore[no-any-return]


def fields_of(walk: Walk) -> dict[str, Any]:
    """Its fields, without what it has cached."""
    return {name: getattr(walk, name) for name in ("layer", "weights", "x", "mask", "states")}


def in_parts(walk: Walk, taken: Taken, parts: Sequence[tuple[Walking, slice]]) -> Walked:
    """One part of the time after the other, each with a layer of its own, from the states that the one before it left."""
    states: Sequence[Any] = walk.states
    done: list[Walked] = []
    for layer, part in parts:
        x, mask = walk.x[:, part], None if walk.mask is None else walk.mask[:, part]
        if x.shape[1]:
            done.append(taken(layer=layer, x=x, mask=mask, states=states).run(every_step=True))
            states = done[-1].states
    return Walked(
        joined([one.sequence for one in done], 1), tuple(states), joined_states([one.others for one in done], 1)
    )


def sample_by_sample(walk: Walk, taken: Taken, carried: Sequence[bool]) -> Walked:
    """Each sample from the states that the one before it left, as far as they are carried; the others start as they should."""
    done: list[Walked] = []
    for n in range(len(walk.x)):
        one = slice(n, n + 1)
        starts = tuple(
            (done[-1].states[index] if done else state[:1]) if carried[index] else state[one]
            for index, state in enumerate(walk.states)
        )
        mask = None if walk.mask is None else walk.mask[one]
        done.append(taken(x=walk.x[one], mask=mask, states=starts).run(every_step=True))
    return Walked(
        joined([one.sequence for one in done], 0),
        joined_states([one.states for one in done], 0),
        joined_states([one.others for one in done], 0),
    )


def joined(arrays: Sequence[Any], axis: int) -> Any:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=axis)


def joined_states(states: Sequence[Sequence[Any]], axis: int) -> tuple[Any, ...]:
    return tuple(joined(one, axis) for one in zip(*states, strict=True))


def padded(walked: Walked, before: int, after: int) -> Walked:
    """Zeros for steps that were not taken, before and after those that were."""

    def with_zeros(sequence: Any) -> Any:
        zero = np.zeros_like(sequence[:, :1])
        return joined([*[zero] * before, sequence, *[zero] * after], 1)

    return replace(walked, sequence=with_zeros(walked.sequence), others=tuple(map(with_zeros, walked.others)))
