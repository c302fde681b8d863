"""How a result shows itself: as the tables that the command prints, in a terminal and in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import singledispatch

from rnnverify.report import blind, comparison, explained, traced, vectors
from rnnverify.report.html import html
from rnnverify.report.lines import outcome_table, summary_line
from rnnverify.report.markdown import markdown
from rnnverify.report.parts import Line
from rnnverify.report.screen import plain, width_of
from rnnverify.report.sweep_table import render_sweep
from rnnverify.report.table import render
from rnnverify.report.tables import Table
from rnnverify.results import (
    BlindSpots,
    CheckResult,
    Comparison,
    Diagnosis,
    Explanation,
    NumpyScript,
    SweepResult,
    Trace,
    Vectors,
    Verification,
)
from rnnverify.results.shown import Shown


@singledispatch
def parts_of(result: Shown) -> Iterator[Line | Table]:
    """The lines and tables of a result."""
    raise TypeError(f"no report shows a {type(result).__name__}")


@parts_of.register
def _(result: Verification) -> Iterator[Line | Table]:
    yield from render(result)


@parts_of.register
def _(result: BlindSpots) -> Iterator[Line | Table]:
    yield from blind.render(result)


@parts_of.register
def _(result: CheckResult) -> Iterator[Line | Table]:
    yield outcome_table(result.outcomes)
    yield summary_line(result.outcomes)


@parts_of.register
def _(result: SweepResult) -> Iterator[Line | Table]:
    yield from render_sweep(result)


@parts_of.register
def _(result: Comparison) -> Iterator[Line | Table]:
    yield from comparison.render(result)


@parts_of.register
def _(result: Diagnosis) -> Iterator[Line | Table]:
    if result.verdict == "mismatch":
        yield from comparison.lines_of(result)
    else:
        yield Line(result.verdict)


@parts_of.register
def _(result: Trace) -> Iterator[Line | Table]:
    yield from traced.shapes(result)


@parts_of.register
def _(result: Vectors) -> Iterator[Line | Table]:
    yield from vectors.render(result)


@parts_of.register
def _(result: Explanation) -> Iterator[Line | Table]:
    yield from explained.render(result)


@parts_of.register
def _(result: NumpyScript) -> Iterator[Line | Table]:
    yield Line(f"{result.spec}: written to {result.path}, and its arrays to {result.arrays}")


def text_of(result: Shown) -> str:
    """A result as plain text, as wide as what Python prints on, in signs that it has."""
    return plain(parts_of(result), width_of(sys.stdout), getattr(sys.stdout, "encoding", None) or "utf-8")


def markdown_of(result: Shown) -> str:
    """A result as Markdown for a notebook, with its formulas set."""
    return markdown(parts_of(result))


def html_of(result: Shown) -> str:
    """A result as HTML for a notebook; a trace with its pictures, where what draws them is installed."""
    if isinstance(result, Trace) and result.walks:
        from rnnverify.report.page.traces import drawn_in_notebook

        with suppress(ImportError):
            return f'<div class="rnnverify">{drawn_in_notebook(result)}\n{html(parts_of(result))}</div>'
    return html(parts_of(result))
