"""One number that Keras gave, and how far from what was expected of it rounding may take it."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.steps import steps
from rnnverify.rounding import Rounded
from rnnverify.verification.look import Look
from rnnverify.verification.steps import NodeCheck


def limit_at(check: NodeCheck, index: int, t: int, place: tuple[int, ...]) -> tuple[float, float]:
    """What a step of a walk put out, and its limit.

    Args:
        check: of the layer.
        index: which of its walks.
        t: which step of it.
        place: sample and unit, of (N, ...).
    """
    taken, part = check.walks[index], slice(t, t + 1)
    x: Any = Rounded.exact(check.as_fed(taken.walk.x[:, part]), check.precision)
    before: Any = tuple(Rounded.exact(state, check.precision) for state in taken.before(part))
    after: Any = tuple(Rounded.exact(state, check.precision) for state in taken.after(part))
    with np.errstate(all="ignore"):
        expected = taken.put_out(part, steps(taken.walk.cell, x, before, after))[0]
        keras = taken.sequence[:, part].astype(np.float64)
        allowed = allowed_for(keras, expected, lambda over: check.steps_again(taken, part, 0, over))
    at = (place[0], 0, *place[1:])
    return float(keras[at]), float(allowed[at])


def limit_of_output(check: NodeCheck, index: int, keras: Array, place: tuple[int, ...]) -> float:
    """The limit of one number of what one call of a layer puts out.

    Args:
        check: of the layer.
        index: which of its outputs.
        keras: the whole output.
        place: which number of it.
    """
    with np.errstate(all="ignore"):
        if check.walks:
            expected = check.made_of_emitted[index].values
            allowed = allowed_for(keras, expected, None)
            if (
                not abs(float(keras[place]) - float(np.asarray(expected)[place])) <= allowed[place]
            ):  # by another kernel, as cuDNN's
                allowed = np.maximum(allowed, allowed_for(keras, check.free[index].values, None))
            return float(allowed[place])
        expected = check.layer(check.call._replace(inputs=check.inputs()))[index].values
        allowed = allowed_for(keras, expected, lambda over: check.call_again(slice(None), index, over))
    return float(allowed[place])


def allowed_for(keras: Array, expected: Any, again: Any) -> Array:
    """The limit of each number; where one is beyond it, after a second look."""
    look = Look(keras, expected, inf)
    if look.doubtful and again is not None:
        look.once_more(again)
    return look.allowed
