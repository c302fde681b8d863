"""Errors held in float32: four digits of them would do, and going over them takes half as long.

It holds variances of numbers of an ordinary size alone. An operation that makes others raises `TooFaintError`, and is done once
more with its operands' errors in float64. So nothing is lost but digits, and every bound has room for float32's roundings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.rounding.numbers import Rounded

FAINTEST, LARGEST = 1e-36, 1e36  # variances that float32 holds, with room for what is added to them
ROUNDED = 1 + 2.0**-20  # the roundings of up to 16 operations in float32


class TooFaintError(ArithmeticError):
    """Float32 does not hold some variance; nor may it hold those that it is made of."""


def holds(least: float, most: float) -> bool:
    """Whether float32 holds variances from one to another."""
    return least > FAINTEST and most < LARGEST


def hold(variances: Array) -> None:
    """Raises TooFaintError where they are in float32, and it may have lost some of them."""
    if variances.dtype == np.float32 and not holds(variances.min(initial=1), variances.max(initial=1)):
        raise TooFaintError


def slack(kind: np.dtype[Any]) -> float:
    """The factor that makes up for the roundings of an operation on bounds of a type."""
    return ROUNDED if kind == np.float32 else 1.0


def tried(operation: Callable[..., Any], keeps: bool, *operands: Any, **options: Any) -> Any:
    """An operation.

    Args:
        operation: what is called.
        keeps: whether it knows errors in float32.
        operands: of which some may have them.
        options: of the operation.
    """
    if keeps:
        try:
            return operation(*operands, **options)
        except TooFaintError:
            pass
    return operation(*map(in_float64, operands), **options)


def in_float64(x: Any) -> Any:
    """Numbers with their errors in float64; what has none, as it is."""
    if isinstance(x, list | tuple):
        return type(x)(map(in_float64, x))
    if not isinstance(x, Rounded) or not x.precision.single or x.bound.dtype == x.variance.dtype == np.float64:
        return x
    return x.off_by(x.bound.astype(np.float64), x.variance.astype(np.float64))
