"""Reports as Markdown for a notebook: there formulas are set, as they are not in HTML everywhere (not in Colab)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rnnverify.report.formulas import SetLine
from rnnverify.report.parts import Line
from rnnverify.report.tables import Table

SIGNS = re.compile(r"^[-+=]|^\s+|[\\`*_{}\[\]#|~$^<>&\"']")  # what means something in Markdown, HTML or formulas


def markdown(parts: Iterable[Line | Table]) -> str:
    """One text."""
    made = (table_text(part) if isinstance(part, Table) else line_text(part) for part in parts)
    return "\n\n".join(text for text in made if text)


def line_text(line: Line) -> str:
    """A paragraph; of a formula the formula, and what it is in words."""
    if isinstance(line, SetLine):
        words = line_text(line.said) if line.said is not None else ""
        formula = f"$$ {line.latex} $$" if line.latex else ""
        return "\n\n".join(filter(None, [words, formula]))
    pieces = [f"**{told(text).strip()}**" if "bold" in style else told(text) for text, style in line.pieces]
    text = "".join(pieces).strip()
    return f"**{text}**" if text and "bold" in line.style else text


def table_text(table: Table) -> str:
    """A table of Markdown's."""
    sides = [" ---: " if column.right else " --- " for column in table.columns]
    rows = [[told("; ".join(cell)) for cell in one.cells] for one in table.rows]
    head = [told(column.heading) for column in table.columns]
    return "\n".join([written(head), f"|{'|'.join(sides)}|", *map(written, rows)])


def written(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def told(text: str) -> str:
    """Text that means nothing to Markdown, HTML or what sets formulas."""
    return SIGNS.sub(lambda found: f"&#{ord(found[0])};" if found[0].strip() else " ", text)
