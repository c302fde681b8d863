"""Every step by itself, from the states that are known to have stood before it. No loop runs over timesteps."""

from __future__ import annotations

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.cell import Cell, Gates, States


def steps(cell: Cell, x: Array, before: States, after: States) -> States:
    """The states after every step, (N, T, ...) each: what masked steps would make of them, too.

    Args:
        x: its input, (N, T, ...).
        before: the states known to stand before it, (N, T, ...) each.
        after: those known to stand after it.
    """
    samples, timesteps = x.shape[:2]
    known = (tuple(map(folded, states)) for states in (before, after))
    made = cell.step_seen(cell.project(folded(x)), *known)
    return tuple(unfolded(state, samples, timesteps) for state in made)


def gates_of_steps(cell: Cell, x: Array, h: Array) -> Gates:
    """The gates of every step, (N * T, ...) each, from its input and the h before it, (N, T, ...) each."""
    return cell.gates(cell.project(folded(x)), folded(h))


def folded(x: Array) -> Array:
    """(N, T, ...) to (N * T, ...)."""
    return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])


def unfolded(x: Array, samples: int, timesteps: int) -> Array:
    """(N * T, ...) to (N, T, ...)."""
    return x.reshape(samples, timesteps, *x.shape[1:])


def sources(mask: Array) -> Array:
    """The step (N, T + 1) whose states stand before each step, and after the last: -1 is before the first.

    A masked step keeps the states, whatever it puts out: they are those of the last step that was not masked.
    """
    last = np.maximum.accumulate(np.where(mask, np.arange(mask.shape[1]), -1), axis=1)
    return np.concatenate([np.full_like(last[:, :1], -1), last], axis=1)


def states_before(sequence: Array, initial: Array, source: Array | None, part: slice) -> Array:
    """A state before each step of a part of the time axis, from it at all steps (N, T, ...) and before them (N, ...)."""
    if source is None:
        return one_earlier(sequence, initial, part)
    index = source[:, part].reshape(len(source), -1, *[1] * (sequence.ndim - 2))
    return np.where(index >= 0, np.take_along_axis(sequence, np.maximum(index, 0), axis=1), initial[:, np.newaxis])


def one_earlier(sequence: Array, initial: Array, part: slice) -> Array:
    """What stands one step before each of a part of a sequence (N, T, ...), `initial` (N, ...) before the first."""
    first = sequence[:, part.start - 1 : part.start] if part.start else initial[:, np.newaxis]
    return np.concatenate([first, sequence[:, part.start : part.stop - 1]], axis=1)
