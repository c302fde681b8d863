"""The pages as the site has them: their parts filled in, and what they link to in the project among them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from docs.made.endings import endings
from docs.made.gallery import gallery
from docs.made.notebook import as_page
from docs.made.pictures import picture
from docs.made.references import assertions, commands, functions, layers, report_fields, spec_keys
from docs.made.results import results
from docs.made.sources import source_page

ROOT = Path(__file__).parents[2]
PARTS: dict[str, Callable[..., Iterable[str]]] = {
    "commands": commands,
    "endings": endings,
    "functions": functions,
    "gallery": gallery,
    "layers": layers,
    "picture": picture,
    "report": report_fields,
    "results": results,
    "testing": assertions,
    "spec": spec_keys,
}
PART = re.compile(r"^<!-- made: (\w+)(?: (\S+))? -->$", flags=re.MULTILINE)
LINK = re.compile(r"(?<=\]\()(?!https?:|#)([^)#\s]+)")


def pages() -> list[Path]:
    """Every page, with the notebook."""
    folder = ROOT / "docs"
    return sorted([*folder.rglob("*.md"), *folder.glob("*.ipynb")])


def stage(folder: Path) -> None:
    """Write the pages out for the site.

    Args:
        folder: where they go; what was there is removed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    linked: set[Path] = set()
    for page in pages():
        text = as_page(page) if page.suffix == ".ipynb" else page.read_text()
        text = with_links(filled(text), page, linked)
        write(folder / page.relative_to(ROOT / "docs").with_suffix(".md"), text)
    while linked:
        target = linked.pop()
        write(folder / source_of(target), source_page(target, ROOT))
    shutil.copytree(ROOT / "docs" / "looks", folder / "looks")


def filled(text: str) -> str:
    """A page with its parts in place of what stands for them."""
    return PART.sub(lambda found: "\n".join(PARTS[found[1]](*(found[2] or "").split())), text)


def with_links(text: str, page: Path, linked: set[Path]) -> str:
    """The same, where links into the project lead to pages of the site, which are noted."""

    def led(found: re.Match[str]) -> str:
        target = (page.parent / found[1]).resolve()
        if target.is_relative_to(ROOT / "docs"):
            return found[1].replace(".ipynb", ".md")
        if not target.is_relative_to(ROOT) or not target.exists():
            return found[1]  # wrong, which the build says
        linked.add(target)
        depth = len(page.relative_to(ROOT / "docs").parents) - 1
        return "../" * depth + source_of(target).as_posix()

    return LINK.sub(led, text)


def source_of(target: Path) -> Path:
    """Where the page of a file of the project is, within the site."""
    return Path("source") / f"{target.relative_to(ROOT).as_posix()}.md"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
