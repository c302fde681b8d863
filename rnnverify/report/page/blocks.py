"""What a page is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from rnnverify.report.page.layout import Layout
from rnnverify.report.parts import Line
from rnnverify.report.tables import Table


@dataclass(frozen=True)
class Heading:
    """A heading, and a sentence below it."""

    kind: ClassVar[str] = "heading"
    text: str
    says: str = ""


@dataclass(frozen=True)
class Words:
    """A line of a report."""

    kind: ClassVar[str] = "words"
    line: Line


@dataclass(frozen=True)
class Facts:
    """Names and what is said of each."""

    kind: ClassVar[str] = "facts"
    facts: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Tabulated:
    """A table of a report."""

    kind: ClassVar[str] = "tabulated"
    table: Table


@dataclass(frozen=True)
class Chart:
    """A chart, drawn when it comes into view."""

    kind: ClassVar[str] = "chart"
    title: str
    spec: Mapping[str, Any]  # Vega-Lite; `var(--name)` stands for a colour of the page
    data: Mapping[str, Sequence[Any]]  # by field, one value for each mark
    form: str = "columns"  # or `cells`, of which the page makes the fields itself
    says: str = ""


@dataclass(frozen=True)
class Beside:
    """Charts next to each other, where there is room."""

    kind: ClassVar[str] = "beside"
    charts: Sequence[Chart]


@dataclass(frozen=True)
class Key:
    """What colours and lines mean."""

    kind: ClassVar[str] = "key"
    entries: Sequence[tuple[str, str]]  # a mark of the style sheet, and words
    gradient: bool = False  # whether the colours of a map are explained as well


@dataclass(frozen=True)
class Drawn:
    """The graph of a model."""

    kind: ClassVar[str] = "drawn"
    layout: Layout


@dataclass(frozen=True)
class Folded:
    """What is shown on demand."""

    kind: ClassVar[str] = "folded"
    summary: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Points:
    """All points of a sweep: charts over any two of its axes, and a table that sorts and filters."""

    kind: ClassVar[str] = "points"
    axes: Sequence[Mapping[str, Any]]
    rows: Sequence[Mapping[str, Any]]
    data: Mapping[str, Any]
    first: Sequence[int]  # the axes that are drawn first: across, and down
    shown: str  # how many of them are on the page


Block = Heading | Words | Facts | Tabulated | Chart | Beside | Key | Drawn | Folded | Points


@dataclass(frozen=True)
class Section:
    """One model, candidate, or sweep."""

    title: str
    verdict: str  # match, mismatch, untested, error
    sentence: str
    about: str = ""  # precision, seed
    blocks: Sequence[Block] = field(default_factory=tuple)
