"""The tutorial is done from start to end, page by page, each in an empty folder, and so is every page that runs commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rnnverify.api import blind
from tests.pages import PAGES, READ, Block
from tests.reader import read, shows


@pytest.mark.parametrize("page", READ)
def test_a_page_shows_what_is_printed(keras: Any, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(blind, "START", 60.0)  # blind spots are looked for on a slow machine, too
    for block, printed in read(page, tmp_path):
        assert shows(block, printed), f"{page} shows\n{block.text}\nand what is printed is\n{printed}"


def test_the_tutorial_is_done_from_start_to_end() -> None:
    chapters = {page for page in PAGES if page.startswith("docs/tutorial/")} - {"docs/tutorial/index.md"}
    assert chapters <= set(READ)
    assert len(chapters) == 6


def test_what_is_shown_may_leave_out_and_differ_in_figures_alone() -> None:
    printed = "a 1\nb 2\nc 3\n"
    for text in ("a 1\nb 2\nc 3\n", "...\nb 7.5e-8\n...\n", "a 1\n...\nc 3\n", "...\n"):
        assert shows(Block("text", "", text), printed)
    for text in ("d\n", "a 1\n...\nd\n", "c 3\n...\na 1\n", "a 1\nc 3\n"):
        assert not shows(Block("text", "", text), printed)
