"""How far Keras's numbers are from a unit's, and how each of its weights would move them, in standard deviations.

All influences come out of one application of the layer's own replay: to it the unit is copied as often as it has weights,
and in each copy another weight is a little larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnnverify.diagnosis.evidence import Evidence
from rnnverify.layers.arrays import Array
from rnnverify.rounding import Precision, Rounded

NUDGE = 1e-6  # by how much a weight is larger in its copy: what is curved makes the derivative wrong by about as much of itself
AT_ONCE = 1 << 20  # how many pre-activations are computed at once
ALIKE = 1e-3  # of the largest influence of a weight: elements for which no weight's differs by more are one

Place = tuple[int, tuple[int, ...]]  # of a weight: in which array, and where in its columns


class Measured(NamedTuple):
    """What Keras made of each element, against what these weights make of it."""

    known: Array  # (elements,) whether all of the following are finite numbers
    deviation: Array  # (elements,) the standard deviation of rounding
    y: Array  # (elements,) the residuals, in standard deviations
    influence: Array  # (elements, weights) of each of some weights, in standard deviations


def in_deviations(evidence: Evidence, places: Sequence[Place], precision: Precision) -> Measured:
    """The residuals, and the influence of the weights at these places, in standard deviations."""
    expected = evidence.outputs([Rounded.exact(column, precision) for column in evidence.columns])
    deviation = np.sqrt(expected.variance[:, 0])
    y = (evidence.keras - expected.value[:, 0]) / deviation
    influence = nudged(evidence, places) / deviation[:, np.newaxis]
    known = np.isfinite(deviation) & np.isfinite(y) & np.isfinite(influence).all(axis=1)
    return Measured(known, deviation, y, influence)


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


def firsts(influence: Array) -> Array:
    """Which elements (elements,) are the first of those alike: one input, given many times over, tells no more than once."""
    largest = np.abs(influence).max(axis=0, initial=0)
    cells = np.rint(np.divide(influence, ALIKE * largest, out=np.zeros_like(influence), where=largest > 0))
    own = np.random.default_rng(0).uniform(1, 2, cells.shape[1])
    mixed = cells @ own  # a number that almost surely no other row has
    first = np.zeros(len(influence), bool)
    first[np.unique(mixed, return_index=True)[1]] = True
    return first


def shares_of(influence: Array, y: Array) -> Array:
    """What each weight explains by itself of the squared residuals, to first order: (weights,)."""
    length, projected = np.einsum("ij,ij->j", influence, influence), y @ influence
    explained: Array = np.divide(projected**2, length, out=np.zeros_like(length), where=length > 0)
    explained /= y @ y
    return explained


def least_change(influence: Array, y: Array) -> tuple[Array, int]:
    """The smallest change of weights that explains most of the residuals, and in how many directions it may go.

    Each weight is measured by what it does. Where some do the same, such as the bias and the rows of the kernel for one-hot
    features, no residual says by how much one of them is off and another is not; what would tell them apart is the error of
    the derivatives, and along it they would go any distance.
    """
    length = np.sqrt(np.einsum("ij,ij->j", influence, influence))
    scale = np.divide(1, length, out=np.zeros_like(length), where=length > 0)
    change, _, rank, _ = np.linalg.lstsq(influence * scale, y, rcond=NUDGE)
    return change * scale, int(rank)
