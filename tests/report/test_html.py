"""HTML for notebooks."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from rnnverify.report.html import COLOURS, OTHERS, html
from rnnverify.report.parts import Line
from rnnverify.report.sweep_table import render_sweep
from rnnverify.report.table import STYLES, render
from rnnverify.report.tables import Column, Table, row
from tests.report.by_hand import RIGHT, SMALL, SWEEP, WRONG


class Page(HTMLParser):
    """Reads a page, and knows whether every element is closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.styles: list[str] = []
        self.roots = 0
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("div", "p", "span", "table", "thead", "tbody", "tr", "th", "td", "br")
        assert {name for name, _ in attrs} <= {"style", "class", "scope"}
        self.styles += [value or "" for name, value in attrs if name == "style"]
        if tag == "br":
            return
        self.roots += not self.open
        self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data


def test_a_result_is_one_block_of_tables_that_are_tables() -> None:
    page = Page(html(render(RIGHT)))
    assert page.roots == 1
    layers, outputs = page.tables
    assert layers[0] == ["layer", "class", "weights", "parameters", "output shape"]
    assert layers[1][:2] == ["lstm", "LSTM"]
    assert outputs[1] == ["dense[1]", "3e-08", "2e-09", "4e-08", "0", "5", "-0.25", "-0.25000003", "ok"]
    assert all(len(line) == len(table[0]) for table in page.tables for line in table)
    assert "match: every step is right within rounding, the worst at 0.5 of its limit" in page.text


def test_several_lines_of_a_cell_stay_several() -> None:
    assert "kernel (8, 12)<br>recurrent_kernel (3, 12)<br>bias (12,)" in html(render(RIGHT))


@pytest.mark.parametrize("parts", [list(render(WRONG, verbose=True)), list(render_sweep(SWEEP))])
def test_text_and_background_are_the_pages_own_and_colours_do_for_light_and_dark(parts: list[Line | Table]) -> None:
    styles = "; ".join(Page(html(parts)).styles)
    assert "background" not in styles
    found = set(re.findall(r"(?<![-\w])color: ([^;]+)", styles))
    assert found <= {"inherit", *COLOURS.values()}
    assert found > {"inherit"}


@pytest.mark.parametrize("colour", COLOURS.values())
def test_each_colour_can_be_read_on_white_and_on_black(colour: str) -> None:
    """The contrast of WCAG: 3 for large or bold text, which verdicts are."""
    (text,) = re.findall(r"#[0-9a-f]{6}", colour)

    def luminance(hexadecimal: str) -> float:
        parts = [int(hexadecimal[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    for page in ("#ffffff", "#111111", "#1e1e1e"):
        lighter, darker = sorted([luminance(text), luminance(page)], reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 3.0


def test_every_style_of_the_reports_has_one_in_html() -> None:
    words = {word for style in STYLES.values() for word in style.split()}
    assert words <= COLOURS.keys() | OTHERS.keys()


def test_names_are_text_and_never_elements() -> None:
    evil = "<script>alert(1)</script>\x1b[2J\n::error::x\"'&"
    result = replace(RIGHT, spec=evil, notes=(evil,), outputs=(replace(SMALL, output=evil),))
    page = Page(html(render(result)))
    assert page.text.count("<script>alert(1)</script>\\x1b[2J\\n::error::x\"'&") == 3


def test_an_empty_line_is_none_in_html() -> None:
    assert "<p" not in html([Line(), Table((Column("a"),), (row("1"),))])
