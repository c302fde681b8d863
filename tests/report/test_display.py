"""A result shows itself: in a Python session, in a terminal, in a notebook."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from rnnverify.report.table import render
from rnnverify.results import Verification
from tests.report.by_hand import PARTED, RIGHT, TOO_FAR, WRONG, lines

every_kind = pytest.mark.parametrize("result", [RIGHT, WRONG, TOO_FAR, PARTED])


def stripped(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines())


@every_kind
def test_its_repr_is_what_run_prints(result: Verification) -> None:
    assert stripped(repr(result)) == lines(render(result))


@every_kind
def test_rich_prints_the_same(result: Verification) -> None:
    assert lines([result]) == lines(render(result))


@every_kind
def test_a_notebook_shows_the_same_in_one_block_with_colours(result: Verification) -> None:
    made: Any = result
    block = made._repr_html_()
    assert block.startswith('<pre style="line-height: normal">')
    assert block.endswith("</pre>")
    assert '<span style="' in block
    text = html.unescape(re.sub("<[^>]*>", "", block))
    assert stripped(text) == lines(render(result))


def test_it_is_the_result_all_the_same() -> None:
    assert isinstance(WRONG, Verification)
    assert repr(WRONG) != object.__repr__(WRONG)
