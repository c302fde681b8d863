"""One number of what a layer computes, worked out from those that it is made of, under the layers' own names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from rnnverify.layers.activations import ACTIVATIONS, MIXING
from rnnverify.lessons.places import Element, aligned, reduced, source
from rnnverify.recording.gates import gate_word
from rnnverify.recording.names import names_noted
from rnnverify.recording.recorded import Recorded
from rnnverify.results.explained import Formula, Working

SIGNS = {
    np.add: "+",
    np.subtract: "-",
    np.multiply: "*",
    np.divide: "/",
    np.power: "**",
    np.greater: ">",
    np.greater_equal: ">=",
    np.less: "<",
    np.less_equal: "<=",
    np.equal: "=",
    np.not_equal: "!=",
}
OVER = {"sum": "sum", "mean": "mean", "max": "largest", "min": "smallest", "any": "any", "all": "all"}
MOST_LINES = 60
HEAD, TAIL = 8, 4  # terms of a sum that are kept, at its beginning and at its end
T = TypeVar("T")


class Lesson:
    """The lines that work out some numbers, each once, after those that it needs."""

    def __init__(self) -> None:
        self.lines: list[Working] = []
        self.done: dict[tuple[int, tuple[int, ...]], str] = {}
        self.read: list[Element] = []  # of what was given
        self.gates: list[Element] = []
        self.bodies: dict[int, Recorded] = {}  # of functions in which the units of an activation are mixed

    def work_out(self, element: Element, name: str = "", says: str = "") -> float:
        """Add the lines that end in this number; a number that is only moved there is given its line by that name."""
        at = self.place_of(element)
        if isinstance(at, Element) and (at.node.order, at.where) in self.done and not name:
            return element.value
        formula = self.formula_of(at)
        own = name or (title(at) if isinstance(at, Element) else "")
        if not (name and formula.kind == "given" and formula.text == name):
            said = says or (words_of(at.node) if isinstance(at, Element) else "")
            self.lines.append(Working(own, said, formula, element.value))
        if isinstance(at, Element):
            if at.node.gate is not None:
                self.gates.append(at)
            self.done[at.node.order, at.where] = own
        return element.value

    def place_of(self, element: Element) -> Element | float:
        """Where the number was made: what only moves it is passed over."""
        at: Element | float = element
        while isinstance(at, Element):
            before = source(at)
            if before is None:
                if at.node.made_by.kind == "given":
                    self.read.append(at)
                return at
            at = before
        return at

    def part(self, x: Any, index: tuple[int, ...]) -> Formula:
        """An operand: one number of a recorded value, or a plain one."""
        if not isinstance(x, Recorded):
            array = np.asarray(x)
            value = float(array[aligned(index, array.shape)])
            return Formula("given", "", value)
        at = self.place_of(Element(x, aligned(index, x.shape)))
        if not isinstance(at, Element):
            return Formula("given", "", at)
        if at.node.made_by.kind == "given":
            return Formula("given", title(at), at.value)
        key = at.node.order, at.where
        if key in self.done:
            return Formula("given", self.done[key], at.value)
        if named(at.node) and len(self.lines) < MOST_LINES:
            self.work_out(at)
            return Formula("given", self.done[key], at.value)
        return self.formula_of(at)

    def formula_of(self, at: Element | float) -> Formula:
        """How a number was made."""
        if not isinstance(at, Element):
            return Formula("given", "", at)
        node, index = at
        kind, what = node.made_by
        if kind == "ufunc":
            return self.of_ufunc(what, at)
        if kind == "activation":
            return self.of_activation(what, at)
        name = what if kind == "method" else getattr(what, "__name__", "")
        if name in OVER:
            read = list(reduced(node, index))
            parts = tuple(self.seen(one) for one in ends_of(read))
            return Formula(OVER[name], "", at.value, parts, max(0, len(read) - HEAD - TAIL))
        if what is np.where:
            condition, yes, no = node.args
            told = self.seen_in(condition, index)
            part = self.part(yes if told.value else no, index)
            return Formula("chosen", told.text, at.value, (part, told))
        if what is np.clip:
            return Formula("call", "clip", at.value, tuple(self.part(one, index) for one in node.args))
        if what in (np.ones_like, np.zeros_like):
            return Formula("given", "", at.value)
        return Formula("given", title(at), at.value)

    def of_ufunc(self, ufunc: np.ufunc, at: Element) -> Formula:
        node, index = at
        if ufunc is np.matmul:
            return self.products(at)
        parts = tuple(self.part(one, index) for one in node.args)
        if ufunc in SIGNS:
            return Formula("operator", SIGNS[ufunc], at.value, parts)
        if ufunc is np.negative:
            return Formula("before", "-", at.value, parts)
        return Formula("call", ufunc.__name__.split(" ")[0], at.value, parts)

    def of_activation(self, function: Any, at: Element) -> Formula:
        """An activation of one number; one that mixes units is opened."""
        name = next((name for name, one in ACTIVATIONS.items() if one is function), function.__name__)
        (x,) = at.node.args
        if function not in MIXING:
            return Formula("call", name, at.value, (self.part(x, at.where),))
        if at.node.order not in self.bodies:
            with names_noted():
                self.bodies[at.node.order] = function.__wrapped__(x)
        return self.formula_of(Element(self.bodies[at.node.order], at.where))

    def products(self, at: Element) -> Formula:
        """An inner product."""
        left, right = at.node.args
        *batch, row, column = at.where if right.ndim > 1 else (*at.where, 0)
        terms = left.shape[-1]
        ours = [(*batch, row, k) for k in range(terms)] if left.ndim > 1 else [(k,) for k in range(terms)]
        theirs = [(*batch, k, column) for k in range(terms)]
        left_out = max(0, terms - HEAD - TAIL)
        firsts = tuple(self.seen_in(left, index) for index in ends_of(ours))
        seconds = tuple(self.seen_in(right, index) for index in ends_of(theirs))
        name = f"{together(firsts)} . {together(seconds)}"
        return Formula("products", name, at.value, (*firsts, *seconds), left_out)

    def seen_in(self, x: Any, index: tuple[int, ...]) -> Formula:
        if isinstance(x, Recorded):
            return self.seen(Element(x, aligned(index, x.shape)))
        array = np.asarray(x)
        return Formula("given", "", float(array[aligned(index, array.shape)]))

    def seen(self, element: Element) -> Formula:
        """One of many numbers: its name, and no line of its own."""
        at = self.place_of(element)
        if not isinstance(at, Element):
            return Formula("given", "", at)
        return Formula("given", self.done.get((at.node.order, at.where)) or title(at), at.value)


def ends_of(terms: Sequence[T]) -> Sequence[T]:
    """The terms, without those in the middle where there are many."""
    return terms if len(terms) <= HEAD + TAIL else [*terms[:HEAD], *terms[-TAIL:]]


def named(node: Recorded) -> bool:
    """Whether the layers have a name for a value."""
    return any(name.own and name.text.strip("_") for name in node.names)


def title(at: Element) -> str:
    """`x[0, 3, 1]`; a value without a name is called by nothing."""
    node, index = at
    if node.made_by.kind == "given":
        name = str(node.made_by.what)
    else:
        own = [name.text for name in node.names if name.own and name.text.strip("_")]
        own += [name.text for name in node.names if name.text.strip("_")]
        if not own:
            return ""
        name = own[0]
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def words_of(node: Recorded) -> str:
    """What a value is, in words."""
    if node.gate is not None:
        return gate_word(*node.gate)
    return node.says


def together(parts: Sequence[Formula]) -> str:
    """Numbers along an axis, as `kernel[:, 2]`; nothing where they have no name in common."""
    first, last = parts[0].text, parts[-1].text
    name, _, index = first.partition("[")
    other, _, to = last.partition("[")
    if not index or name != other:
        return "" if len(parts) > 1 else first
    pairs = zip(index.rstrip("]").split(", "), to.rstrip("]").split(", "), strict=False)
    return f"{name}[{', '.join(one if one == end else ':' for one, end in pairs)}]"
