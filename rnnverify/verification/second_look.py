"""Rows beyond their limit, looked at again with the sizes that their sums' own partial sums take, see `rounding.orders`.

In one application of a layer the errors of what they add up may be alike, too, see `rounding.correlation`. In a step they need
not be: what a step adds up was handed to it, or is a product with a gate, whose error is no larger than the sum's own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.layer import Call, Layer, Masked
from rnnverify.rounding import Precision, Rounded
from rnnverify.verification.look import Rows
from rnnverify.verification.taken import Taken

WORK = 1 << 22  # products that are looked at: a second or two


def of_steps(
    taken: Taken, x: Array, part: slice, state: int, precision: Precision, over: Array
) -> tuple[Rows, Rounded]:
    """Steps of a walk: a state after some of them.

    Args:
        taken: the walk.
        x: its input as the cell sees it, in that part of the time, (N, t, ...).
        part: that part.
        state: which of its states.
        precision: what the layer computes in.
        over: how many times its limit each element of it is off, (N, t, ...).
    """
    ordered = dataclasses.replace(precision, ordered=True)
    walk = taken.walk  # a product takes the precision of its first operand
    rows = worst_rows(over, 2, walk.weights, prod(over.shape[2:-1]))
    (given,), *states = (
        [one[rows][:, np.newaxis] for one in arrays] for arrays in ((x,), taken.before(part), taken.after(part))
    )
    made: Any = taken.rounding(ordered, given, *states)[state]
    return rows, made[:, 0]


def of_call(
    layer: Layer, call: Call, inputs: Sequence[Array], output: int, precision: Precision, over: Array
) -> tuple[Rows, Rounded]:
    """One application of a layer: some samples of an output, or timesteps of it where each is treated by itself.

    Args:
        layer: the layer.
        call: what it is given.
        inputs: the same inputs as it sees them, (N, ...), in a part of the time if `over` is of a part.
        output: which of its outputs.
        precision: what the layer computes in.
        over: how many times its limit each element of it is off.
    """
    wider = dataclasses.replace(precision, ordered=True, in_common=True)
    timed = layer.pointwise and over.ndim > 2
    rows = worst_rows(over, 2 if timed else 1, call.weights)
    parts = [x[rows][:, np.newaxis] if timed else x[rows] for x in inputs]
    given: Any = [x if x.dtype.kind in "iub" else Rounded.exact(x, wider) for x in parts]
    made: Any = layer(Call([Masked(x) for x in given], call.weights))[output].values
    if not isinstance(made, Rounded):
        made = Rounded.exact(made, wider)
    return rows, made[:, 0] if timed else made


def worst_rows(over: Array, axes: int, weights: Sequence[Any], places: int = 1) -> Rows:
    """The rows (N,) or (N, t) of which some element is off, the worst first, and not too many: weights meet so many places."""
    worst = over.max(axis=tuple(range(axes, over.ndim)))
    most = max(1, WORK // max(1, places * sum(weight.size for weight in map(np.asarray, weights))))
    order = np.argsort(-worst, axis=None, kind="stable")[: min(most, np.count_nonzero(worst))]
    return np.unravel_index(order, worst.shape)
