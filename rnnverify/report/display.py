"""How a result shows itself: as the tables that the command prints, in a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from io import StringIO

from rich.console import Console, RenderableType

from rnnverify.report import blind, comparison, traced, vectors
from rnnverify.report.lines import outcome_line, summary_line
from rnnverify.report.sweep_table import render_sweep
from rnnverify.report.table import render
from rnnverify.results import BlindSpots, CheckResult, Comparison, Diagnosis, SweepResult, Trace, Vectors, Verification
from rnnverify.results.shown import Shown

WIDTH = 120  # of the tables in text; a notebook scrolls


@singledispatch
def parts_of(result: Shown) -> Iterator[RenderableType]:
    """The lines and tables of a result."""
    raise TypeError(f"no report shows a {type(result).__name__}")


@parts_of.register
def _(result: Verification) -> Iterator[RenderableType]:
    yield from render(result)


@parts_of.register
def _(result: BlindSpots) -> Iterator[RenderableType]:
    yield from blind.render(result)


@parts_of.register
def _(result: CheckResult) -> Iterator[RenderableType]:
    width = max((len(outcome.spec) for outcome in result.outcomes), default=0)
    yield from (outcome_line(outcome, width) for outcome in result.outcomes)
    yield summary_line(result.outcomes)


@parts_of.register
def _(result: SweepResult) -> Iterator[RenderableType]:
    yield from render_sweep(result)


@parts_of.register
def _(result: Comparison) -> Iterator[RenderableType]:
    yield from comparison.render(result)


@parts_of.register
def _(result: Diagnosis) -> Iterator[RenderableType]:
    if result.verdict == "mismatch":
        yield from comparison.lines_of(result)
    else:
        yield result.verdict


@parts_of.register
def _(result: Trace) -> Iterator[RenderableType]:
    yield from traced.shapes(result)


@parts_of.register
def _(result: Vectors) -> Iterator[RenderableType]:
    yield from vectors.render(result)


def text_of(result: Shown) -> str:
    """A result as text."""
    console = Console(file=StringIO(), width=WIDTH, highlight=False)
    with console.capture() as capture:
        console.print(result)
    return capture.get()


def html_of(result: Shown) -> str:
    """A result as HTML for a notebook."""
    console = Console(file=StringIO(), width=WIDTH, record=True, highlight=False)
    console.print(result)
    return console.export_html(inline_styles=True, code_format='<pre style="line-height: normal">{code}</pre>')
