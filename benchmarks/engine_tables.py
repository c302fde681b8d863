"""What engines make of models, as tables: a row for each kind, a cell for each engine, and what the cells mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from textwrap import fill
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.engines import Cell

COLUMNS, WIDTH, LINE = 6, 17, 130
VARYING = re.compile(r"""\"[^"]*\"|_?\d+(?:_\d+)*|/tmp/\S+""")  # names of nodes, numbers, paths
NOTHING = re.compile(
    r"Exception from \S+ | Stack backtrace:.*|/\S*/site-packages/|/tmp/\w+/"
)  # of a reason, what says nothing
LONGEST, TELLING = 300, 150  # characters of a reason: that are shown, and that make two reasons the same


class Reasons:
    """Reasons, each with a short name: those that differ in numbers and names alone are one."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], tuple[str, int, str]] = {}

    def name(self, what: str, why: str) -> str:
        told, short = NOTHING.sub("", why), what.split()[0]
        key = short, VARYING.sub("#", told)[:TELLING]
        number = 1 + sum(one == short for one, _, _ in self.known.values())
        short, number, _ = self.known.setdefault(key, (short, number, told))
        return f"{short} {number}"

    def lines(self) -> Iterator[str]:
        for short, number, told in sorted(self.known.values()):
            yield fill(f"{f'{short} {number}':<12}{told[:LONGEST]}", LINE, subsequent_indent=12 * " ")


def in_tables(cells: Sequence[Cell], kinds: Sequence[str], engines: Sequence[str]) -> Iterator[str]:
    """The lines of all tables."""
    yield "ok: the largest error of all seeds, and its share of the limit; others by number, see below"
    reasons = Reasons()
    for start in range(0, len(engines), COLUMNS):
        some = engines[start : start + COLUMNS]
        yield ""
        heads = [engine.partition(", ") for engine in some]
        yield f"{'':<28}" + "".join(f"{head:<{WIDTH}}" for head, _, _ in heads).rstrip()
        yield f"{'':<28}" + "".join(f"{rest:<{WIDTH}}" for _, _, rest in heads).rstrip()
        for kind in kinds:
            own = [[one for one in cells if (one.kind, one.engine) == (kind, engine)] for engine in some]
            yield f"{kind:<28}" + "".join(f"{shown(one, reasons):<{WIDTH}}" for one in own).rstrip()
        counts = [[one.what == "ok" for one in cells if one.engine == engine] for engine in some]
        right = [f"{sum(own)} of {len(own)}" for own in counts]
        yield f"{'ok, of all models':<28}" + "".join(f"{count:<{WIDTH}}" for count in right).rstrip()
    yield ""
    yield from reasons.lines()


def summary(cells: Sequence[Cell], engines: Sequence[str]) -> Iterator[str]:
    """A line for each engine, as the page on exports has it: how many models are right and wrong, and how many refused."""
    yield "| engine | right | wrong | refused |"
    yield "|---|---|---|---|"
    for engine in engines:
        own = [one.what for one in cells if one.engine == engine]
        counts = sum(what == "ok" for what in own), sum(what == "wrong" for what in own)
        yield f"| {engine} | {counts[0]} | {counts[1]} | {len(own) - sum(counts)} |"


def shown(cells: Sequence[Cell], reasons: Reasons) -> str:
    """One cell of all seeds."""
    others = [one for one in cells if one.what != "ok"]
    if not cells:
        return "-"
    if not others:
        error, share = max(one.error or 0.0 for one in cells), max(one.ratio or 0.0 for one in cells)
        return f"ok {error:.0e} {share:.2f}"
    names = list(dict.fromkeys(reasons.name(one.what, one.why) for one in others))
    first = names[0] + ("+" if names[1:] else "")
    return first if len(others) == len(cells) else f"{first} ({len(others)} of {len(cells)})"
