"""Recorded values as NumPy expressions, as a person writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rnnverify.errors import UnsupportedError
from rnnverify.layers.activations import ERF
from rnnverify.recording.recorded import Place, Recorded
from rnnverify.report.numpy_script.constants import constant, number, split_at_numbers

# NumPy's ufuncs as operators, with how tightly they bind; a call binds tightest.
COMPARES, OR, XOR, AND, ADDS, MULTIPLIES, NEGATES, RAISES, CALLS = range(9)
OPERATORS: Mapping[np.ufunc, tuple[str, int]] = {
    np.add: ("+", ADDS),
    np.subtract: ("-", ADDS),
    np.multiply: ("*", MULTIPLIES),
    np.divide: ("/", MULTIPLIES),
    np.floor_divide: ("//", MULTIPLIES),
    np.remainder: ("%", MULTIPLIES),
    np.matmul: ("@", MULTIPLIES),
    np.power: ("**", RAISES),
    np.greater: (">", COMPARES),
    np.greater_equal: (">=", COMPARES),
    np.less: ("<", COMPARES),
    np.less_equal: ("<=", COMPARES),
    np.equal: ("==", COMPARES),
    np.not_equal: ("!=", COMPARES),
    np.bitwise_and: ("&", AND),
    np.logical_and: ("&", AND),  # of truth values, as all are here
    np.logical_or: ("|", OR),
    np.bitwise_or: ("|", OR),
    np.bitwise_xor: ("^", XOR),
}
BEFORE: Mapping[np.ufunc, str] = {np.negative: "-", np.invert: "~"}


USUAL = (("keepdims", False),)


class Text(NamedTuple):
    """An expression, and how tightly its last operator binds."""

    text: str
    binds: int = CALLS
    sign: str = ""  # that operator

    def inside(self, least: int) -> str:
        """As an operand of an operator that binds so tightly."""
        return self.text if self.binds >= least else f"({self.text})"


class Expressions:
    """Writes values as expressions of those that have a name.

    Args:
        name: the name of a value, or None of one that is written out.
        samples: how many there are.
        activation: the name of a function for one of the layers' own.
    """

    def __init__(
        self, name: Callable[[Recorded], str | None], samples: int, activation: Callable[[Any, Recorded], str]
    ) -> None:
        self.name = name
        self.samples = samples
        self.activation = activation
        self.counts_samples = False  # whether an N was written

    def write(self, x: Any) -> Text:
        """One value, or a plain argument."""
        if isinstance(x, Recorded):
            known = self.name(x)
            return Text(known) if known is not None else self.made(x)
        if isinstance(x, np.ndarray | np.generic):
            return Text(*constant(np.asarray(x), self.first_axis))
        if isinstance(x, list | tuple):
            return Text(self.listed(x))
        if isinstance(x, np.dtype) and x.kind == "V":
            raise UnsupportedError(f"it rounds to {x.name}, a type that NumPy does not have")
        if isinstance(x, np.dtype) or (isinstance(x, type) and issubclass(x, np.generic)):
            return Text(f"np.{np.dtype(x).name}" if np.dtype(x) != np.bool_ else "bool")
        return Text(number(x), CALLS if not isinstance(x, int | float) or x >= 0 else NEGATES)

    def listed(self, values: Sequence[Any]) -> str:
        """A list or a tuple; as a comprehension where its elements differ in a number that counts up."""
        texts = [self.write(one).text for one in values]
        if isinstance(values, tuple):
            return f"({', '.join(texts)}{',' * (len(texts) == 1)})"
        return counted(texts) or f"[{', '.join(texts)}]"

    def first_axis(self, size: int) -> str:
        """The size of a first axis, which is the samples'."""
        if size != self.samples:
            return str(size)
        self.counts_samples = True
        return "N"

    def made(self, node: Recorded) -> Text:
        """How a value came about."""
        kind, what = node.made_by
        if kind == "ufunc":
            return self.of_ufunc(what, node)
        if kind == "item":
            source, index = node.args
            return Text(f"{self.write(source).inside(CALLS)}[{self.index(index)}]")
        if kind == "method":
            return self.of_method(what, node)
        if kind == "activation":
            return Text(self.call(self.activation(what, node), node.args, {}))
        if kind == "numpy":
            return Text(self.of_numpy(what.__name__, node))
        raise UnsupportedError(f"{kind} stands alone")

    def of_ufunc(self, ufunc: np.ufunc, node: Recorded) -> Text:
        if ufunc in BEFORE:
            (x,) = node.args
            return Text(f"{BEFORE[ufunc]}{self.write(x).inside(NEGATES)}", NEGATES)
        if ufunc in OPERATORS and len(node.args) == 2:
            sign, binds = OPERATORS[ufunc]
            left, right = map(self.write, node.args)
            one_more = binds + 1  # a - (b - c)
            least = one_more if binds in (COMPARES, RAISES) else binds
            if binds == MULTIPLIES and left.sign not in ("", sign) and "@" in (sign, left.sign):
                least = one_more  # (r * h) @ u: Python would not need them, but who reads it does
            return Text(f"{left.inside(least)} {sign} {right.inside(one_more)}", binds, sign)
        name = "np.vectorize(math.erf)" if ufunc is ERF else f"np.{ufunc.__name__}"
        return Text(self.call(name, node.args, node.options))

    def of_numpy(self, name: str, node: Recorded) -> str:
        return self.call(f"np.{name}", node.args, node.options)

    def of_method(self, name: str, node: Recorded) -> Text:
        source, *args = node.args
        on = self.write(source).inside(CALLS)
        if name == "reshape":
            return Text(self.reshaped(on, source.shape, args[0]))
        return Text(self.call(f"{on}.{name}", args, node.options))

    def reshaped(self, on: str, before: tuple[int, ...], after: tuple[int, ...]) -> str:
        """With new axes by np.newaxis where that is all; else by reshape, with N for the samples."""
        for place in range(1, len(before) + 1):
            more = len(after) - len(before)
            if more > 0 and after == before[:place] + (1,) * more + before[place:]:
                return f"{on}[{', '.join([':'] * place + ['np.newaxis'] * more)}]"
        if not after:
            return f"{on}.reshape(())"
        if before[:1] == after[:1] == (self.samples,):
            rest = ["-1"] if len(after) == 2 else [str(size) for size in after[1:]]
            return f"{on}.reshape({', '.join([self.first_axis(after[0]), *rest])})"
        sizes = [str(size) for size in after]
        if len(after) > 1 and after[0] > 1 and 0 not in after:
            sizes[0] = "N" if after[0] == self.samples else "-1"
            self.counts_samples |= after[0] == self.samples
        return f"{on}.reshape({', '.join(sizes)})"

    def call(self, name: str, args: Sequence[Any], options: Mapping[str, Any]) -> str:
        given = [self.write(one).text for one in args]
        given += [f"{key}={self.write(value).text}" for key, value in options.items() if (key, value) not in USUAL]
        return f"{name}({', '.join(given)})"

    def index(self, index: Any) -> str:
        """What stands between the brackets."""
        if isinstance(index, tuple):
            return ", ".join(map(self.index, index)) or "()"
        if isinstance(index, slice):
            parts = ["" if one is None else self.index(one) for one in (index.start, index.stop)]
            return ":".join(parts) + (f":{index.step}" if index.step not in (None, 1) else "")
        if isinstance(index, Place):
            return index.name
        if index is None:
            return "np.newaxis"
        if index is Ellipsis:
            return "..."
        return self.write(index).text


def counted(texts: Sequence[str]) -> str | None:
    """A list whose elements differ in numbers that count up as a comprehension; None of another."""
    if len(texts) < 3:
        return None
    skeletons = [split_at_numbers(text) for text in texts]
    words, first = skeletons[0]
    if any(one[0] != words for one in skeletons):
        return None
    parts = []
    for place, start in enumerate(first):
        steps = [
            int(one[1][place]) - int(start) if start.isdigit() and one[1][place].isdigit() else None
            for one in skeletons
        ]
        if all(step == 0 or one[1][place] == start for step, one in zip(steps, skeletons, strict=True)):
            parts.append(start)
            continue
        step = steps[1]
        if not step or any(one != step * index for index, one in enumerate(steps)):
            return None
        factor = "j" if step == 1 else f"{step} * j"
        parts.append(factor if start == "0" else f"{factor} + {start}")
    text = "".join(word + part for word, part in zip(words, [*parts, ""], strict=True))
    return f"[{text} for j in range({len(texts)})]"
