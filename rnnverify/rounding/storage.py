"""Results, as the other side stores them.

Each is made with its history: whoever makes one says of which operands, and what of its history is the operation's own;
the rest is `merged`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from rnnverify.layers.arrays import Array
from rnnverify.rounding.history import merged
from rnnverify.rounding.numbers import Rounded
from rnnverify.rounding.precision import LARGEST, SURELY_WITHIN, UNIFORM, Precision
from rnnverify.rounding.single import ROUNDED, hold, slack


def known(
    value: Array,
    bound: Array,
    variance: Array,
    p: Precision,
    of: Iterable[Any],
    *,
    beyond: bool = False,
    sums: int = 0,
    postponed: float = 1.0,
) -> Rounded:
    """A result whose bound and variance may have become NaN, as 0 times infinity: nothing is known then."""
    hold(variance)
    if bound.dtype == np.float32:
        bound = bound * ROUNDED
    history = merged(of, beyond=beyond, postponed=postponed, sums=sums)
    return Rounded(value, without_nan(bound), without_nan(variance), p, history)


def stored(
    value: Array,
    bound: Any,
    variance: Any,
    p: Precision,
    of: Iterable[Any],
    worst: float = 1.0,
    typical: float = UNIFORM,
    *,
    terms: tuple[Array, ...] = (),
    factors: tuple[Array, ...] = (),
    postponed: float = 1.0,
    sums: int = 0,
) -> Rounded:
    """A result as the other side stores it: its error so far, and a rounding on top.

    Args:
        value: the result.
        bound: of its error so far.
        variance: of its error so far.
        p: what the other side computes in.
        of: the operands.
        worst: how many u that rounding is at most.
        typical: its standard deviation, in u.
        terms, factors, postponed, sums: what of its history is the operation's own, see `merged`.
    """
    kind = np.result_type(bound, variance)
    noise = sizes_in(kind, value)
    farther = 1 + worst * p.unit  # the other side rounds its own result, which may be as much larger as the bound says
    noise *= worst * p.unit / farther
    square = noise * noise
    square *= (typical * farther / worst) ** 2
    square += variance
    square += p.smallest**2
    top = float(square.max(initial=0))
    hold(square)
    if top < np.inf:
        reach = math.sqrt(top / (typical * p.unit) ** 2)  # the values' squares are in it
    else:
        reach = np.fmax.reduce(np.abs(value), axis=None, initial=0)  # of those that are numbers
        square = np.fmin(square, np.inf)
        noise = np.minimum(noise, LARGEST * (worst * p.unit / farther))  # of an infinite value: see the package
    noise += bound
    noise *= farther * slack(kind)
    noise += p.smallest * slack(kind)
    beyond = bool(reach > SURELY_WITHIN * p.largest)
    history = merged(of, reach, beyond, False, terms, factors, postponed, sums)
    return Rounded(value, without_nan(noise), square, p, history)


def at_most(errors: Array, most: Any, x: Rounded) -> Array:
    """Errors of a function of x whose results are no farther apart than `most`.

    Where nothing is known of x it may be NaN, of which every function makes NaN, however narrow its range.
    """
    capped = np.fmin(errors, most)
    made: Array = np.where(x.unknown, np.inf, capped) if x.unknown.any() else capped
    return made


def sizes_in(kind: DTypeLike, x: Array) -> Array:
    """How large numbers are, in an array of their own: blocks of columns are slow to go over."""
    made: Array = x.astype(kind)
    return np.abs(made, out=made)


def without_nan(errors: Array) -> Array:
    """Infinity for NaN. To look for one costs a fifth of replacing it."""
    return np.fmin(errors, np.inf) if math.isnan(errors.max(initial=0)) else errors


def not_negative(x: Array) -> Array:
    """Zero for what is below zero. To look for it costs a fifth of replacing it."""
    return x if x.min(initial=0) >= 0 else np.maximum(x, 0)
