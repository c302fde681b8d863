"""The pages of the documentation, the README among them, and the blocks of code that stand on them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
}
READ = [page for page in PAGES if "```sh\n" in PAGES[page]]  # done from start to end by a reader, see test_tutorial.py
ALL = "\n".join(PAGES.values())
FENCE = re.compile(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', flags=re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A block of code on a page."""

    language: str
    title: str  # the name of the file that it is, if it is one
    text: str


def blocks_on(page: str) -> list[Block]:
    return [Block(*found) for found in FENCE.findall(PAGES[page])]


def blocks(language: str) -> list[str]:
    """Those of a language on every page that no reader does; one that stands on several pages, once."""
    found = [one for page in PAGES if page not in READ for one in blocks_on(page) if one.language == language]
    return list(dict.fromkeys(one.text for one in found))


def skeleton(text: str) -> str:
    """The words, without the figures, since errors differ between machines, and with them where lines are broken."""
    return " ".join(re.sub(r"-?\d[-\d.e]*", "#", text).split())
