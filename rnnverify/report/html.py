"""Reports as HTML for a notebook: tables that are tables, in the page's own colours, so that dark pages stay dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from rnnverify.report.parts import Line
from rnnverify.report.tables import Column, Row, Table

# Colours that can be read on white and on black; JupyterLab has its own for either.
COLOURS = {
    "red": "var(--jp-error-color1, #dc4a46)",
    "green": "var(--jp-success-color1, #2f9e4f)",
    "dark_orange3": "var(--jp-warn-color1, #c8791b)",
    "magenta": "#b65fc9",
}
OTHERS = {"bold": "font-weight: bold", "dim": "opacity: 0.7"}
NUMBERS = "font-variant-numeric: tabular-nums; white-space: nowrap"
RULE = "border: none; border-bottom: 1px solid currentColor"


def html(parts: Iterable[Line | Table]) -> str:
    """One block."""
    inside = "\n".join(line_html(part) if isinstance(part, Line) else table_html(part) for part in parts)
    return f'<div class="rnnverify" style="overflow-x: auto; line-height: 1.4">\n{inside}\n</div>'


def line_html(line: Line) -> str:
    if not line.plain.strip():
        return ""
    inside = "".join(
        f"<span{attribute(css(own))}>{escape(text)}</span>" if own else escape(text) for text, own in line.pieces
    )
    margin = f"margin: 0.2em 0 0.2em {line.indent}em; white-space: pre-wrap"
    return f"<p{attribute(margin, css(line.style))}>{inside}</p>"


def table_html(table: Table) -> str:
    """A table with a head and a body."""
    head = "".join(
        f'<th scope="col"{attribute(RULE, aligned(column))}>{escape(column.heading)}</th>' for column in table.columns
    )
    body = "\n".join(f"<tr{attribute(css(row.style))}>{cells_html(row, table.columns)}</tr>" for row in table.rows)
    style = attribute("border-collapse: collapse; margin: 0.5em 0; color: inherit")
    return f"<table{style}>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def cells_html(row: Row, columns: Sequence[Column]) -> str:
    return "".join(
        f"<td{attribute(aligned(column))}>{'<br>'.join(map(escape, cell))}</td>"
        for column, cell in zip(columns, row.cells, strict=True)
    )


def aligned(column: Column) -> str:
    """Said of each cell, as notebooks have rules of their own for tables."""
    side = "right" if column.right else "left"
    return f"text-align: {side}; vertical-align: top; padding: 0.15em 0.8em 0.15em 0; {'' if column.words else NUMBERS}"


def css(style: str) -> str:
    """A style of the terminal's."""
    words = style.split()
    return "; ".join(OTHERS.get(word) or f"color: {COLOURS[word]}" for word in words)


def attribute(*styles: str) -> str:
    given = "; ".join(filter(None, (style.strip("; ") for style in styles)))
    return f' style="{given}"' if given else ""
