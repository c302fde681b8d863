"""What is known of one unit that is wrong: what Keras made of it, and what its weights would make of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.cell import CellInParts, States
from rnnverify.layers.layer import Call, Layer, Masked
from rnnverify.layers.steps import folded, gates_of_steps
from rnnverify.layers.walk import Walk

IN_ALL = 1 << 24  # how many influences of weights on elements are held


@dataclass(frozen=True)
class Evidence:
    """What is known of one unit.

    `outputs` maps columns of weights, (..., gates * copies) each, to outputs (elements, copies).
    """

    keras: Array  # (elements,)
    columns: Sequence[Array]  # the unit's own weights, (..., gates) each
    outputs: Callable[[Sequence[Any]], Any]
    gates: tuple[str | None, ...]

    @property
    def weight_count(self) -> int:
        return sum(column.size for column in self.columns)


def elements_for(weights: int) -> int:
    """How many elements to look at, for a unit with so many weights."""
    return IN_ALL // weights


def of_walk(walk: Walk, before: States, keras: Array, unit: int) -> Evidence | None:
    """A unit of a recurrent layer, step by step; None where a unit's gates depend on those of the others.

    Args:
        walk: the samples and timesteps looked at, in float64.
        before: the states before each of these steps, (N, T, ..., M) each, as Keras emitted them.
        keras: the outputs that Keras emitted, (N, T, ..., M): where there are more axes the unit is at many places.
    """
    samples, timesteps, *_, units = keras.shape
    gates = walk.layer.gate_names or (None,)
    in_columns = all(weight.shape[-1] == len(gates) * units for weight in walk.weights)
    if not walk.layer.columnwise or not in_columns or not isinstance(walk.cell, CellInParts):
        return None
    awake = np.ones(samples * timesteps, bool) if walk.mask is None else walk.mask.reshape(-1)

    def outputs(columns: Sequence[Any]) -> Any:
        copies = columns[0].shape[-1] // len(gates)
        cell: Any = walk.layer.cell_with(columns)
        made = gates_of_steps(cell, walk.x, before[0])
        of_unit = (folded(state)[..., [unit]] for state in before)
        h, *others = (np.broadcast_to(state, (*state.shape[:-1], copies)) for state in of_unit)
        return cell.output(made, (h, *cell.carry(made, tuple(others))))[awake].reshape(-1, copies)

    emitted = folded(keras)[awake][..., unit].reshape(-1)
    return Evidence(emitted, columns_of(walk.weights, len(gates), unit), outputs, gates)


def of_layer(layer: Layer, weights: Sequence[Array], x: Array, keras: Array, unit: int) -> Evidence | None:
    """A unit of a layer such as Dense, x (..., D), keras (..., M); None where a unit depends on more than its columns."""
    if not layer.columnwise:
        return None
    flat = x.reshape(-1, x.shape[-1])

    def outputs(columns: Sequence[Any]) -> Any:
        return layer(Call([Masked(flat)], columns))[0].values

    return Evidence(keras.reshape(-1, keras.shape[-1])[:, unit], columns_of(weights, 1, unit), outputs, (None,))


def columns_of(weights: Sequence[Array], gates: int, unit: int) -> list[Array]:
    """The columns of one unit: of each gate's block of columns the one."""
    return [weight.reshape(*weight.shape[:-1], gates, -1)[..., unit] for weight in weights]
