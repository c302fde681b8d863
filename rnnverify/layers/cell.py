"""A cell: one timestep of a recurrent layer.

It has four parts. `project` says what the input contributes, `gates` all else that depends on the input and on h alone,
`carry` the other states, such as an LSTM's c, and `output` the new h. So the input's share of many timesteps is one matrix
product; and where the h before every step is known, all but `carry` can be computed for any number of timesteps at once,
with time folded into the samples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from rnnverify.layers.arrays import Array

States = tuple[Array, ...]  # (N, ...) each; the first is h, which is also the output
Gates = tuple[Array, ...]  # (N, ...) each, after their activations


class Cell(ABC):
    """One timestep of a recurrent layer, with its weights."""

    @abstractmethod
    def project(self, x: Array) -> Array:
        """The input's share of the pre-activations: (N, D) -> (N, gates * M)."""

    def every_gate(self, zx: Array, h: Array) -> Gates:
        """Its gates after their activations, in Keras's order, whatever `gates` makes of them; none where it has none."""
        return ()

    @abstractmethod
    def gates(self, zx: Array, h: Array) -> Gates:
        """From that share and h (N, M) at t-1, all that does not depend on other states."""

    def carry(self, gates: Gates, carried: States) -> States:
        """The states but h at t, from those at t-1; a cell that has h alone carries nothing."""
        return ()

    @abstractmethod
    def output(self, gates: Gates, states: States) -> Array:
        """h (N, M) at t from the states: h at t-1, and the others at t."""

    def step(self, zx: Array, states: States) -> States:
        """One step: the input's share (N, gates * M) and the states at t-1 to the states at t."""
        h, *before = states
        gates = self.gates(zx, h)
        carried = self.carry(gates, tuple(before))
        return (self.output(gates, (h, *carried)), *carried)
