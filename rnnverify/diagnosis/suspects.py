"""Which weight, and which gate, the residuals of a wrong unit point at.

If Keras computed with another weight than the one it reports, a unit's residuals r are that weight's influence on the unit
(the derivative of each step's output with respect to it, J) times how far it is off. With every element weighted by its
standard deviation sd, the score sum(r J / sd^2) / sqrt(sum(J^2 / sd^2)) would be about normal if rounding were all there is,
and its square is what assuming that one weight to be off explains of sum(r^2 / sd^2).

All influences come out of one application of the layer's own replay: to it the unit is copied as often as it has weights,
and in each copy another weight is a little larger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnverify.layers.activations import log_softmax, softmax, sparsemax
from rnnverify.layers.arrays import Array
from rnnverify.layers.dense import Dense
from rnnverify.layers.gru import GRU
from rnnverify.layers.layer import Call, Masked
from rnnverify.layers.recurrence import Recurrent, gates_of_steps, steps
from rnnverify.results import Suspect
from rnnverify.rounding import Precision, Rounded

NUDGE = 1e-6  # by how much a weight is larger in its copy: the derivative is good to about 1e-9 of itself
AT_ONCE = 1 << 20  # how many pre-activations are computed at once
IN_ALL = 1 << 24  # how many influences are held
NAMED = 3  # suspects that are told
TOLD = 0.95  # what a gate's weights must explain together, if the gate is to be told,
APART = 10.0  # and how many times more all others must leave unexplained
MIXING = (softmax, log_softmax, sparsemax)  # activations of which no unit stands by itself
SEEN = 1e-3  # and at least, for the influences are linear and the fault need not be
ENOUGH = 3  # elements for each weight whose influence is fitted together with others


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


def suspects(
    evidence: Evidence, names: Sequence[str], units: int, unit: int, precision: Precision
) -> tuple[tuple[Suspect, ...], str | None]:
    """The most suspicious of a unit's weights, and the gate, where it can be told.

    Args:
        names: of the layer's weights, in the order of `get_weights()`.
        units: how many units the layer has.
        unit: which of them it is.
        precision: what the layer computes in.
    """
    if len(evidence.keras) > 2 * elements_for(evidence.weight_count):  # a late divergence of a long walk
        return (), None
    expected = evidence.outputs([Rounded.exact(column, precision) for column in evidence.columns])
    deviation = np.sqrt(expected.variance[:, 0])
    residual = evidence.keras - expected.value[:, 0]
    places = [(which, index) for which, column in enumerate(evidence.columns) for index in np.ndindex(column.shape)]
    influence = nudged(evidence, places) / deviation[:, np.newaxis]
    y = residual / deviation
    known = np.isfinite(y) & np.isfinite(influence).all(axis=1)
    y, influence = y[known], influence[known]
    if not 0 < y @ y < np.inf:
        return (), None
    length = np.einsum("ij,ij->j", influence, influence)
    projected = y @ influence
    change = np.divide(projected, length, out=np.zeros_like(length), where=length > 0)
    share = change * projected / (y @ y)
    told = gate_of(evidence, np.array([index[-1] for _, index in places]), influence, share, y)
    found = []
    for k in np.argsort(-share, kind="stable"):
        which, (*row, gate) = places[k]
        if told in (None, evidence.gates[gate]):
            index = (*row, gate * units + unit)
            found.append(Suspect(names[which], index, evidence.gates[gate], float(change[k]), float(share[k])))
    return tuple(found[:NAMED]), told


def nudged(evidence: Evidence, places: Sequence[tuple[int, tuple[int, ...]]]) -> Array:
    """The influence of each weight on every element, (elements, weights), some weights at a time."""
    at_once = max(1, AT_ONCE // (len(evidence.keras) * len(evidence.gates)))
    base = evidence.outputs(evidence.columns)
    made = np.empty((len(evidence.keras), len(places)))
    for start in range(0, len(places), at_once):
        part = places[start : start + at_once]
        copies = [np.repeat(column[..., np.newaxis], len(part), axis=-1) for column in evidence.columns]
        for copy, (which, index) in enumerate(part):
            copies[which][(*index, copy)] += NUDGE
        outputs = evidence.outputs([copied.reshape(*copied.shape[:-2], -1) for copied in copies])
        made[:, start : start + len(part)] = (outputs - base) / NUDGE
    return made


def gate_of(evidence: Evidence, gates: Array, influence: Array, share: Array, y: Array) -> str | None:
    """The gate with whose weights the residuals are consistent, if it is one alone.

    Args:
        gates: of each weight, which gate it belongs to.
        influence: of each weight on each element, in standard deviations.
        share: what each weight explains by itself.
        y: the residuals, in standard deviations.
    """
    if len(evidence.gates) < 2:
        return None
    left = []
    for gate in range(len(evidence.gates)):
        own = influence[:, gates == gate]
        if len(y) >= ENOUGH * own.shape[1]:
            fitted = own @ np.linalg.lstsq(own, y, rcond=None)[0]
            left.append(float(np.sum((y - fitted) ** 2) / (y @ y)))
        else:
            left.append(1 - float(share[gates == gate].max()))
    best, second = np.argsort(left)[:2]
    apart = left[second] >= max(APART * left[best], SEEN)
    return evidence.gates[best] if left[best] <= 1 - TOLD and apart else None


def elements_for(weights: int) -> int:
    """How many elements to look at, for a unit with so many weights."""
    return IN_ALL // weights


def of_recurrent(
    layer: Recurrent,
    weights: Sequence[Array],
    x: Array,
    before: Array,
    c: Sequence[Array],
    mask: Array | None,
    keras: Array,
    unit: int,
) -> Evidence | None:
    """A unit of a recurrent layer, step by step; None where a unit's gates depend on those of the others.

    Args:
        x: (N, T, D).
        before: h before each step, (N, T, M), as Keras emitted it.
        c: before the first step, (N, M), for a cell that has one.
        mask: (N, T).
        keras: the outputs that Keras emitted, (N, T, M).
    """
    mixing = layer.activation in MIXING or getattr(layer, "recurrent_activation", None) in MIXING
    if mixing or (isinstance(layer, GRU) and not layer.reset_after):
        return None
    samples, timesteps, _ = keras.shape
    awake = np.ones((samples, timesteps), bool) if mask is None else mask

    def outputs(columns: Sequence[Any]) -> Any:
        copies = columns[0].shape[-1] // len(gates)
        cell = layer.cell(columns)
        made = gates_of_steps(cell, x, before)
        own = np.broadcast_to(before[:, :, [unit]], (samples, timesteps, copies))
        carried = [np.broadcast_to(one[:, [unit]], (samples, copies)) for one in c]
        return steps(cell, made, own, carried, mask)[0][awake]

    gates = layer.gate_names or (None,)
    return Evidence(keras[..., unit][awake], columns_of(weights, len(gates), unit), outputs, gates)


def of_dense(layer: Dense, weights: Sequence[Array], x: Array, keras: Array, unit: int) -> Evidence | None:
    """A unit of a Dense layer, x (..., D), keras (..., M); None where its activation mixes units."""
    if layer.activation in MIXING:
        return None
    flat = x.reshape(-1, x.shape[-1])

    def outputs(columns: Sequence[Any]) -> Any:
        return layer(Call([Masked(flat)], columns))[0].values

    return Evidence(keras.reshape(-1, keras.shape[-1])[:, unit], columns_of(weights, 1, unit), outputs, (None,))


def columns_of(weights: Sequence[Array], gates: int, unit: int) -> list[Array]:
    """The columns of one unit: of each gate's block of columns the one."""
    return [weight.reshape(*weight.shape[:-1], gates, -1)[..., unit] for weight in weights]
