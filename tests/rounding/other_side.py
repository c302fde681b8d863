"""Another side: it evaluates the same expression in Arb, and makes after every operation an error that a plan chooses.

Arb (python-flint) is ball arithmetic with proven enclosures; at 320 bits its own radius is nothing beside any error here.
What an operation may do is written down anew: its exact result r becomes r + s (k u |r| + smallest) for an s in [-1, 1],
where k is 1 for arithmetic and each partial sum, and what FUNCTION_ULPS names for a library's functions. Beyond
float64's range there is infinity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
from flint import arb, ctx
from numpy.lib.mixins import NDArrayOperatorsMixin

from rnnverify.layers.activations import ERF

ctx.prec = 320

INFINITY, NOTHING = arb.pos_inf(), arb(0)
LARGEST = arb(float(np.finfo(np.float64).max))
ULPS = {np.tanh: 7, np.exp: 8, np.log: 8, np.sqrt: 2, ERF: 8}
SOFTPLUS_ULPS = 8


@dataclass(frozen=True)
class Arithmetic:
    """What the other side computes in."""

    dtype: Any
    unit: float
    smallest: float
    operands: float = 0.0


ARITHMETICS = {
    "float64": Arithmetic(np.float64, 2.0**-53, 2.0**-1022),
    "float32": Arithmetic(np.float32, 2.0**-24, 2.0**-126),
    "float16": Arithmetic(np.float16, 2.0**-11, 2.0**-14),
    "bfloat16": Arithmetic(ml_dtypes.bfloat16, 2.0**-8, 2.0**-126),
}


class Plan:
    """Which error each operation makes: s in [-1, 1], for the operations in the order in which they come."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def choose(self, shape: tuple[int, ...], terms: int = 1) -> Any:
        """The s of the next operation: one for each element and, last, for each of its partial results."""
        self.shapes.append(shape)
        return np.broadcast_to(self.signs(len(self.shapes) - 1, (*shape, terms)), (*shape, terms))

    def signs(self, operation: int, shape: tuple[int, ...]) -> Any:
        """None at all, unless a kind of plan says otherwise."""
        return np.zeros(shape)


class Same(Plan):
    """Every error as large as may be, and all one way."""

    def __init__(self, sign: float) -> None:
        super().__init__()
        self.sign = sign

    def signs(self, operation: int, shape: tuple[int, ...]) -> Any:
        return np.full(shape, self.sign)


class Drawn(Plan):
    """Errors drawn at random: as large as may be, or any."""

    def __init__(self, rng: np.random.Generator, extreme: bool) -> None:
        super().__init__()
        self.rng, self.extreme = rng, extreme

    def signs(self, operation: int, shape: tuple[int, ...]) -> Any:
        return self.rng.choice([-1.0, 1.0], shape) if self.extreme else self.rng.uniform(-1, 1, shape)


class One(Plan):
    """A single operation errs, in one place of each row."""

    def __init__(self, operation: int, place: tuple[int, ...]) -> None:
        super().__init__()
        self.operation, self.place = operation, place

    def signs(self, operation: int, shape: tuple[int, ...]) -> Any:
        signs = np.zeros(shape)
        if operation == self.operation:
            signs[(slice(None), *self.place)] = 1.0
        return signs


class Given(Plan):
    """Errors found beforehand, one array for each operation."""

    def __init__(self, found: list[Any]) -> None:
        super().__init__()
        self.found = found

    def signs(self, operation: int, shape: tuple[int, ...]) -> Any:
        return self.found[operation][..., np.newaxis]


@dataclass
class Setting:
    arithmetic: Arithmetic
    plan: Plan
    order: Any = None  # a generator that shuffles the terms of sums, and says where products are fused into them
    counts: dict[str, int] = field(default_factory=dict)


class Other(NDArrayOperatorsMixin):
    """An array of Arb's numbers on the other side."""

    def __init__(self, data: Any, setting: Setting) -> None:
        self.data, self.setting = data, setting

    @classmethod
    def of(cls, values: Any, setting: Setting) -> Other:
        return cls(as_arb(values), setting)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.data.shape)

    @property
    def dtype(self) -> Any:
        return np.dtype(np.float64)

    def astype(self, dtype: Any) -> Other:
        return self

    def __getitem__(self, index: Any) -> Other:
        return Other(self.data[index], self.setting)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        assert method == "__call__", method
        setting = self.setting
        if ufunc is np.matmul:
            return product(setting, *inputs)
        if ufunc is np.power:
            assert inputs[1] == 2
            ufunc, inputs = np.multiply, (inputs[0], inputs[0])
        exact, ulps = OPERATIONS[ufunc]
        arrays = [operand(x, setting) for x in inputs]
        result = np.frompyfunc(exact, len(arrays), 1)(*arrays)
        setting.counts[ufunc.__name__] = setting.counts.get(ufunc.__name__, 0) + result.size
        if ulps is None:
            return Outcome(result) if ufunc in COMPARISONS else Other(result, setting)
        floor = 0.0
        if ufunc is np.logaddexp:  # by way of 1 + e^x: some u of 1 where the result is tiny
            floor = SOFTPLUS_ULPS * setting.arithmetic.unit
        if ufunc is np.multiply and (scales := [abs(x) for x in inputs if power_of_two(x)]):
            return Other(result if min(scales) >= 1 else underflowing(setting, result), setting)
        return Other(erring(setting, result, ulps, floor), setting)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return FUNCTIONS[function](self.setting, *args, **kwargs) if function in FUNCTIONS else NotImplemented


@dataclass
class Outcome:
    """What a comparison found."""

    data: Any

    def sum(self, axis: int, out: None = None, keepdims: bool = False) -> Any:
        return np.sum(self.data.astype(int), axis=axis, keepdims=keepdims)


def as_arb(values: Any) -> Any:
    return np.frompyfunc(lambda x: arb(float(x)), 1, 1)(np.atleast_1d(values))


def power_of_two(x: Any) -> bool:
    return isinstance(x, int | float) and x != 0 and abs(arb(x).man_exp()[0]) == 1


def operand(x: Any, setting: Setting) -> Any:
    """An operand's numbers. One that stands in the code is rounded, unless the other side can hold it."""
    if isinstance(x, Other):
        return x.data
    numbers = as_arb(x)
    if type(x) is float and float(setting.arithmetic.dtype(x)) != x:
        tiny = abs(x) < setting.arithmetic.smallest
        return erring(setting, numbers, 1 / setting.arithmetic.unit if tiny else 1, flush=False)
    return numbers


def erring(setting: Setting, exact: Any, ulps: float, floor: float = 0.0, flush: bool = True) -> Any:
    """Results with the errors that the plan chose."""
    signs = setting.plan.choose(exact.shape)[..., 0]
    scale = ulps * setting.arithmetic.unit
    floor += setting.arithmetic.smallest if flush else 0.0
    return np.frompyfunc(lambda r, s: err(r, s, scale, floor), 2, 1)(exact, signs)


def underflowing(setting: Setting, exact: Any) -> Any:
    """Exact results, but for those so small that they may be lost."""
    smallest, signs = setting.arithmetic.smallest, setting.plan.choose(exact.shape)[..., 0]
    lose = np.frompyfunc(lambda r, s: err(r, s, 0.0, smallest) if abs(r) < smallest else r, 2, 1)
    return lose(exact, signs)


def err(r: arb, s: float, scale: float, floor: float) -> arb:
    if not r.is_finite():
        return r
    if s:
        r += arb(s) * (abs(r) * scale + floor)
    return r if abs(r) <= LARGEST else (INFINITY if r > 0 else -INFINITY)


def exponential(x: arb) -> arb:
    return INFINITY if x > 1000 else x.exp()


def log_of_sum(x: arb, y: arb) -> arb:
    most, gap = x.max(y), abs(x - y)
    return most + (-gap).exp().log1p() if gap < 1e6 else most  # also where the gap is NaN


def quotient(x: arb, y: arb) -> arb:
    return NOTHING if x.is_finite() and y in (INFINITY, -INFINITY) else x / y


def bounded(function: Callable[[arb], arb]) -> Callable[[arb], arb]:
    """A function that is 1 at infinity, and odd."""
    return lambda x: arb(1) if x == INFINITY else arb(-1) if x == -INFINITY else function(x)


def logarithm(x: arb) -> arb:
    return -INFINITY if x == 0 else INFINITY if x == INFINITY else x.log()


def compared(holds: Callable[[arb, arb], bool]) -> Callable[[arb, arb], bool | None]:
    """A comparison; with NaN it is undefined here, so that nothing is expected of what follows from it."""
    return lambda x, y: None if x.is_nan() or y.is_nan() else holds(x, y)


COMPARISONS = {
    np.greater: compared(lambda x, y: x > y),
    np.greater_equal: compared(lambda x, y: x >= y),
    np.less: compared(lambda x, y: x < y),
    np.less_equal: compared(lambda x, y: x <= y),
}

OPERATIONS: dict[Any, tuple[Callable[..., Any], float | None]] = {
    np.add: (lambda x, y: x + y, 1),
    np.subtract: (lambda x, y: x - y, 1),
    np.multiply: (lambda x, y: x * y, 1),
    np.divide: (quotient, 1),
    np.negative: (lambda x: -x, None),
    np.absolute: (abs, None),
    np.maximum: (lambda x, y: x.max(y), None),
    np.minimum: (lambda x, y: x.min(y), None),
    np.tanh: (bounded(arb.tanh), ULPS[np.tanh]),
    np.exp: (exponential, ULPS[np.exp]),
    np.log: (logarithm, ULPS[np.log]),
    np.sqrt: (lambda x: x.sqrt(), ULPS[np.sqrt]),
    ERF: (bounded(arb.erf), ULPS[ERF]),
    np.logaddexp: (log_of_sum, SOFTPLUS_ULPS),
    **{ufunc: (exact, None) for ufunc, exact in COMPARISONS.items()},
}


def clip(setting: Setting, x: Other, low: float, high: float) -> Other:
    return np.minimum(np.maximum(x, low), high)


def where(setting: Setting, condition: Any, x: Any, y: Any) -> Other:
    chosen = condition.data if isinstance(condition, Outcome) else np.asarray(condition)
    pick = np.frompyfunc(lambda c, a, b: arb.nan() if c is None else a if c else b, 3, 1)
    return Other(pick(chosen, operand(x, setting), operand(y, setting)), setting)


def reduced(x: Other, axis: int, keepdims: bool, one: Callable[[tuple[int, ...], list[arb]], arb]) -> Other:
    assert axis in (-1, len(x.shape) - 1)
    result = np.empty(x.shape[:-1], dtype=object)
    for index in np.ndindex(result.shape):
        result[index] = one(index, list(x.data[index]))
    return Other(result[..., np.newaxis] if keepdims else result, x.setting)


def total(setting: Setting, x: Other, axis: int, keepdims: bool = False) -> Other:
    n = x.shape[-1]
    signs = setting.plan.choose((*x.shape[:-1], 1), n)[..., 0, :]
    setting.counts["sum"] = setting.counts.get("sum", 0) + x.data.size
    return reduced(x, axis, keepdims, lambda index, terms: summed(setting, terms, signs[index]))


def summed(setting: Setting, terms: list[arb], signs: Any) -> arb:
    """A sum in some order, every partial sum rounded."""
    if setting.order is not None:
        terms = [terms[k] for k in setting.order.permutation(len(terms))]
    partial = terms[0]
    for term, sign in zip(terms[1:], signs[1:], strict=True):
        partial = err(partial + term, sign, setting.arithmetic.unit, setting.arithmetic.smallest)
    return partial


def product(setting: Setting, x: Any, w: Any) -> Other:
    """Inner products, in some order, with or without fused multiply-adds."""
    weights, n = as_arb(w), w.shape[0]
    arithmetic = setting.arithmetic
    signs = setting.plan.choose((x.shape[0], w.shape[1]), 4 * n)
    result = np.empty((x.shape[0], w.shape[1]), dtype=object)
    setting.counts["matmul"] = setting.counts.get("matmul", 0) + 2 * n * result.size
    for row, column in np.ndindex(result.shape):
        s = signs[row, column]
        order = setting.order.permutation(n) if setting.order is not None else range(n)
        fused = setting.order is not None and bool(setting.order.integers(2))
        partial = NOTHING
        for step, k in enumerate(order):
            term = err(x.data[row, k], s[4 * step], arithmetic.operands, 0.0)
            term *= err(weights[k, column], s[4 * step + 1], arithmetic.operands, 0.0)
            if not fused or step == 0:
                term = err(term, s[4 * step + 2], arithmetic.unit, arithmetic.smallest)
            if step:
                term = err(partial + term, s[4 * step + 3], arithmetic.unit, arithmetic.smallest)
            partial = term
        result[row, column] = partial
    return Other(result, setting)


def largest(setting: Setting, x: Other, axis: int, keepdims: bool = False) -> Other:
    def most(index: tuple[int, ...], terms: list[arb]) -> arb:
        found = terms[0]
        for term in terms[1:]:
            found = found.max(term)
        return found

    return reduced(x, axis, keepdims, most)


def sort(setting: Setting, x: Other, axis: int) -> Other:
    ordered = [sorted(x.data[index]) for index in np.ndindex(x.shape[:-1])]
    return Other(np.array(ordered, dtype=object).reshape(x.shape), setting)


def running_sum(setting: Setting, x: Other, axis: int) -> Other:
    signs = setting.plan.choose(x.shape)[..., 0]
    result = x.data.copy()
    for k in range(1, x.shape[-1]):
        step = np.frompyfunc(lambda r, s: err(r, s, setting.arithmetic.unit, setting.arithmetic.smallest), 2, 1)
        result[..., k] = step(result[..., k - 1] + x.data[..., k], signs[..., k])
    return Other(result, setting)


def take(setting: Setting, x: Other, index: Any, axis: int) -> Other:
    return Other(np.take_along_axis(x.data, index, axis), setting)


FUNCTIONS = {
    np.sort: sort,
    np.cumsum: running_sum,
    np.take_along_axis: take,
    np.clip: clip,
    np.where: where,
    np.sum: total,
    np.max: largest,
}
