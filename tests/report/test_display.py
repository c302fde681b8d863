"""A result shows itself: in a Python session, in a terminal, in a notebook."""

from __future__ import annotations

import html
import re
import sys
from dataclasses import replace
from io import BytesIO, StringIO, TextIOWrapper
from typing import Any

import pytest
from rich.console import Console

from rnnverify.report.table import render
from rnnverify.results import Verification
from tests.report.by_hand import PARTED, RIGHT, TOO_FAR, WRONG, lines

every_kind = pytest.mark.parametrize("result", [RIGHT, WRONG, TOO_FAR, PARTED])


@every_kind
def test_its_repr_is_what_run_prints_in_100_columns(result: Verification) -> None:
    assert repr(result) == lines(render(result), width=100)
    assert "\x1b" not in repr(result)


def test_its_repr_has_the_signs_of_what_python_prints_on(monkeypatch: pytest.MonkeyPatch) -> None:
    written = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(written, encoding="ascii"))
    print(replace(RIGHT, spec="größe.yaml"))
    sys.stdout.flush()
    assert b"gr\\xf6\\xdfe.yaml   float32, seed 7" in written.getvalue()


@every_kind
def test_rich_prints_the_same(result: Verification) -> None:
    console = Console(file=StringIO(), width=100, color_system=None)
    console.print(result)
    printed: Any = console.file
    assert "\n".join(line.rstrip() for line in printed.getvalue().splitlines()) == lines(render(result), width=100)


@every_kind
def test_a_notebook_shows_one_block_with_the_same_words(result: Verification) -> None:
    made: Any = result
    block = made._repr_html_()
    text = html.unescape(re.sub("<[^>]*>", " ", block))
    assert sorted(re.findall(r"[\w.]+", text)) == sorted(re.findall(r"[\w.]+", lines(render(result))))


def test_it_is_the_result_all_the_same() -> None:
    assert isinstance(WRONG, Verification)
    assert repr(WRONG) != object.__repr__(WRONG)
