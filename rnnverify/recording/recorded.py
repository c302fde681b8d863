"""The array type: numbers that know by which operation they came about, from which others, and what the layers call them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from rnnverify.errors import UnsupportedError
from rnnverify.layers.arrays import Array

ORDER = count()


class Name(NamedTuple):
    """What a function called a value, with what its line says of it."""

    text: str
    own: bool  # whether the function made it so; otherwise it was handed in under that name
    comment: str


class Op(NamedTuple):
    """An operation: a ufunc, a function of NumPy's, an activation, a method, an index; a part of one that makes several."""

    kind: str  # given, ufunc, numpy, activation, method, item, part, loop
    what: Any = None


@dataclass(frozen=True)
class Place:
    """A variable in an index, such as the t of `x[:, t]`."""

    name: str
    value: int


class Recorded(NDArrayOperatorsMixin):
    """An array (N, ...) with how it came about. Its numbers are those of a call that was really made."""

    __slots__ = ("args", "gate", "made_by", "names", "numbers_", "options", "order", "says")

    def __init__(self, numbers: Any, made_by: Op, args: Sequence[Any] = (), options: Mapping[str, Any] | None = None):
        self.numbers_: Any = numbers
        self.made_by = made_by
        self.args = tuple(args)
        self.options = dict(options or {})
        self.names: list[Name] = []
        self.order = next(ORDER)
        self.says = ""  # what it is, in words
        self.gate: tuple[int, int] | None = None  # which of how many gates

    @classmethod
    def given(cls, name: str, numbers: Any, says: str = "") -> Any:
        """A value that comes from outside, under a name. It stands in for a plain array, hence the type."""
        made = cls(np.asarray(numbers), Op("given", name))
        made.says = says
        return made

    @property
    def value(self) -> Array:
        found: Array = self.numbers_
        return found

    @property
    def numbers(self) -> Recorded:
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def ndim(self) -> int:
        return self.value.ndim

    @property
    def size(self) -> int:
        return self.value.size

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.value.dtype

    def named(self, name: str) -> Recorded:
        """The same, called so before all else."""
        self.names.insert(0, Name(name, True, ""))
        return self

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Recorded]:
        return (self[index] for index in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.value)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        raise UnsupportedError(
            "its numbers are taken out of NumPy's operations, as by np.asarray, so none can be written"
        )

    def __getitem__(self, index: Any) -> Recorded:
        value = self.value[plain(index)]
        if value.shape == self.shape and all(whole(one) for one in (index if isinstance(index, tuple) else (index,))):
            return self
        return Recorded(value, Op("item"), (self, index))

    def reshape(self, *shape: Any) -> Recorded:
        made = self.value.reshape(*shape)
        return self if made.shape == self.shape else Recorded(made, Op("method", "reshape"), (self, made.shape))

    def astype(self, dtype: Any) -> Recorded:
        if self.dtype == np.dtype(dtype):
            return self
        return Recorded(self.value.astype(dtype), Op("method", "astype"), (self, np.dtype(dtype)))

    def min(self, **options: Any) -> Recorded:
        return self.method("min", options)

    def max(self, **options: Any) -> Recorded:
        return self.method("max", options)

    def sum(self, **options: Any) -> Recorded:
        return self.method("sum", options)

    def method(self, name: str, options: Mapping[str, Any]) -> Recorded:
        return Recorded(np.asarray(getattr(self.value, name)(**options)), Op("method", name), (self,), options)

    def walked(self, walk: Any) -> Any:
        """A walk through time over this as its input; see `walks`."""
        from rnnverify.recording.walks import walked  # it knows this type

        return walked(walk)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options.get("out") is not None:
            return NotImplemented
        if (simple := simplified(ufunc, inputs)) is not None:
            return simple
        return Recorded(np.asarray(ufunc(*map(plain, inputs), **options)), Op("ufunc", ufunc), inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if hasattr(function, "__wrapped__") and function.__module__.startswith("rnnverify"):
            return Recorded(function(*plain(args)), Op("activation", function), args)
        if getattr(np, function.__name__, None) is not function:
            raise UnsupportedError(f"np.{function.__name__} is not implemented here")
        if function is np.swapaxes and len({axis % args[0].ndim for axis in args[1:]}) == 1:
            return args[0]
        if function is np.concatenate:
            args = ([one for one in args[0] if isinstance(one, Recorded) or one.size], *args[1:])
            if len(args[0]) == 1:
                return args[0][0]
        made = function(*plain(args), **plain(options))
        if not isinstance(made, list | tuple):
            return Recorded(np.asarray(made), Op("numpy", function), args, options)
        whole = Recorded(None, Op("numpy", function), args, options)
        return parts_of(whole, made)


def whole(index: Any) -> bool:
    """Whether an index takes an axis as it is, or leaves some of it out."""
    return index is Ellipsis or (isinstance(index, slice) and index.step in (None, 1))


def parts_of(whole: Recorded, made: Sequence[Any]) -> list[Recorded]:
    """Each of several values that one operation makes."""
    return [Recorded(np.asarray(one), Op("part", index), (whole,)) for index, one in enumerate(made)]


def simplified(ufunc: np.ufunc, inputs: Sequence[Any]) -> Any:
    """What needs no operation: x - x, x + 0, 1 x; None of all else."""
    if ufunc is np.logical_and and inputs[0] is inputs[1]:
        return inputs[0]
    if ufunc is np.subtract and inputs[0] is inputs[1]:
        return 0.0
    for neutral, operation in ((0.0, np.add), (1.0, np.multiply)):
        if ufunc is operation and len(inputs) == 2:
            for one, other in (inputs, inputs[::-1]):
                if isinstance(one, float) and one == neutral and isinstance(other, Recorded):
                    return other
    return None


def plain(x: Any) -> Any:
    """The numbers of arguments, which may stand in lists."""
    return mapped(x, lambda one: one.value)


def mapped(x: Any, function: Callable[[Any], Any]) -> Any:
    """Arguments with each recorded one, and each place in an index, replaced."""
    if isinstance(x, Recorded | Place):
        return function(x)
    if isinstance(x, list | tuple):
        return type(x)(mapped(one, function) for one in x)
    if isinstance(x, dict):
        return {name: mapped(one, function) for name, one in x.items()}
    return x


def operands(node: Recorded) -> Iterator[Recorded]:
    """All recorded values that one was made of."""
    found: list[Recorded] = []

    def noted(one: Any) -> Any:
        if isinstance(one, Recorded):
            found.append(one)
        return one

    mapped([node.args, node.options], noted)
    yield from found
