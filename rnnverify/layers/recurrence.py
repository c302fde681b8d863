"""The walk through time: one loop, for every cell.

A cell is one timestep, in four parts. `project` says what the input contributes, `gates` all that depends on h, `carry`
the new c of a cell that has one, `output` the new h. Where the states before every step are known, all but `carry` can be
computed for any number of timesteps at once. No loop runs over samples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from rnnverify.errors import UnsupportedError
from rnnverify.layers.activations import Activation
from rnnverify.layers.arrays import Array
from rnnverify.layers.layer import TRAINING, Call, Layer, Masked, Outputs
from rnnverify.observation import Walked

States = tuple[Array, ...]  # each (N, M); the first is h, which is also the output


Gates = tuple[Array, ...]  # each (N, M), after their activations


class Cell(ABC):
    """One timestep of a recurrent layer, with its weights."""

    @abstractmethod
    def project(self, x: Array) -> Array:
        """The input's share of the pre-activations: (N, D) -> (N, gates * M)."""

    @abstractmethod
    def gates(self, zx: Array, h: Array) -> Gates:
        """From that share and h (N, M) at t-1, all that does not depend on c."""

    def carry(self, gates: Gates, c: Array) -> Array:
        """c (N, M) at t from c at t-1; only cells with two states have it."""
        raise NotImplementedError

    @abstractmethod
    def output(self, gates: Gates, states: States) -> Array:
        """h (N, M) at t from the states: h at t-1 and, in a cell that has one, c at t."""

    def step(self, zx: Array, states: States) -> States:
        """One step: the input's share (N, gates * M) and the states at t-1, each (N, M), to the states at t."""
        h, *before = states
        gates = self.gates(zx, h)
        carried = [self.carry(gates, c) for c in before]
        return (self.output(gates, (h, *carried)), *carried)


STRETCH = 1 << 18  # numbers of the input, or of the state, whose projection is computed at once


@dataclass(frozen=True)
class Walk:
    """A walk through time, about to be taken: a layer's cell, and what it starts from. All in the order of the walk."""

    layer: Recurrent
    weights: Sequence[Array]
    x: Array  # (N, T, D)
    mask: Array | None  # (N, T)
    states: States  # before the first step, (N, M) each

    @cached_property
    def cell(self) -> Cell:
        return self.layer.cell(self.weights)

    def run(self, every_step: bool = False) -> Walked:
        """Take it, free-running. Without `every_step` only what the layer returns is kept: perhaps the last output alone.

        A masked step leaves the states as they were. Its output repeats the one before it (zeros, if there was none), or
        is zero under `zero_output_for_mask`.
        """
        samples, timesteps, features = self.x.shape
        states, output = self.states, np.zeros_like(self.states[0])
        sequence: list[Array] = []
        every_step = every_step or self.layer.return_sequences
        stretch = max(1, STRETCH // (samples * max(features, output.shape[-1])))
        for t in range(timesteps):
            if t % stretch == 0:  # the input's share, for as many timesteps at once as memory allows
                by_time = np.swapaxes(self.x[:, t : t + stretch], 0, 1)
                zx = self.cell.project(by_time.reshape(-1, features)).reshape(len(by_time), samples, -1)
            new = self.cell.step(zx[t % stretch], states)
            if self.mask is None:
                states, output = new, new[0]
            else:
                awake = self.mask[:, t, np.newaxis]
                states = tuple(np.where(awake, after, before) for after, before in zip(new, states, strict=True))
                held = np.zeros_like(output) if self.layer.zero_output_for_mask else output
                output = np.where(awake, new[0], held)
            if every_step:
                sequence.append(output)
        return Walked(np.stack(sequence if every_step else [output], axis=1), states)


def gates_of_steps(cell: Cell, x: Array, before: Array) -> Gates:
    """The gates of every step, (N * T, M) each, from its input x (N, T, D) and the h known to stand before it (N, T, M)."""
    samples, timesteps, features = x.shape
    zx = cell.project(x.reshape(samples * timesteps, features))
    return cell.gates(zx, before.reshape(samples * timesteps, -1))


def steps(cell: Cell, gates: Gates, before: Array, c: Sequence[Array], mask: Array | None) -> States:
    """Every step by itself, from the h that is known to have stood before it. No loop but the one that carries c.

    Args:
        gates: of every step, (N * T, M) each.
        before: h before each step, (N, T, M).
        c: for a cell with two states, c before the first step, (N, M).
        mask: which steps change the state, (N, T).

    Returns:
        h and, for a cell with two states, c after each step, (N, T, M) each. Where a step is masked h is not that of
        the walk: it is what the step would have made of it.
    """
    samples, timesteps, units = before.shape
    flat = before.reshape(samples * timesteps, units)
    if not len(c):
        return (cell.output(gates, (flat,)).reshape(samples, timesteps, units),)
    by_step = [gate.reshape(samples, timesteps, units) for gate in gates]
    (carried,) = c
    sequence = []
    for t in range(timesteps):
        new = cell.carry(tuple(gate[:, t] for gate in by_step), carried)
        carried = new if mask is None else np.where(mask[:, t, np.newaxis], new, carried)
        sequence.append(carried)
    cs = np.stack(sequence, axis=1)
    h = cell.output(gates, (flat, cs.reshape(samples * timesteps, units)))
    return h.reshape(samples, timesteps, units), cs


def sources(mask: Array) -> Array:
    """The step (N, T) whose output is the state before each step: the last that was not masked; -1, the initial state.

    A masked step keeps the state, whatever it puts out.
    """
    last = np.maximum.accumulate(np.where(mask, np.arange(mask.shape[1]), -1), axis=1)
    return np.concatenate([np.full_like(last[:, :1], -1), last[:, :-1]], axis=1)


def states_before(sequence: Array, initial: Array, source: Array | None, part: slice) -> Array:
    """h before each step of a part of the time axis, from all outputs (N, T, M) and the initial h (N, M)."""
    if source is None:
        first = sequence[:, part.start - 1 : part.start] if part.start else initial[:, np.newaxis]
        return np.concatenate([first, sequence[:, part.start : part.stop - 1]], axis=1)
    index = source[:, part, np.newaxis]
    return np.where(index >= 0, np.take_along_axis(sequence, np.maximum(index, 0), axis=1), initial[:, np.newaxis])


@dataclass(frozen=True)
class Recurrent(Layer):
    """A recurrent layer: a cell, and the options of its walk through time."""

    units: int
    activation: Activation
    use_bias: bool
    return_sequences: bool
    return_state: bool
    go_backwards: bool
    zero_output_for_mask: bool
    unroll: bool

    inert = TRAINING | {"dropout", "recurrent_dropout", "seed"}
    fixed = MappingProxyType({"stateful": False})
    state_names: ClassVar[tuple[str, ...]] = ("h",)
    gate_names: ClassVar[tuple[str, ...]] = ()  # in Keras's order

    @abstractmethod
    def cell(self, weights: Sequence[Array]) -> Cell:
        """The cell that `get_weights()` describes."""

    @property
    def weight_count(self) -> int:
        return 3 if self.use_bias else 2

    @property
    def output_names(self) -> tuple[str, ...]:
        return ("", *self.state_names) if self.return_state else ("",)

    def walks(self, call: Call) -> tuple[Walk, ...]:
        x, mask = call.x if call.masked else Masked(call.x.values)
        if (
            self.unroll
            and self.go_backwards
            and self.return_sequences
            and self.zero_output_for_mask
            and mask is not None
        ):
            raise UnsupportedError(
                "unroll=True on a masked sequence that runs backwards under zero_output_for_mask (as in a Bidirectional)"
                " is not implemented: Keras then zeroes the steps that the mask names in the other direction"
            )
        if self.go_backwards:
            x, mask = x[:, ::-1], None if mask is None else mask[:, ::-1]
        states = tuple(call.initial_state) or tuple(
            np.zeros((len(x), self.units), dtype=x.dtype) for _ in self.state_names
        )
        return (Walk(self, call.weights, x, mask, states),)

    def outputs(self, call: Call, walked: Sequence[Walked]) -> Outputs:
        (done,) = walked
        # Keras hands the mask on as it came, also where go_backwards has reversed the sequence under it.
        y = Masked(done.sequence, call.x.mask) if self.return_sequences else Masked(done.sequence[:, -1])
        return (y, *map(Masked, done.states)) if self.return_state else (y,)
