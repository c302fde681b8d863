"""The array type, and the outcome of comparing two of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from rnnverify.layers.arrays import Array
from rnnverify.rounding.history import BLANK, History
from rnnverify.rounding.precision import LARGEST, Precision


class Rounded(NDArrayOperatorsMixin):
    """An array of values with, for each, a worst-case bound and a variance of its absolute error.

    What came before is in its history, which never changes: an operation makes new numbers, with one of their own.
    """

    __slots__ = ("bound", "history", "precision", "value", "variance")

    def __init__(
        self, value: Array, bound: Array, variance: Array, precision: Precision, history: History = BLANK
    ) -> None:
        self.value = value
        self.bound = bound
        self.variance = variance
        self.precision = precision
        self.history = history

    @classmethod
    def exact(cls, value: Array, precision: Precision) -> Any:
        """Numbers that both sides have exactly: what was fed in, or what the other side emitted. But see `unread`.

        They stand in for a plain array wherever the replay takes one, hence the type.
        """
        value = np.asarray(value, dtype=np.float64)
        size = np.abs(value)
        bound = variance = np.broadcast_to(np.float64(0), value.shape)
        if size.min(initial=np.inf) < precision.unread and np.any((size < precision.unread) & (size > 0)):
            bound = np.where(size < precision.unread, size, 0)
            variance = bound * bound
        ended = not size.max(initial=0) <= LARGEST  # the other side's range, already
        return cls(value, bound, variance, precision, History(beyond=True) if ended else BLANK)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def ndim(self) -> int:
        return self.value.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.value.dtype

    @property
    def inexact(self) -> bool:
        """Whether it may be off at all."""
        return bool(self.bound.any())

    @property
    def unknown(self) -> Array:
        """Of which nothing is known: the other side may have any number, infinity, or NaN."""
        found: Array = np.isinf(self.bound) & np.isinf(self.variance)
        return found

    @property
    def beyond(self) -> bool:
        """Whether the other side's range may have ended on the way to some of the numbers."""
        return self.history.beyond

    def off_by(self, bound: Array, variance: Array) -> Rounded:
        """The same numbers with other errors."""
        return Rounded(self.value, bound, variance, self.precision, self.history)

    def __len__(self) -> int:
        return len(self.value)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        """The values alone, a copy: for code that asks for a plain array, as one that writes into it must."""
        return np.array(self.value, dtype=dtype)

    def __getitem__(self, index: Any) -> Rounded:
        return self.mapped(lambda part: part[index])

    def reshape(self, *shape: Any) -> Rounded:
        return self.mapped(lambda part: part.reshape(*shape))

    def astype(self, dtype: Any) -> Rounded:
        return self  # the value stays float64: the other side's precision is in the error, not in the value

    def mapped(self, function: Callable[[Array], Array]) -> Rounded:
        """The same rearrangement of all parts."""
        return Rounded(
            function(self.value),
            function(self.bound),
            function(self.variance),
            self.precision,
            self.history.moved(function, self.shape),
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return operations().of_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return operations().of_function(function, args, kwargs)


@cache
def operations() -> Any:
    """The module that looks operations up. They know this type: none can be imported before it."""
    from rnnverify.rounding import dispatch

    return dispatch


@dataclass(frozen=True)
class Unsure:
    """The outcome of a comparison: true or false, and where the other side may find the opposite."""

    value: Array
    unsure: Array  # where that is possible
    likely: Array  # where a few standard deviations suffice for it

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return self.value

    def sum(self, axis: int, out: None = None, keepdims: bool = False) -> Unsure:
        """How many are true; and how many of those counted may turn out otherwise. NumPy's sum comes here."""
        return Unsure(*(np.sum(part, axis=axis, keepdims=keepdims) for part in (self.value, self.unsure, self.likely)))

    def __sub__(self, number: int) -> Unsure:
        return Unsure(self.value - number, self.unsure, self.likely)
