"""Comparisons and what masks are made of, under the names and options of Keras's operations. Nothing of it rounds.

Numbers are compared as they are: what may be off by rounding is on the side where its value is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rnnverify.layers.array_functions import axes_of
from rnnverify.layers.arrays import Array, numbers_of
from rnnverify.observation.precision import LARGEST, rounded


def plain(x: Any) -> Array:
    """The numbers alone. Keras makes a tensor in float32 of a number before it is compared, whatever it is compared with."""
    return rounded(np.asarray(x), "float32") if isinstance(x, float) else numbers_of(x)


def comparison(function: np.ufunc) -> Callable[[Any, Any], Array]:
    def compared(x1: Any, x2: Any) -> Array:
        made: Array = function(plain(x1), plain(x2))
        return made

    return compared


def truth(x: Any) -> Array:
    """Whether each number is another than zero."""
    made: Array = plain(x) != 0
    return made


def any_of(x: Any, axis: Any = None, keepdims: bool = False) -> Array:
    made: Array = np.any(truth(x), axis=tuple(axes_of(x, axis)), keepdims=keepdims)
    return made


def all_of(x: Any, axis: Any = None, keepdims: bool = False) -> Array:
    made: Array = np.all(truth(x), axis=tuple(axes_of(x, axis)), keepdims=keepdims)
    return made


def cast(x: Any, into: str) -> Array:
    """Whole numbers and truth values as others, and any number as a truth value."""
    if into == "bool":
        return truth(x)
    x = plain(x)
    if x.dtype.kind not in "iub" and len(x):  # of no samples only the shape is asked for
        raise ValueError(f"numbers that may round are cast to {into}")
    return rounded(x.astype(np.float64), into) if into in LARGEST else x.astype(into)


def filled(like: Callable[..., Any]) -> Callable[..., Any]:
    """np.ones_like, or np.zeros_like: of the numbers only the shape counts."""

    def made(x: Any, into: str | None = None) -> Any:
        dtype: Any = np.bool_ if into == "bool" else np.float64
        return like(x) if x.dtype == dtype else like(x, dtype=dtype)

    return made


COMPARISONS: Mapping[str, Callable[..., Any]] = {
    "Equal": comparison(np.equal),
    "NotEqual": comparison(np.not_equal),
    "Greater": comparison(np.greater),
    "GreaterEqual": comparison(np.greater_equal),
    "Less": comparison(np.less),
    "LessEqual": comparison(np.less_equal),
    "LogicalAnd": lambda x1, x2: truth(x1) & truth(x2),
    "LogicalOr": lambda x1, x2: truth(x1) | truth(x2),
    "LogicalXor": lambda x1, x2: truth(x1) ^ truth(x2),
    "LogicalNot": lambda x: ~truth(x),
    "Any": any_of,
    "All": all_of,
    "Cast": cast,
    "OnesLike": filled(np.ones_like),
    "ZerosLike": filled(np.zeros_like),
}
