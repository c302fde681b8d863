"""Which weight, and which gate, the residuals of a wrong unit point at.

If Keras computed with another weight than the one it reports, a unit's residuals r are that weight's influence on the unit
(the derivative of each step's output with respect to it, J) times how far it is off. With every element weighted by its
standard deviation sd, the score sum(r J / sd^2) / sqrt(sum(J^2 / sd^2)) would be about normal if rounding were all there is,
and its square is what assuming that one weight to be off explains of sum(r^2 / sd^2).

All influences come out of one application of the layer's own replay: to it the unit is copied as often as it has weights,
and in each copy another weight is a little larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from rnnverify.diagnosis.evidence import Evidence, elements_for
from rnnverify.layers.arrays import Array
from rnnverify.results import Suspect
from rnnverify.rounding import Precision, Rounded

NUDGE = 1e-6  # by how much a weight is larger in its copy: the derivative is good to about 1e-9 of itself
AT_ONCE = 1 << 20  # how many pre-activations are computed at once
TRIED = 12  # weights that are tried, those first that explain most to first order
NAMED = 3  # suspects that are named: no more weights may explain it
EXPLAINED = 0.95  # what a gate's weights must explain together, if the gate is to be named,
APART = 10.0  # and how many times more all others must leave unexplained
SEEN = 1e-3  # and at least, for the influences are linear and the fault need not be
ENOUGH = 3  # elements for each weight whose influence is fitted together with others
CORRECTIONS = 8  # of a gate's weights, until they explain what Keras made to within its rounding

Place = tuple[int, tuple[int, ...]]  # of a weight: in which array, and where in its columns


def suspects(
    evidence: Evidence, names: Sequence[str], units: int, unit: int, precision: Precision
) -> tuple[tuple[Suspect, ...], str | None]:
    """The most suspicious of a unit's weights, and the gate, where it is one alone.

    Args:
        names: of the layer's weights, in the order of `get_weights()`.
        units: how many units the layer has.
        unit: which of them it is.
        precision: what the layer computes in.
    """
    weighed = weigh(evidence, precision)
    if weighed is None:
        return (), None
    places, y, influence, share = weighed
    gates = np.array([index[-1] for _, index in places])
    named = gate_of(evidence, gates, influence, share, y)
    if named is not None:
        own = [place for place in places if evidence.gates[place[1][-1]] == named]
        if explained_by(evidence, own, precision) is None:
            named = None
    found = []
    for k in np.argsort(-share, kind="stable")[:TRIED]:
        which, (*row, gate) = places[k]
        off = explained_by(evidence, [places[k]], precision)
        if off is not None and named in (None, evidence.gates[gate]):
            index = (*row, gate * units + unit)
            left = residuals_with(evidence, places[k], off[0], precision)
            found.append(Suspect(names[which], index, evidence.gates[gate], off[0], 1 - float(left @ left / (y @ y))))
    # Where many would explain it there is too little to tell them apart by; a few are alike, such as a GRU's two biases.
    return tuple(found if len(found) <= NAMED else ()), named


class Weighed(NamedTuple):
    """What each of a unit's weights explains by itself."""

    places: list[Place]
    y: Array  # (elements,) the residuals, in standard deviations
    influence: Array  # (elements, weights)
    share: Array  # (weights,) of the squared residuals, to first order


def weigh(evidence: Evidence, precision: Precision) -> Weighed | None:
    """See `Weighed`; None where there is too much to look at, or nothing to explain."""
    if len(evidence.keras) > 2 * elements_for(evidence.weight_count):  # a late divergence of a long walk
        return None
    places = [(which, index) for which, column in enumerate(evidence.columns) for index in np.ndindex(column.shape)]
    y, influence = in_deviations(evidence, places, precision)
    if not 0 < y @ y < np.inf:
        return None
    length = np.einsum("ij,ij->j", influence, influence)
    projected = y @ influence
    change = np.divide(projected, length, out=np.zeros_like(length), where=length > 0)
    return Weighed(places, y, influence, change * projected / (y @ y))


def shares(evidence: Evidence, precision: Precision) -> list[Array]:
    """What each weight explains by itself, as the unit's columns are: (..., gates) each; nothing where that is not known."""
    weighed = weigh(evidence, precision)
    if weighed is None:
        return []
    made = [np.zeros(column.shape) for column in evidence.columns]
    for (which, index), share in zip(weighed.places, weighed.share, strict=True):
        made[which][index] = share
    return made


def in_deviations(evidence: Evidence, places: Sequence[Place], precision: Precision) -> tuple[Array, Array]:
    """The residuals (elements,), and the influence of each of these weights (elements, weights), in standard deviations.

    Elements of which something is no finite number are left out.
    """
    expected = evidence.outputs([Rounded.exact(column, precision) for column in evidence.columns])
    deviation = np.sqrt(expected.variance[:, 0])
    y = (evidence.keras - expected.value[:, 0]) / deviation
    influence = nudged(evidence, places) / deviation[:, np.newaxis]
    known = np.isfinite(y) & np.isfinite(influence).all(axis=1)
    return y[known], influence[known]


def residuals_with(evidence: Evidence, place: Place, off: float, precision: Precision) -> Array:
    """The residuals that are left where one weight is off by so much, in standard deviations."""
    which, index = place
    columns = [np.array(column) for column in evidence.columns]
    columns[which][index] += off
    return in_deviations(replace(evidence, columns=columns), [place], precision)[0]


def explained_by(evidence: Evidence, places: Sequence[Place], precision: Precision) -> list[float] | None:
    """By how much the weights at these places are off, if that puts all that Keras made within its rounding; else None.

    They are one weight, or those of one gate, and the others stay as they are; so if it is, those are right. The weights are
    corrected again and again (Gauss-Newton): what a large fault does is not linear. Where there are too few elements to fit
    them all, it must be one weight alone.
    """
    alone: int | None = None
    off = np.zeros(len(places))
    for _ in range(CORRECTIONS):
        y, influence = in_deviations(evidence, places, precision)
        if not len(y):
            return None
        if np.abs(y).max() <= precision.limit:
            return off.tolist()
        if len(y) >= ENOUGH * len(places):
            change = np.linalg.lstsq(influence, y, rcond=None)[0]
        else:
            length, projected = np.einsum("ij,ij->j", influence, influence), y @ influence
            step = np.divide(projected, length, out=np.zeros_like(length), where=length > 0)
            if alone is None:
                alone = int(np.argmax(step * projected))
            change = np.where(np.arange(len(places)) == alone, step, 0)
        columns = [np.array(column) for column in evidence.columns]
        for (which, index), amount in zip(places, change, strict=True):
            columns[which][index] += amount
        off += change
        evidence = replace(evidence, columns=columns)
    return None


def nudged(evidence: Evidence, places: Sequence[Place]) -> Array:
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
    return evidence.gates[best] if left[best] <= 1 - EXPLAINED and apart else None
