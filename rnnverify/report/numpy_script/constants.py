"""Plain arrays, such as the places of windows, as NumPy expressions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from rnnverify.errors import UnsupportedError

MOST = 64  # numbers of an array that is written out
NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.])")
CALLS, ADDS = 8, 4  # how tightly they bind, see `expressions`


def constant(array: np.ndarray[Any, Any], size: Callable[[int], str]) -> tuple[str, int]:
    """An array, and how tightly the expression's operator binds.

    Args:
        size: how the size of a first axis is written.

    Raises:
        UnsupportedError: it is too large, and follows no rule.
    """
    if array.ndim == 0:
        only = array.item()
        return number(only), CALLS if not isinstance(only, int | float) or only >= 0 else ADDS
    first, *rest = array.shape
    shape = f"({', '.join([size(first), *map(str, rest)])}{',' * (not rest)})"
    if not array.size or (array == array.flat[0]).all():
        return filled(array.flat[0].item() if array.size else 0, shape, array.dtype), CALLS
    if array.dtype == np.bool_ and array.ndim >= 2 and (array == np.tril(np.ones(array.shape, dtype=bool))).all():
        return f"np.tril(np.ones({shape}, dtype=bool))", CALLS
    if array.dtype.kind in "iu" and (rule := by_rule(array)) is not None:
        return rule
    if array.size > MOST:
        raise UnsupportedError(f"an array of {array.size} numbers that is none of its weights")
    return f"np.array({array.tolist()!r})", CALLS


def number(x: Any) -> str:
    """A number as people write it: 1e9, and not 1000000000.0."""
    short = f"{x:.0e}".replace("e+0", "e").replace("e+", "e") if isinstance(x, float) and abs(x) >= 1e5 else ""
    return short if short and float(short) == x else repr(x)


def filled(x: Any, shape: str, dtype: np.dtype[Any]) -> str:
    """An array of one number."""
    if dtype == np.bool_:
        return f"np.{'ones' if x else 'zeros'}({shape}, dtype=bool)"
    if x in (0, 1):
        return f"np.{'ones' if x else 'zeros'}({shape})"
    return f"np.full({shape}, {number(x)})"


def by_rule(array: np.ndarray[Any, Any]) -> tuple[str, int] | None:
    """Whole numbers that go up by a step along each axis: `2 * np.arange(6)[:, np.newaxis] + np.arange(3)`."""
    start = int(array.flat[0])
    terms: list[str] = []
    made = np.full(array.shape, start)
    for axis, size in enumerate(array.shape):
        if size == 1:
            continue
        origin: list[Any] = [0] * array.ndim
        origin[axis] = 1
        step = int(array[tuple(origin)]) - start
        steps = np.arange(size) * step
        made = made + steps.reshape([size if other == axis else 1 for other in range(array.ndim)])
        if step:
            before = "np.newaxis, " * (0 if terms else axis)
            behind = ", np.newaxis" * (array.ndim - 1 - axis)
            text = f"np.arange({size})" + (f"[{before}:{behind}]" if before or behind else "")
            terms.append(text if step == 1 else f"{step} * {text}")
    if not (made == array).all() or not terms:
        return None
    text = " + ".join(terms) + (f" + {start}" if start > 0 else f" - {-start}" if start < 0 else "")
    return text, CALLS if len(terms) == 1 and not start and "*" not in text else ADDS


def split_at_numbers(text: str) -> tuple[list[str], list[str]]:
    """The words between the whole numbers of a text, and those."""
    return NUMBER.split(text), NUMBER.findall(text)
