"""Pages for files of the project to which others link: on GitHub that is the file itself."""

from __future__ import annotations

from pathlib import Path

LANGUAGES = {
    ".py": "python",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".json": "json",
    ".c": "c",
    ".txt": "text",
    ".toml": "toml",
}


def source_page(target: Path, root: Path) -> str:
    """A file as a page; of a folder, its files one after the other."""
    name = target.relative_to(root).as_posix()
    files = sorted(one for one in target.iterdir() if one.is_file()) if target.is_dir() else [target]
    head = [f"# {name}", "", "From the project, as it was when this page was made.", ""]
    if not target.is_dir():
        return "\n".join([*head, *fenced(target)]) + "\n"
    for one in files:
        head += [f"## {one.name}", "", *fenced(one)]
    return "\n".join(head) + "\n"


def fenced(file: Path) -> list[str]:
    """A file in a fence that nothing in it can end."""
    return [f"~~~~~~~~{LANGUAGES.get(file.suffix, 'text')}", *file.read_text().splitlines(), "~~~~~~~~", ""]
