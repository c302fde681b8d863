"""How a result shows itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult


class Shown:
    """A result that shows itself as its report does, in a terminal, under rich and in a notebook.

    The reports know the results; here alone a result knows its report, and only when it is looked at.
    """

    def __repr__(self) -> str:
        from rnnverify.report.display import text_of

        return text_of(self)

    def _repr_html_(self) -> str:
        from rnnverify.report.display import html_of

        return html_of(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rnnverify.report.display import parts_of

        yield from parts_of(self)


class Formulated(Shown):
    """A result with formulas: a notebook sets them in Markdown, and not everywhere in HTML (Colab does not)."""

    _repr_html_ = None  # type: ignore[assignment]

    def _repr_markdown_(self) -> str:
        from rnnverify.report.display import markdown_of

        return markdown_of(self)
