"""Whether other values of some weights explain what Keras made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from rnnverify.diagnosis.evidence import Evidence
from rnnverify.diagnosis.influences import Measured, Place, in_deviations, least_change, shares_of
from rnnverify.layers.arrays import Array
from rnnverify.rounding import Precision

SEEN = 1e-3  # of the squared residuals, what all others must leave at least if a gate is to be named
ENOUGH = 3  # distinct elements for each direction in which weights are fitted together
BY_CHANCE = 1e-3  # how many weights may be expected to explain as much by chance
CORRECTIONS = 16  # of a gate's weights, until they explain what Keras made to within its rounding,
NO_BETTER = 0.01  # or until one changes the squared residuals by no more than this share of them


class Explained(NamedTuple):
    """A fault that is explained by some weights."""

    off: list[float]  # by how much each of them is
    share: float  # of the squared residuals


def explained_by(
    evidence: Evidence, places: Sequence[Place], precision: Precision, distinct: Array
) -> Explained | None:
    """By how much the weights at these places are off, if that puts all that Keras made within its rounding; else None.

    They are one weight, or those of one gate, and the others stay as they are; so if it is, those are right. The weights are
    corrected again and again (Gauss-Newton): what a large fault does is not linear. Where there are too few elements to fit
    them all, it must be one weight alone.

    Args:
        distinct: (elements,) those that are not alike.
    """
    reported: Measured | None = None
    tried: Sequence[int] = range(len(places))
    off, spent, before = np.zeros(len(places)), 0, np.inf
    for _ in range(CORRECTIONS):
        now = in_deviations(evidence, places, precision)
        reported = now if reported is None else reported
        if (reported.known & ~now.known).any():  # an explanation does not leave out what it cannot explain
            return None
        y, influence = now.y[reported.known], now.influence[reported.known]
        if not np.abs(y).max(initial=0) > precision.limit:
            return explanation(off, reported, now, precision, distinct, spent, evidence.weight_count)
        if abs(before - y @ y) <= NO_BETTER * (y @ y):
            return None
        before = float(y @ y)
        change, rank = least_change(influence[:, tried], y)
        if not spent and distinct.sum() < ENOUGH * rank:
            tried = [int(np.argmax(shares_of(influence, y)))]
            change, rank = least_change(influence[:, tried], y)
        spent = max(spent, rank)
        columns = [np.array(column) for column in evidence.columns]
        for k, amount in zip(tried, change, strict=True):
            which, index = places[k]
            columns[which][index] += amount
            off[k] += amount
        evidence = replace(evidence, columns=columns)
    return None


def explanation(
    off: Array, reported: Measured, now: Measured, precision: Precision, distinct: Array, spent: int, weights: int
) -> Explained | None:
    """What brought all elements within the limits, if that says anything; else None.

    It does not where the weights reported do so as well, nor where the limits themselves have grown enough to hide what
    another gate would leave: large weights round by much. And it must do better than chance. As many elements as there are
    directions to go in are met whatever the fault is; any other one that is off by r, where rounding leaves s, is met with a
    chance of about s / r by a weight that has nothing to do with it.

    Args:
        off: by how much the weights are off.
        reported: with the weights reported.
        now: with those corrected.
        distinct: (elements,) those that are not alike.
        spent: in how many directions the weights were corrected.
        weights: how many weights there are, each of which might explain it by chance.
    """
    if not spent:
        return None
    known = reported.known
    fault, growth = reported.y[known], now.deviation[known] / reported.deviation[known]
    grown = precision.limit * np.maximum(growth - 1, 0)
    if not grown @ grown <= SEEN * (fault @ fault):
        return None
    met = np.log(np.maximum(np.abs(fault) / (growth * np.maximum(np.abs(now.y[known]), 1)), 1))[distinct[known]]
    by_chance = weights * np.exp(-np.sort(met)[: max(0, len(met) - spent)].sum())
    if by_chance > BY_CHANCE:
        return None
    left = now.y[known] * growth  # by the rounding of the weights reported, as the fault is
    return Explained(off.tolist(), 1 - float(left @ left / (fault @ fault)))
