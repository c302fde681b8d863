"""Random expressions and nasty numbers; and whether what another side makes of them lies within the bound."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb

from rnnverify.layers.activations import ACTIVATIONS, ERF
from rnnverify.rounding import PRECISIONS, Rounded
from tests.rounding.other_side import ARITHMETICS, Drawn, Given, One, Other, Plan, Same, Setting

ROWS = 6
NASTY = [0.0, -0.0, 5e-324, 1e-310, 1e-300, 1e-45, 1e-40, 1e-38, 1e-30, 6e-8, 6e-5, 1e-3, 0.5, 1.0, 3.0, 6.0, 9.0, 20.0]
NASTY += [
    1 + 2.0**-23,
    1 - 2.0**-24,
    1 + 2.0**-7,
    88.0,
    103.0,
    255.0,
    709.5,
    745.0,
    800.0,
    2048.0,
    6e4,
    1e30,
    3e38,
    1e300,
]
ALONG_ROWS = {"softmax", "log_softmax", "sparsemax"}
ELEMENTWISE = sorted(set(ACTIVATIONS) - ALONG_ROWS)

Expression = Callable[..., Any]


@dataclass(frozen=True)
class Named:
    """An expression and the operation that it ends with."""

    name: str
    of: Expression


UNARY: dict[str, Expression] = {
    "negative": lambda x: -x,
    "absolute": np.abs,
    "tanh": np.tanh,
    "exp": np.exp,
    "log": lambda x: np.log(np.abs(x)),
    "sqrt": lambda x: np.sqrt(np.abs(x)),
    "erf": ERF,
    "sigmoid": ACTIVATIONS["sigmoid"],
    "square": lambda x: x**2,
    "clip": lambda x: np.clip(x, -0.5, 3),
    "sum": lambda x: np.sum(x, axis=-1, keepdims=True),
    "max": lambda x: np.max(x, axis=-1, keepdims=True),
    "softmax": ACTIVATIONS["softmax"],
    "log_softmax": ACTIVATIONS["log_softmax"],
}
BINARY: dict[str, Expression] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "logaddexp": np.logaddexp,
}
COMPARISONS: list[Expression] = [np.greater, np.greater_equal, np.less, np.less_equal]
CONSTANTS = [0, 1, -1, 2, 6, 0.5, 0.25, -4.0, 2.0**-20, 0.1, 1.0507009873554805, 1e-30]


def expression(rng: np.random.Generator, depth: int, width: int, dtype: str) -> Named:
    """A random expression in three arrays (ROWS, width)."""
    if depth == 0 or rng.random() < 0.1:
        place = int(rng.integers(3))
        return Named("input", lambda *inputs: inputs[place])
    x, y, z = (expression(rng, depth - 1, width, dtype) for _ in range(3))
    draw = rng.random()
    if draw < 0.35:
        name = str(rng.choice(list(BINARY)))
        function, constant = BINARY[name], CONSTANTS[rng.integers(len(CONSTANTS))]
        if rng.random() < 0.3 and name != "logaddexp":
            return Named(name, lambda *inputs: function(x.of(*inputs), constant))
        return Named(name, lambda *inputs: function(x.of(*inputs), y.of(*inputs)))
    if draw < 0.65:
        name = str(rng.choice(list(UNARY)))
        function = UNARY[name]
    elif draw < 0.85:
        name = str(rng.choice(ELEMENTWISE))
        function = ACTIVATIONS[name]
    elif draw < 0.93:
        compare = COMPARISONS[rng.integers(len(COMPARISONS))]
        threshold = CONSTANTS[rng.integers(9)]  # numbers that every precision holds
        return Named("where", lambda *inputs: np.where(compare(x.of(*inputs), threshold), y.of(*inputs), z.of(*inputs)))
    elif draw < 0.97:
        name, weights = "matmul", numbers(rng, (width, width), dtype)
        return Named(name, lambda *inputs: (x.of(*inputs) + 0 * inputs[0]) @ weights)  # its full width again
    else:
        return pre_activation(rng, width, dtype)
    return Named(name, lambda *inputs: function(x.of(*inputs)))


def pre_activation(rng: np.random.Generator, width: int, dtype: str) -> Named:
    """Inner products of one or two inputs, and a bias, or two, added in any order."""
    kernel, recurrent_kernel = (numbers(rng, (width, width), dtype) for _ in range(2))
    bias, recurrent_bias = (numbers(rng, (width,), dtype) for _ in range(2))
    forms: list[Expression] = [
        lambda x, y, z: x @ kernel + bias,
        lambda x, y, z: x @ kernel + y @ recurrent_kernel,
        lambda x, y, z: (x @ kernel + bias) + y @ recurrent_kernel,
        lambda x, y, z: bias + (x @ kernel + y @ recurrent_kernel),
        lambda x, y, z: (x @ kernel + bias) + (y @ recurrent_kernel + recurrent_bias),
        lambda x, y, z: (x @ kernel + bias) + z * (y @ recurrent_kernel + recurrent_bias),
    ]
    return Named("pre-activation", forms[int(rng.integers(len(forms)))])


def numbers(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Any:
    """Numbers that the precision holds: ordinary ones, very large and small ones, and places where something bends."""
    held = ARITHMETICS[dtype].dtype
    ordinary = rng.normal(size=shape) * 10.0 ** rng.choice([-3, -1, 0, 0, 0, 1, 2])
    nasty = rng.choice(NASTY, shape) * rng.choice([-1, 1], shape)
    with np.errstate(over="ignore"):
        values = np.where(rng.random(shape) < 0.3, nasty, ordinary).astype(held).astype(np.float64)
    values[~np.isfinite(values)] = 1.0
    return np.where(np.abs(values) < PRECISIONS[dtype].unread, 0.0, values)


def inputs_of(rng: np.random.Generator, width: int, dtype: str) -> list[Any]:
    x, y, z = (numbers(rng, (ROWS, width), dtype) for _ in range(3))
    near = np.nextafter(x, np.inf, dtype=np.float64) if dtype == "float64" else x
    return [x, np.where(rng.random(x.shape) < 0.2, near, y), np.where(rng.random(x.shape) < 0.2, -x, z)]


@dataclass
class Finding:
    """How the other side's results compare with what was claimed, over all that was tried."""

    trials: int = 0
    results: int = 0  # numbers that were compared
    unbounded: int = 0  # of these, such as were claimed to be within infinity
    operations: int = 0  # of the elements of one evaluation
    escapes: int = 0
    malformed: int = 0  # bounds or variances that are NaN or negative
    misplaced: int = 0  # values further from the exact result than float64's own rounding
    in_single: int = 0  # numbers whose errors were claimed in float32, too
    worst: float = 0.0  # |true - value| / bound

    def __add__(self, more: Finding) -> Finding:
        summed = [getattr(self, name) + getattr(more, name) for name in COUNTS]
        return Finding(*summed, worst=max(self.worst, more.worst))

    @property
    def clean(self) -> bool:
        return self.escapes == self.malformed == self.misplaced == 0


COUNTS = ("trials", "results", "unbounded", "operations", "escapes", "malformed", "misplaced", "in_single")


def claim(function: Expression, inputs: list[Any], dtype: str, single: bool = False) -> Any:
    precision = dataclasses.replace(PRECISIONS[dtype], single=single)
    given = [Rounded.exact(x, precision) for x in inputs]
    if single:
        given = [x.off_by(*(error.astype(np.float32) for error in (x.bound, x.variance))) for x in given]
    with np.errstate(all="ignore"):
        return function(*given)


def other_side(function: Expression, inputs: list[Any], dtype: str, plan: Plan, order: Any = None) -> Other:
    setting = Setting(ARITHMETICS[dtype], plan, order)
    result = function(*(Other.of(x, setting) for x in inputs))
    assert isinstance(result, Other)
    return result


def adversary(function: Expression, inputs: list[Any], dtype: str, rng: np.random.Generator) -> Iterator[Plan]:
    """Errors that add up: each operation's sign is that of its own effect on one column of the result."""
    undisturbed = Plan()
    exact = other_side(function, inputs, dtype, undisturbed)
    column = int(rng.integers(exact.shape[-1]))
    found = []
    for operation, shape in enumerate(undisturbed.shapes):
        signs = np.zeros(shape)
        for place in np.ndindex(shape[1:]):
            moved = other_side(function, inputs, dtype, One(operation, place))
            for row in range(shape[0]):
                signs[(row, *place)] = direction(moved.data[row % ROWS, column] - exact.data[row % ROWS, column])
            if shape[0] == 1:  # a constant: its error is every row's
                signs[(0, *place)] = direction(moved.data[0, column] - exact.data[0, column])
        found.append(signs)
    yield Given(found)
    yield Given([-signs for signs in found])


def direction(change: arb) -> float:
    return -1.0 if change < 0 else 1.0


def slack_of(dtype: str) -> float:
    """float64's own rounding beside that of the other side, twice 2^-53 to u; in float64 the unit counts both."""
    return 1 + (1e-12 if dtype == "float64" else 2.0**-52 / ARITHMETICS[dtype].unit)


def check(function: Expression, inputs: list[Any], dtype: str, rng: np.random.Generator, adverse: bool) -> Finding:
    """Compare an expression's claim with other sides of all kinds."""
    exact = other_side(function, inputs, dtype, Plan())
    finding = Finding(1, operations=sum(exact.setting.counts.values()))
    claims = [claim(function, inputs, dtype), claim(function, inputs, dtype, single=True)]
    if claims[1].bound.dtype == np.float32:
        finding.in_single = int(np.prod(claims[1].shape))
    else:  # the numbers are not of an ordinary size
        claims.pop()
    for ours in claims:
        finding.malformed += int(np.sum(~((ours.bound >= 0) & (ours.variance >= 0))))
        finding.malformed += int(not ours.bound.shape == ours.variance.shape == ours.value.shape)
    finding.misplaced = compare(claim(function, inputs, "float64"), exact, 1 + 1e-12).escapes
    plans: list[tuple[Plan, Any]] = [
        (Same(1.0), None),
        (Same(-1.0), None),
        (Drawn(rng, True), rng),
        (Drawn(rng, False), rng),
    ]
    if adverse:
        plans += [(plan, None) for plan in adversary(function, inputs, dtype, rng)]
    for plan, order in plans:
        other = other_side(function, inputs, dtype, plan, order)
        for ours in claims:
            finding += compare(ours, other, slack_of(dtype))
    return finding


def compare(ours: Any, other: Other, slack: float) -> Finding:
    """Where both are finite, whether the other side is within the bound. Anything else has no claim made about it."""
    finding = Finding()
    assert other.shape == ours.value.shape
    for value, bound, true in zip(ours.value.flat, ours.bound.flat, other.data.flat, strict=True):
        if not math.isfinite(value) or not true.is_finite():
            continue
        finding.results += 1
        finding.unbounded += int(bound == math.inf)
        if bound < math.inf:
            error = abs(true - arb(float(value)))
            finding.escapes += not error <= arb(float(bound)) * slack
            if bound > 0:
                finding.worst = max(finding.worst, float((error / arb(float(bound))).mid()))
    return finding


def trial(seed: tuple[int, ...], dtype: str) -> tuple[str, Finding]:
    """One random expression on random numbers: what it ends with, and what was found."""
    rng = np.random.default_rng(seed)
    width, depth = int(rng.integers(1, 4)), int(rng.choice([1, 2, 3, 4, 5, 6], p=[0.3, 0.3, 0.2, 0.14, 0.04, 0.02]))
    made = expression(rng, depth, width, dtype)
    return made.name, check(made.of, inputs_of(rng, width, dtype), dtype, rng, adverse=depth < 4 and rng.random() < 0.5)
