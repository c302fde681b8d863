"""Tables that fit: columns are left out, put under others, or wrapped at words; a number is never cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rich.box import Box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from rnnverify.report.parts import ASCII, FURTHER_IN, WORD, Line, in_pieces, wrapped
from rnnverify.text import cleaned

LEAST = 12  # columns that a cell of words has at least, and a name that is broken
EASY = 25  # columns in which words are easily read
RULE = Box("    \n    \n ── \n    \n    \n    \n    \n    \n")
PLAIN_RULE = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        heading: what stands above it.
        right: its cells are numbers, which stand at the right.
        words: its cells may wrap between words; all others stay whole.
    """

    heading: str
    right: bool = False
    words: bool = False

    def drawn(self, cell: Sequence[str], width: int) -> str:
        """A cell in the lines that fit."""
        if self.words:
            return "\n".join(text for line in cell for text in wrapped(line, width, further_in(cell)))
        return "\n".join(text for line in cell for text in ([line] if self.right else in_pieces(line, width)))


@dataclass(frozen=True)
class Row:
    """The lines of each cell."""

    cells: tuple[tuple[str, ...], ...]
    style: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        columns: what it has.
        rows: see `row`.
        narrower: what to do, one after the other, where it is too wide: a heading alone leaves that column out, `{"replay":
            "Keras"}` puts one under another.
        folds: columns that do not fit stand in a further table below, with the first one again.
        broken: names may be broken.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    narrower: tuple[str | Mapping[str, str], ...] = ()
    folds: bool = False
    broken: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        signs: Mapping[int, str] = ASCII if options.ascii_only else {}
        for part in self.fitting(options.max_width):
            yield part.drawn(options.max_width, signs) if isinstance(part, Table) else part

    def fitting(self, width: int) -> Iterator[Table | Line | RenderableType]:
        """What is shown in so many columns."""
        table, left_out = self, []
        for step in self.narrower:
            if isinstance(step, str) and step in table.headings and table.least() > width:
                table = table.without(step)
                left_out.append(step)
            elif not isinstance(step, str) and table.least(EASY) > width:
                for lower, upper in step.items():
                    table = table.stacked(lower, upper)
        if table.least() > width:
            table = replace(table, broken=True)
        if self.folds:
            yield from table.folded(width)
        elif table.least() <= width:
            yield table
        else:
            yield from self.listed(width)
            left_out = []
        if left_out:
            yield Line(f"left out for want of width: {', '.join(left_out)}", style="dim", indent=1)

    def least(self, words: int = LEAST) -> int:
        """The narrowest that it can be, if cells of words have so many columns."""
        return sum(self.least_of(index, words) for index in range(len(self.columns))) + len(self.columns)

    def natural_of(self, index: int) -> int:
        lines = (line for row in self.rows for line in row.cells[index])
        return max(map(cell_len, [*self.columns[index].heading.split("\n"), *lines]))

    def least_of(self, index: int, words: int = LEAST) -> int:
        natural = self.natural_of(index)
        if not self.columns[index].words:
            return min(natural, LEAST) if self.broken and not self.columns[index].right else natural
        longest = 0
        for cell in (row.cells[index] for row in self.rows):
            found = (word for line in cell for word in WORD.findall(line))
            longest = max([longest, *(cell_len(word.rstrip()) + further_in(cell) for word in found)])
        return max(cell_len(self.columns[index].heading), min(natural, max(longest, words)))

    def widths(self, width: int) -> list[int]:
        """How wide each column is: what is to spare goes to the narrowest of those that could use it."""
        found = [self.least_of(index) for index in range(len(self.columns))]
        natural = [self.natural_of(index) for index in range(len(self.columns))]
        spare = width - len(found) - sum(found)
        while spare > 0 and (wanting := [index for index, own in enumerate(found) if own < natural[index]]):
            found[min(wanting, key=lambda index: found[index])] += 1
            spare -= 1
        return found

    def drawn(self, width: int, signs: Mapping[int, str]) -> RenderableType:
        """As rich draws it, with a blank line above and a blank at the left."""
        widths = self.widths(width)
        made = RichTable(
            box=PLAIN_RULE if signs else RULE, show_edge=False, pad_edge=False, padding=0, collapse_padding=True
        )
        for column, own in zip(self.columns, widths, strict=True):
            made.add_column(Text(column.heading), justify="right" if column.right else "left", width=own)
        for row in self.rows:
            cells = (column.drawn(cell, own) for column, cell, own in zip(self.columns, row.cells, widths, strict=True))
            made.add_row(*(Text(cell.translate(signs)) for cell in cells), style=row.style or None)
        return Padding(made, (1, 0, 0, 1), expand=False)

    def without(self, heading: str) -> Table:
        """The table, less one column; the same if there is none of that name."""
        return self.of([index for index, own in enumerate(self.headings) if own != heading])

    @property
    def headings(self) -> list[str]:
        """By which columns are known: of several that stand under each other, the first one's."""
        return [column.heading.split("\n")[0] for column in self.columns]

    def of(self, kept: Sequence[int]) -> Table:
        """These columns of it."""
        rows = (replace(row, cells=tuple(row.cells[index] for index in kept)) for row in self.rows)
        return replace(self, columns=tuple(self.columns[index] for index in kept), rows=tuple(rows))

    def stacked(self, lower: str, upper: str) -> Table:
        """The table with one column put under another: both headings, both cells."""
        if lower not in self.headings or upper not in self.headings:
            return self
        above, below = self.headings.index(upper), self.headings.index(lower)
        columns, rows = list(self.columns), []
        columns[above] = replace(columns[above], heading=f"{columns[above].heading}\n{lower}")
        for row in self.rows:
            cells = list(row.cells)
            cells[above] = (*cells[above], *cells[below])
            rows.append(replace(row, cells=tuple(cells)))
        return replace(self, columns=tuple(columns), rows=tuple(rows)).of(
            [index for index in range(len(columns)) if index != below]
        )

    def folded(self, width: int) -> Iterator[Table]:
        """Tables of as many columns as fit, one after the other, each with the first one."""
        kept = [0]
        for index in range(1, len(self.columns)):
            if len(kept) > 1 and self.of([*kept, index]).least() > width:
                yield self.of(kept)
                kept = [0]
            kept.append(index)
        yield self.of(kept)

    def listed(self, width: int) -> Iterator[RenderableType]:
        """Each row as a list of its fields, one below the other."""
        heading = max(cell_len(column.heading) for column in self.columns)
        for row in self.rows:
            made = RichTable(box=None, show_header=False, padding=(0, 1, 0, 0), pad_edge=False)
            made.add_column(style="dim", width=heading)
            made.add_column()
            for column, cell in zip(self.columns, row.cells, strict=True):
                made.add_row(Text(column.heading), Text(column.drawn(cell, width - heading - 2)))
            yield Padding(made, (1, 0, 0, 1), expand=False)


def further_in(cell: Sequence[str]) -> int:
    """How far in the rest of a line stands that is broken: where there are several, it must not look like one of them."""
    return FURTHER_IN if len(cell) > 1 else 0


def row(*cells: str | Sequence[str], style: str = "") -> Row:
    """A row; a cell is a text, or several lines of text."""
    lines = ([cell] if isinstance(cell, str) else cell for cell in cells)
    return Row(tuple(tuple(map(cleaned, cell)) for cell in lines), style)
