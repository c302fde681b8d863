"""What NumPy calls for a ufunc or a function of Rounded numbers, looked up in the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from rnnverify.rounding.infinity import unknown_beyond
from rnnverify.rounding.numbers import Rounded
from rnnverify.rounding.operands import history_of, precision_of
from rnnverify.rounding.single import tried
from rnnverify.rounding.table import FINITE_AT_INFINITY, FUNCTIONS, KEEP_SINGLE, UFUNCS


def of_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Its result; NotImplemented where the table has no such operation."""
    handler = UFUNCS.get(ufunc) if method == "__call__" else None
    if handler is None or options.get("out") is not None:
        return NotImplemented
    made = tried(partial(handler, precision_of(inputs)), ufunc in KEEP_SINGLE, *inputs, **options)
    if not isinstance(made, Rounded) or not made.beyond or ufunc in FINITE_AT_INFINITY:
        return made
    return unknown_beyond(made, ufunc, inputs) if any(history_of(x).beyond for x in inputs) else made


def of_function(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Its result; NotImplemented where the table has no such function."""
    handler = FUNCTIONS.get(function)
    if handler is None:
        return NotImplemented
    return tried(handler, function in KEEP_SINGLE, *args, **kwargs)
