"""Formulas: in names and in numbers, as text for a terminal and as LaTeX for a notebook."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from rnnverify.report.parts import Line, Piece
from rnnverify.results.explained import Formula

MOST = 6  # products, or terms, that are written out; of more the middle is left out
TAIL = 2
MOST_SET = 4  # terms, in a formula that is set
BINDS = {"<": 0, "<=": 0, ">": 0, ">=": 0, "=": 0, "!=": 0, "+": 1, "-": 1, "*": 2, "/": 2, "**": 4}
TIGHTEST = 9
OF_SETS = ("sum", "mean", "largest", "smallest", "any", "all")
OF_LATEX = {
    "sigmoid": r"\sigma",
    "tanh": r"\tanh",
    "exp": r"\exp",
    "log": r"\log",
    "maximum": r"\max",
    "minimum": r"\min",
}
GREEK = {"candidate": r"\tilde c"}


class SetLine(Line):
    """A line of a formula, which a notebook sets.

    Args:
        pieces, indent, further_in: as of any line.
        latex: the formula; empty of a line that goes on with the one before it, whose formula has all.
        said: what it is, in words.
    """

    def __init__(
        self, *pieces: Piece, indent: int = 0, further_in: int = 2, latex: str = "", said: Line | None = None
    ) -> None:
        super().__init__(*pieces, indent=indent, further_in=further_in)
        self.latex = latex
        self.said = said


def figures(x: float) -> str:
    """Six figures: what is read, not what is compared."""
    return f"{x:.6g}"


def in_names(formula: Formula) -> str:
    """`x[0, 3, :] . kernel[:, 2] + bias[2]`."""
    text = written(formula, lambda one: one.text or figures(one.value), whole=True)
    if formula.kind == "chosen" and formula.text:
        text += f", as {formula.text} is {'true' if formula.parts[1].value else 'false'}"
    return text


def in_numbers(formula: Formula) -> str:
    """`0.5 x 0.1 + 0.25 x -0.3 + 0.05`."""
    return written(formula, lambda one: figures(one.value), whole=False)


def written(formula: Formula, number: Callable[[Formula], str], whole: bool, least: int = 0) -> str:
    """A formula, with its numbers as `number` has them.

    Args:
        whole: whether sums of products are written by the names of what is multiplied.
        least: how tightly it has to bind, or stand in brackets.
    """

    def inside(part: Formula, binds: int = 0) -> str:
        return written(part, number, whole, binds)

    kind, parts = formula.kind, formula.parts
    if kind == "operator":
        binds = BINDS[formula.text]
        sign = formula.text
        left, right = inside(parts[0], binds), inside(parts[1], binds + 1)
        text = signed([left, right[1:-1]]) if minus(formula, right) else f"{left} {sign} {right}"
        return f"({text})" if binds < least else text
    if kind == "before":
        return f"-{inside(parts[0], BINDS['*'])}"
    if kind == "call":
        return f"{formula.text}({', '.join(map(inside, parts))})"
    if kind == "products":
        if whole and not formula.text.startswith(" .") and not formula.text.endswith(". "):
            return f"({formula.text})" if least > BINDS["*"] else formula.text
        text = signed(
            elided([f"{one}*{in_brackets(other)}" for one, other in pairs_of(formula, number)], formula.left_out)
        )
        return f"({text})" if least > BINDS["+"] else text
    if kind in OF_SETS:
        return f"{kind}({', '.join(elided([inside(part) for part in parts], formula.left_out))})"
    if kind == "chosen":
        return inside(parts[0], least)
    text = number(formula)
    return f"({text})" if text.startswith("-") and least > BINDS["+"] else text


def minus(formula: Formula, right: str) -> bool:
    """Whether a negative number is added, which people write as a subtraction."""
    return formula.text == "+" and formula.parts[1].kind == "given" and right.startswith("(-")


def in_brackets(text: str) -> str:
    """A negative number as a factor."""
    return f"({text})" if text.startswith("-") else text


def signed(terms: Sequence[str]) -> str:
    """A sum: what begins with a minus is taken away."""
    first, *others = terms
    return first + "".join(f" - {term[1:]}" if term.startswith("-") else f" + {term}" for term in others)


def pairs_of(formula: Formula, number: Callable[[Formula], str]) -> list[tuple[str, str]]:
    """The factors of a sum of products."""
    half = len(formula.parts) // 2
    firsts, seconds = formula.parts[:half], formula.parts[half:]
    return [(number(one), number(other)) for one, other in zip(firsts, seconds, strict=True)]


def elided(terms: Sequence[str], left_out: int) -> list[str]:
    """The terms, of which the middle is left out, with how many that are, where there are many."""
    if len(terms) + left_out <= MOST + 1:
        return list(terms)
    more = len(terms) + left_out - MOST
    return [*terms[: MOST - TAIL], f"... {more} more ...", *terms[-TAIL:]]


def in_latex(formula: Formula, names: bool, least: int = 0) -> str:
    """A formula as LaTeX, in names or in numbers."""

    def inside(part: Formula, binds: int = 0) -> str:
        return in_latex(part, names, binds)

    kind, parts = formula.kind, formula.parts
    if kind == "operator":
        return operator(formula, inside, least)
    if kind == "before":
        return f"-{inside(parts[0], BINDS['*'])}"
    if kind == "call":
        name = OF_LATEX.get(formula.text) or rf"\mathrm{{{escaped(formula.text)}}}"
        return rf"{name}\left({', '.join(map(inside, parts))}\right)"
    if kind == "products":
        first, _, second = formula.text.partition(" . ")
        if names and first and second:
            return rf"{name_in_latex(first)} \cdot {name_in_latex(second)}"
        pairs = pairs_of(formula, lambda one: number_in_latex(one.value))
        text = signed(shortened([rf"{one} \cdot {enclosed(other)}" for one, other in pairs], formula.left_out))
        return rf"\left({text}\right)" if least > BINDS["+"] else text
    if kind in OF_SETS:
        return (
            rf"\mathrm{{{kind}}}\left({', '.join(shortened([inside(part) for part in parts], formula.left_out))}\right)"
        )
    if kind == "chosen":
        return inside(parts[0], least)
    if names and formula.text:
        return name_in_latex(formula.text)
    text = number_in_latex(formula.value)
    return enclosed(text) if least > BINDS["+"] else text


def operator(formula: Formula, inside: Callable[[Formula, int], str], least: int) -> str:
    """Two parts, with an operator between them."""
    binds, (left, right) = BINDS[formula.text], formula.parts
    if formula.text == "/":
        return rf"\frac{{{inside(left, 0)}}}{{{inside(right, 0)}}}"
    if formula.text == "**":
        return rf"{inside(left, TIGHTEST)}^{{{inside(right, 0)}}}"
    sign = {"*": r"\cdot", "<=": r"\le", ">=": r"\ge", "!=": r"\ne"}.get(formula.text, formula.text)
    one, other = inside(left, binds), inside(right, binds + 1)
    added = formula.text == "+" and right.kind == "given" and other.startswith(r"\left(-")
    text = signed([one, inside(right, 0)]) if added else f"{one} {sign} {other}"
    return rf"\left({text}\right)" if binds < least else text


def shortened(terms: Sequence[str], left_out: int) -> list[str]:
    """The terms, of which a notebook shows fewer than a terminal: its lines do not wrap."""
    if len(terms) <= MOST_SET + 1:  # what is left out already is more
        return list(terms)
    more = len(terms) + left_out - MOST_SET
    return [*terms[: MOST_SET - 1], rf"\underbrace{{\ldots}}_{{{more}\text{{ more}}}}", terms[-1]]


def number_in_latex(x: float) -> str:
    """`-1.5 \\cdot 10^{-8}`."""
    mantissa, _, exponent = figures(x).partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa


def enclosed(text: str) -> str:
    """A negative number as a factor."""
    return rf"\left({text}\right)" if text.startswith("-") else text


def name_in_latex(name: str) -> str:
    """`h_before[0, 2]` as h with `before` above and 0, 2 below."""
    found = re.fullmatch(r"(\w+?)(_before)?(?:\[(.*)\])?", name)
    if found is None:
        return rf"\text{{{escaped(name)}}}"
    base, before, index = found.groups()
    made = GREEK.get(base) or (base if len(base) == 1 else rf"\mathrm{{{escaped(base)}}}")
    above = r"^{\,\text{before}}" if before else ""
    below = rf"_{{{index}}}" if index else ""
    return f"{made}{above}{below}"


def escaped(text: str) -> str:
    """Text that means nothing to LaTeX."""
    return re.sub(r"([\\{}$&#^_%~])", lambda found: {"\\": r"\backslash "}.get(found[1], "\\" + found[1]), text)
