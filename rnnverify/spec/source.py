"""YAML text to plain values, with the line of every key; nothing in it can run code, loop, or fill the memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import yaml

from rnnverify.errors import SpecError

Path = tuple[str | int, ...]  # the keys and indices that lead to a value

LARGEST_FILE = 1 << 20  # bytes; a spec is a page, its data can be a file of its own
MOST_NODES = 100_000  # after aliases are followed: anchors that explode are stopped here
DEEPEST = 60

PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "seq", "map")}
TIMESTAMP, MERGE = "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:merge"


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which also reads 1e-6 as a number, as YAML 1.2 does."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


@dataclass(frozen=True)
class Source:
    """A document and where each part of it stands."""

    file: str
    value: Any
    lines: dict[Path, int | None] = field(default_factory=dict)

    def line(self, path: Path) -> int | None:
        """The line of the nearest key that leads to `path`; None for values that came from elsewhere."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return None


def read_source(path: str) -> Source:
    """Read a YAML file.

    Raises:
        SpecError: it cannot be read, is no UTF-8 text, is no YAML, or uses what a spec has no use for.
    """
    try:
        if FilePath(path).is_dir():
            raise SpecError(
                f"{path}: expected a YAML file, got a directory; `rnnverify check {path}` takes a directory"
            )
        with open(path, "rb") as file:
            raw = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecError(f"{path}: cannot be read: {reason}; give the path of a YAML spec") from None
    if len(raw) > LARGEST_FILE:
        raise SpecError(
            f"{path}: larger than {LARGEST_FILE} bytes; put data into a file of its own (data: {{file: x.npy}})"
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(
            f"{path}: expected UTF-8 text, got byte 0x{raw[error.start]:02x} at offset {error.start}; save the file as UTF-8"
        ) from None
    return parse(text, path)


def parse(text: str, file: str) -> Source:
    """Parse YAML text; `file` is its name in messages.

    Raises:
        SpecError: as `read_source`.
    """
    try:
        tree = yaml.compose(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file}:{mark.line + 1}" if mark else file
        raise SpecError(f"{place}: not valid YAML: {error.problem or error.context}{hint(text, mark)}") from None
    except yaml.YAMLError as error:
        raise SpecError(f"{file}: not valid YAML: {' '.join(str(error).split())[:200]}") from None
    except RecursionError:
        raise SpecError(f"{file}: nested too deeply; a spec needs fewer than {DEEPEST} levels") from None
    if tree is None:
        raise SpecError(f"{file}: empty; the smallest spec sets N, T, D, M and K, one a line, such as `N: 1`")
    lines: dict[Path, int | None] = {(): 1}
    for count, (path, node) in enumerate(nodes(tree, (), file)):
        lines.setdefault(path, node.start_mark.line + 1)
        if count > MOST_NODES:
            raise SpecError(f"{file}: its aliases stand for more than {MOST_NODES} values; write the values out")
    try:
        value = yaml.constructor.SafeConstructor().construct_document(tree)
    except (yaml.YAMLError, ValueError) as error:
        raise SpecError(f"{file}: not valid YAML: {' '.join(str(error).split())[:200]}") from None
    return Source(file, value, lines)


def nodes(node: yaml.Node, path: Path, file: str, seen: tuple[int, ...] = ()) -> Iterator[tuple[Path, yaml.Node]]:
    """Every node under this one with its path; what is not plain data is refused on the way."""
    place = f"{file}:{node.start_mark.line + 1}: {dotted(path)}"
    if node.tag == TIMESTAMP:
        node.tag = "tag:yaml.org,2002:str"
    if node.tag not in PLAIN_TAGS:
        raise SpecError(f"{place}: expected plain data, got the YAML tag {short_tag(node.tag)}; remove the tag")
    if id(node) in seen:
        raise SpecError(f"{place}: the alias contains itself")
    if len(path) > DEEPEST:
        raise SpecError(f"{place[:200]}: nested too deeply; a spec needs fewer than {DEEPEST} levels")
    yield path, node
    seen = (*seen, id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from nodes(item, (*path, index), file, seen)
    elif isinstance(node, yaml.MappingNode):
        keys: dict[str, int] = {}
        for key, value in node.value:
            if key.tag == MERGE or not isinstance(key, yaml.ScalarNode):
                wrong = "a merge (<<)" if key.tag == MERGE else "a list or mapping as a key"
                raise SpecError(
                    f"{file}:{key.start_mark.line + 1}: {dotted(path)}: expected a name as key, got {wrong}"
                )
            if key.value in keys:
                raise SpecError(
                    f"{file}:{key.start_mark.line + 1}: {dotted((*path, key.value))}: the key stands here twice,"
                    f" first on line {keys[key.value]}; remove one"
                )
            keys[key.value] = key.start_mark.line + 1
            key.tag = "tag:yaml.org,2002:str"  # `no: 1` is a key "no", not False
            yield (*path, key.value), key
            yield from nodes(value, (*path, key.value), file, seen)


def dotted(path: Path) -> str:
    """A path as people write it: layers[0].LSTM.units; the document itself is `spec`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
    return (text if len(text) <= 100 else text[:97] + "...") or "spec"


def short_tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")[:80]


def hint(text: str, mark: yaml.Mark | None) -> str:
    """The line that YAML stumbled over."""
    lines = text.splitlines()
    if mark is None or mark.line >= len(lines):
        return ""
    return f": {lines[mark.line].strip()[:80]!r}"
