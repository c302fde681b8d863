"""Results that show themselves: as the tables, in a terminal and in a notebook."""

from __future__ import annotations

from dataclasses import dataclass, fields
from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console

from rnnverify.report.table import render
from rnnverify.results import Verification

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderResult

WIDTH = 120  # of the tables in text; a notebook scrolls


@dataclass(frozen=True, repr=False)
class Shown(Verification):
    """A Verification whose repr is its tables, and which rich and notebooks render."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from render(self)

    def __repr__(self) -> str:
        console = Console(file=StringIO(), width=WIDTH, highlight=False)
        with console.capture() as capture:
            console.print(self)
        return capture.get()

    def _repr_html_(self) -> str:
        console = Console(file=StringIO(), width=WIDTH, record=True, highlight=False)
        console.print(self)
        return console.export_html(inline_styles=True, code_format='<pre style="line-height: normal">{code}</pre>')


def shown(result: Verification) -> Shown:
    """The same result, able to show itself."""
    return Shown(**{field.name: getattr(result, field.name) for field in fields(Verification)})
