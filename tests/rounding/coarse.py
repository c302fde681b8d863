"""Numbers in precisions so coarse that every one can be checked by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rnnverify.rounding import Precision, Rounded

COARSE = Precision(unit=1 / 8, smallest=1 / 64)
SQUARE = (1 / 8) ** 2 / 3  # the variance of a rounding of 1
LOST = 1 / 64**2
SHORT = Precision(unit=1 / 1024, smallest=1 / 64, largest=100.0)
INF, NAN = math.inf, math.nan


def rounded(values: Any, bounds: Any = 0.0, variances: Any = 0.0) -> Rounded:
    value = np.atleast_1d(np.asarray(values, dtype=np.float64))
    return Rounded(value, np.zeros_like(value) + bounds, np.zeros_like(value) + variances, COARSE)


def is_about(x: Any, value: float, bound: float, variance: float | None = None) -> None:
    np.testing.assert_allclose(x.value, [value], rtol=1e-14)
    np.testing.assert_allclose(x.bound, [bound], rtol=1e-11)
    if variance is not None:
        np.testing.assert_allclose(x.variance, [variance], rtol=1e-11)


def bound_of(function: Any, *operands: Any) -> float:
    with np.errstate(all="ignore"):
        made = function(*operands)
    assert not np.isnan(made.bound).any()
    assert (made.variance >= 0).all()
    return float(made.bound.item())


def short(value: float) -> Any:
    """A number as the result of an operation, in a precision that ends at 100."""
    return Rounded(np.array([value / 2]), np.zeros(1), np.zeros(1), SHORT) * 2
