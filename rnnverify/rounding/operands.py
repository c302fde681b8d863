"""What an operation asks of its operands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.rounding.history import BLANK, History
from rnnverify.rounding.numbers import Rounded
from rnnverify.rounding.precision import Precision


def precision_of(operands: Sequence[Any]) -> Precision:
    """Of one operand or two, of which one is rounded."""
    found: Precision = (operands[0] if isinstance(operands[0], Rounded) else operands[1]).precision
    return found


def history_of(x: Any) -> History:
    return x.history if isinstance(x, Rounded) else BLANK


def parts(x: Any, p: Precision) -> tuple[Any, Any, Any]:
    """Value, bound and variance. A plain array is exact, and so is a number in the code that the other side can hold."""
    if isinstance(x, Rounded):
        return x.value, x.bound, x.variance
    if type(x) is float and math.isfinite(x):
        error = abs(x) if abs(x) < p.smallest else p.unit * abs(x)
        if abs(x) < p.smallest or not (math.frexp(x)[0] / p.unit).is_integer():
            return x, error, error**2 / 3
    return x, 0.0, 0.0


def nothing_or(errors: Any) -> Any:
    """0.0 for the errors of exact numbers, which share one zero: found without a pass over them."""
    one_for_all = isinstance(errors, np.ndarray) and errors.size > 0 and not any(errors.strides)
    return 0.0 if one_for_all and errors.flat[0] == 0 else errors


def farthest(x: Rounded) -> Array:
    """How far x may be off where all is right."""
    far: Array = np.minimum(x.precision.limit * np.sqrt(x.variance), x.bound)
    return far
