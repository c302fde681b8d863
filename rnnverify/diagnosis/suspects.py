"""Which weight, and which gate, the residuals of a wrong unit point at.

If Keras computed with another weight than the one it reports, a unit's residuals r are that weight's influence on the unit
(the derivative of each step's output with respect to it, J) times how far it is off. With every element weighted by its
standard deviation sd, the score sum(r J / sd^2) / sqrt(sum(J^2 / sd^2)) would be about normal if rounding were all there is,
and its square is what assuming that one weight to be off explains of sum(r^2 / sd^2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnnverify.diagnosis.corrections import ENOUGH, SEEN, explained_by
from rnnverify.diagnosis.evidence import Evidence, elements_for
from rnnverify.diagnosis.influences import Place, firsts, in_deviations, least_change, shares_of
from rnnverify.layers.arrays import Array
from rnnverify.results import Suspect
from rnnverify.rounding import Precision

TRIED = 12  # weights that are tried, those first that explain most to first order
NAMED = 3  # suspects that are named: no more weights may explain it
EXPLAINED = 0.95  # what a gate's weights must explain together, if the gate is to be named,
APART = 10.0  # and how many times more all others must leave unexplained; SEEN at least, for the influences are linear


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
    places, y, influence, share, distinct = weighed
    gates = np.array([index[-1] for _, index in places])
    named = gate_of(evidence, gates, influence, share, y, int(distinct.sum()))
    if named is not None:
        own = [place for place in places if evidence.gates[place[1][-1]] == named]
        if explained_by(evidence, own, precision, distinct) is None:
            named = None
    found = []
    for k in np.argsort(-share, kind="stable")[:TRIED]:
        which, (*row, gate) = places[k]
        explained = explained_by(evidence, [places[k]], precision, distinct)
        if explained is not None and named in (None, evidence.gates[gate]):
            index = (*row, gate * units + unit)
            found.append(Suspect(names[which], index, evidence.gates[gate], explained.off[0], explained.share))
    # Where many would explain it there is too little to tell them apart by; a few are alike, such as a GRU's two biases.
    return tuple(found if len(found) <= NAMED else ()), named


class Weighed(NamedTuple):
    """What each of a unit's weights explains by itself."""

    places: list[Place]
    y: Array  # (elements,) the residuals, in standard deviations
    influence: Array  # (elements, weights)
    share: Array  # (weights,) of the squared residuals, to first order
    distinct: Array  # (all elements,) whether it is the first of those that are alike


def weigh(evidence: Evidence, precision: Precision) -> Weighed | None:
    """See `Weighed`; None where there is too much to look at, or nothing to explain."""
    if len(evidence.keras) > 2 * elements_for(evidence.weight_count):  # a late divergence of a long walk
        return None
    places = [(which, index) for which, column in enumerate(evidence.columns) for index in np.ndindex(column.shape)]
    known, _, y, influence = in_deviations(evidence, places, precision)
    distinct = known.copy()
    distinct[known] = firsts(influence[known])
    y, influence = y[known], influence[known]
    if not 0 < y @ y < np.inf:
        return None
    return Weighed(places, y, influence, shares_of(influence, y), distinct)


def shares(evidence: Evidence, precision: Precision) -> list[Array]:
    """What each weight explains by itself, as the unit's columns are: (..., gates) each; nothing where that is not known."""
    weighed = weigh(evidence, precision)
    if weighed is None:
        return []
    made = [np.zeros(column.shape) for column in evidence.columns]
    for (which, index), share in zip(weighed.places, weighed.share, strict=True):
        made[which][index] = share
    return made


def gate_of(evidence: Evidence, gates: Array, influence: Array, share: Array, y: Array, distinct: int) -> str | None:
    """The gate with whose weights the residuals are consistent, if it is one alone.

    Args:
        gates: of each weight, which gate it belongs to.
        influence: of each weight on each element, in standard deviations.
        share: what each weight explains by itself.
        y: the residuals, in standard deviations.
        distinct: how many elements differ in what the weights do to them.
    """
    if len(evidence.gates) < 2:
        return None
    left = []
    for gate in range(len(evidence.gates)):
        own = influence[:, gates == gate]
        change, rank = least_change(own, y)
        if distinct >= ENOUGH * rank:
            left.append(float(np.sum((y - own @ change) ** 2) / (y @ y)))
        else:
            left.append(1 - float(share[gates == gate].max()))
    best, second = np.argsort(left)[:2]
    apart = left[second] >= max(APART * left[best], SEEN)
    return evidence.gates[best] if left[best] <= 1 - EXPLAINED and apart else None
