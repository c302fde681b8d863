"""A verdict with what explains it: the weights, and the gate, that the residuals of the first unit that is wrong point at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from rnnverify.diagnosis.evidence import Evidence, elements_for, of_layer, of_walk
from rnnverify.diagnosis.suspects import shares, suspects
from rnnverify.layers.arrays import Array
from rnnverify.results import Divergence, Suspect, Verification
from rnnverify.results.pictures import Suspicion
from rnnverify.rounding import Rounded
from rnnverify.verification.compared import Checked
from rnnverify.verification.steps import NodeCheck
from rnnverify.verification.verdict import Judged

Case = tuple[Evidence | None, Sequence[str], int]  # the names of the weights, and how many units there are


def explained(judged: Judged) -> Verification:
    """The result, with suspects for each layer that is wrong, and the gate of the first divergence where it is one alone."""
    found = {name: suspicion(one) for name, one in judged.nodes.items() if one.tally.first is not None}
    result, first = judged.result, judged.result.first_divergence
    if first is None:
        return result
    layers = (replace(layer, suspects=found.get(layer.layer, ((), None))[0]) for layer in result.layers)
    pictures = result.pictures
    if pictures is not None and first.layer in judged.nodes:
        pictures = replace(pictures, suspicions=tuple(weights_of(first.layer, judged.nodes[first.layer])))
    return replace(
        result,
        layers=tuple(layers),
        first_divergence=replace(first, gate=found.get(first.layer, ((), None))[1]),
        pictures=pictures,
    )


def suspicion(checked: Checked) -> tuple[tuple[Suspect, ...], str | None]:
    """The weights, and the gate, that the residuals of a node's first unit that is wrong point at."""
    node, tally = checked
    assert tally.first is not None
    with np.errstate(all="ignore"):  # an overflow is Keras's too
        evidence, names, units = case_of(checked)
        return ((), None) if evidence is None else suspects(evidence, names, units, tally.first.unit, node.precision)


def weights_of(layer: str, checked: Checked) -> Iterator[Suspicion]:
    """How much of what is wrong with that unit each of its weights would explain; nothing where that cannot be told."""
    node, tally = checked
    if tally.first is None:
        return
    with np.errstate(all="ignore"):
        evidence, names, _ = case_of(checked)
        if evidence is not None:
            for name, share in zip(names, shares(evidence, node.precision), strict=False):
                rows = share.reshape(-1, share.shape[-1])
                yield Suspicion(layer, tally.first.unit, name, evidence.gates, rows)


def case_of(checked: Checked) -> Case:
    """The first unit of a node that is wrong."""
    node, tally = checked
    assert tally.first is not None
    if tally.walk is not None and tally.first.timestep is not None:
        return from_walk(node, tally.first, tally.walk)
    return from_call(node, tally.first)


def from_walk(node: NodeCheck, first: Divergence, index: int) -> Case:
    """A unit on a walk, around the place where it is wrong."""
    taken = node.walks[index]
    units, weights = taken.sequence.shape[-1], [plain(weight) for weight in taken.walk.weights]
    skipped = sum(before.walk.layer.weight_count for before in node.walks[:index])
    names = list(node.node.weights)[skipped : skipped + taken.walk.layer.weight_count]
    places = prod(taken.sequence.shape[2:-1])  # of the unit
    samples, timesteps = taken.around(first, max(1, most_elements(weights, units) // places))
    mask = taken.walk.mask
    part = replace(
        taken.walk,
        weights=weights,
        x=node.as_fed(taken.walk.x[samples, timesteps]),
        mask=None if mask is None else mask[samples, timesteps],
        states=tuple(state[samples] for state in taken.walk.states),
    )
    keras = taken.sequence[samples, timesteps].astype(np.float64)
    before = tuple(state[samples] for state in taken.before(timesteps))
    return of_walk(part, before, keras, first.unit), names, units


def from_call(node: NodeCheck, first: Divergence) -> Case:
    """A unit of a layer that was called once, and treats every timestep by itself."""
    keras = node.first_output
    units, names = keras.shape[-1], list(node.node.weights)
    if not (node.layer.columnwise and node.layer.pointwise):
        return None, names, units
    (x,) = node.inputs()
    weights = [plain(weight) for weight in node.call.weights]
    most = most_elements(weights, units)
    flat, keras = plain(x.values).reshape(-1, x.values.shape[-1])[:most], keras.reshape(-1, units)[:most]
    return of_layer(node.layer, weights, flat, keras.astype(np.float64), first.unit), names, units


def most_elements(weights: Sequence[Array], units: int) -> int:
    """How many elements to look at, of a unit of a layer with these weights."""
    return elements_for(sum(weight.size for weight in weights) // units)


def plain(x: Any) -> Array:
    """The values alone."""
    made: Array = x.value if isinstance(x, Rounded) else x
    return made
