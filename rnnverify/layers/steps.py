"""Every step by itself, from the h that is known to have stood before it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.cell import Cell, Gates, States
from rnnverify.layers.walk import kept


def gates_of_steps(cell: Cell, x: Array, before: Array) -> Gates:
    """The gates of every step, (N * T, ...) each.

    Args:
        x: its input, (N, T, ...).
        before: the h known to stand before it, (N, T, ...).
    """
    return cell.gates(cell.project(folded(x)), folded(before))


def steps(cell: Cell, gates: Gates, before: Array, carried: Sequence[Array], mask: Array | None) -> States:
    """The states after every step. No loop but the one that carries the states other than h.

    Args:
        gates: of every step, (N * T, ...) each.
        before: h before each step, (N, T, ...).
        carried: the other states before the first step, (N, ...) each.
        mask: which steps change the state, (N, T).

    Returns:
        h and the other states after each step, (N, T, ...) each. Where a step is masked h is not that of the walk: it is
        what the step would have made of it.
    """
    samples, timesteps = before.shape[:2]
    if not len(carried):
        return (unfolded(cell.output(gates, (folded(before),)), samples, timesteps),)
    by_step = [unfolded(gate, samples, timesteps) for gate in gates]
    now: States = tuple(carried)
    walked: list[States] = []
    for t in range(timesteps):
        new = cell.carry(tuple(gate[:, t] for gate in by_step), now)
        now = new if mask is None else tuple(kept(mask[:, t], *pair) for pair in zip(new, now, strict=True))
        walked.append(now)
    sequences = [np.stack(of_one, axis=1) for of_one in zip(*walked, strict=True)]
    h = cell.output(gates, (folded(before), *map(folded, sequences)))
    return unfolded(h, samples, timesteps), *sequences


def folded(x: Array) -> Array:
    """(N, T, ...) to (N * T, ...)."""
    return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])


def unfolded(x: Array, samples: int, timesteps: int) -> Array:
    """(N * T, ...) to (N, T, ...)."""
    return x.reshape(samples, timesteps, *x.shape[1:])


def sources(mask: Array) -> Array:
    """The step (N, T) whose output is the state before each step: the last that was not masked; -1, the initial state.

    A masked step keeps the state, whatever it puts out.
    """
    last = np.maximum.accumulate(np.where(mask, np.arange(mask.shape[1]), -1), axis=1)
    return np.concatenate([np.full_like(last[:, :1], -1), last[:, :-1]], axis=1)


def states_before(sequence: Array, initial: Array, source: Array | None, part: slice) -> Array:
    """h before each step of a part of the time axis, from all outputs (N, T, ...) and the initial h (N, ...)."""
    if source is None:
        return one_earlier(sequence, initial, part)
    index = source[:, part].reshape(len(source), -1, *[1] * (sequence.ndim - 2))
    return np.where(index >= 0, np.take_along_axis(sequence, np.maximum(index, 0), axis=1), initial[:, np.newaxis])


def one_earlier(sequence: Array, initial: Array, part: slice) -> Array:
    """What stands one step before each of a part of a sequence (N, T, ...), `initial` (N, ...) before the first."""
    first = sequence[:, part.start - 1 : part.start] if part.start else initial[:, np.newaxis]
    return np.concatenate([first, sequence[:, part.start : part.stop - 1]], axis=1)
