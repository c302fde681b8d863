"""What engines make of models, as tables: a row for each kind, a cell for each engine, and what the cells mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from textwrap import fill
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.engines import Cell

COLUMNS, WIDTH, LINE = 6, 15, 120
VARYING = re.compile(r"_?\d+(?:_\d+)*|0x[0-9a-f]+|/tmp/\S+")
LONGEST = 300  # characters of a reason


class Reasons:
    """Reasons, each with a short name: those that differ in numbers alone are one."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], tuple[str, str]] = {}

    def name(self, what: str, why: str) -> str:
        key = what, VARYING.sub("#", why)
        short = "wrong" if what == "wrong" else what.split()[0]
        if key not in self.known:
            number = 1 + sum(name.startswith(f"{short} ") for name, _ in self.known.values())
            self.known[key] = f"{short} {number}", why
        return self.known[key][0]

    def lines(self) -> Iterator[str]:
        for name, why in sorted(self.known.values(), key=lambda one: (one[0].split()[0], int(one[0].split()[1]))):
            told = why.partition(" Stack backtrace:")[0][:LONGEST]
            yield fill(f"{name:<12}{told}", LINE, subsequent_indent=12 * " ")


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
