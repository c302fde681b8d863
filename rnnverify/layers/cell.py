"""A cell: one timestep of a recurrent layer.

`project` says what the input contributes, and `step` what becomes of the states; so the input's share of many timesteps is one
matrix product. Those of the textbook come in parts: `gates`, all that depends on the input and on h alone, `carry`, the other
states, such as an LSTM's c, and `output`, the new h.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from rnnverify.layers.arrays import Array

States = tuple[Array, ...]  # (N, ...) each; the first is also the output
Gates = tuple[Array, ...]  # (N, ...) each, after their activations


class Cell(ABC):
    """One timestep of a recurrent layer, with its weights."""

    @abstractmethod
    def project(self, x: Array) -> Array:
        """The input's share of the pre-activations: (N, D) -> (N, gates * M)."""

    @abstractmethod
    def step(self, zx: Array, states: States) -> States:
        """One step: the input's share and the states at t-1 to the states at t."""

    def step_seen(self, zx: Array, states: States, seen: States) -> States:
        """The same where the states at t are known, too: a cell made of several looks at each of them by itself."""
        return self.step(zx, states)

    def every_gate(self, zx: Array, h: Array) -> Gates:
        """Its gates after their activations, in Keras's order, whatever it makes of them; none where it has none."""
        return ()

    def gates(self, zx: Array, h: Array) -> Gates:
        """From the input's share and h (N, M) at t-1, all that does not depend on other states; none where that is not known."""
        return ()


class CellInParts(Cell):
    """A cell of the textbook."""

    @abstractmethod
    def gates(self, zx: Array, h: Array) -> Gates: ...

    def carry(self, gates: Gates, carried: States) -> States:
        """The states but h at t, from those at t-1; a cell that has h alone carries nothing."""
        return ()

    @abstractmethod
    def output(self, gates: Gates, states: States) -> Array:
        """h (N, M) at t from the states: h at t-1, and the others at t."""

    def step(self, zx: Array, states: States) -> States:
        h, *before = states
        gates = self.gates(zx, h)
        carried = self.carry(gates, tuple(before))
        return (self.output(gates, (h, *carried)), *carried)
