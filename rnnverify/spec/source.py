"""YAML text to plain values, with the line of every key; nothing in it can run code, loop, or fill the memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import yaml

from rnnverify.errors import SpecError
from rnnverify.observation.opening import is_given_open, read_at_most
from rnnverify.observation.recognised import what_it_is
from rnnverify.spec.parsing import DEEPEST, MOST_NODES, composed, place_of

Path = tuple[str | int, ...]  # the keys and indices that lead to a value

LARGEST_FILE = 1 << 20  # bytes; a spec is a page, its data can be a file of its own

STANDARD = "tag:yaml.org,2002:"
STR, MERGE = f"{STANDARD}str", f"{STANDARD}merge"
SCALARS = {  # and what each stands for, in words
    STR: "text that UTF-8 can hold",
    f"{STANDARD}int": "a whole number of at most 4300 digits",
    f"{STANDARD}float": "a number",
    f"{STANDARD}bool": "true or false",
    f"{STANDARD}null": "null",
}
PLAIN_TAGS = {
    yaml.ScalarNode: SCALARS.keys(),
    yaml.SequenceNode: {f"{STANDARD}seq"},
    yaml.MappingNode: {f"{STANDARD}map"},
}
TEXTS = {f"{STANDARD}timestamp", f"{STANDARD}value", MERGE}  # 2020-01-31, = and << are text here
OLD_NUMBER = re.compile(r"[-+]?0[0-7_]+|.*:.*")  # 010 is 8 and 1:30 is 90 in YAML 1.1, which nobody means


@dataclass(frozen=True)
class Source:
    """A document and where each part of it stands."""

    file: str
    value: Any
    lines: dict[Path, int | None] = field(default_factory=dict)
    of_grid: bool = False  # whether it is what the points of a grid have in common

    def line(self, path: Path) -> int | None:
        """The line of the nearest key that leads to `path`; None for values that came from elsewhere."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return None


def read_source(path: str) -> Source:
    """Read a YAML file.

    Raises:
        SpecError: it cannot be read, is not UTF-8 text, is not YAML, or uses what a spec has no use for.
    """
    try:
        known = None if is_given_open(path) else what_it_is(path)  # a pipe can be read but once
        if known:
            raise SpecError(f"{path}: expected a YAML file; this is {known}")
        if FilePath(path).is_dir():
            raise SpecError(
                f"{path}: expected a YAML file, got a directory; `rnnverify check {path}` takes a directory"
            )
        raw = read_at_most(path, LARGEST_FILE + 1)
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
    tree = composed(text, file)
    if tree is None:
        raise SpecError(f"{file}: empty; the smallest spec sets N, T, D, M and K, one a line, such as `N: 1`")
    lines: dict[Path, int | None] = {(): 1}
    for count, (path, node) in enumerate(nodes(tree, (), file)):
        lines.setdefault(path, node.start_mark.line + 1)
        if count > MOST_NODES:
            raise SpecError(f"{file}: its aliases stand for more than {MOST_NODES} values; write the values out")
    return Source(file, yaml.constructor.SafeConstructor().construct_document(tree), lines)


def nodes(node: yaml.Node, path: Path, file: str, seen: tuple[int, ...] = ()) -> Iterator[tuple[Path, yaml.Node]]:
    """Every node under this one with its path; what is not plain data is refused on the way."""
    place = f"{place_of(file, node.start_mark)}: {dotted(path)}"
    if node.tag in TEXTS:
        node.tag = STR
    if node.tag not in PLAIN_TAGS[type(node)]:
        raise SpecError(f"{place}: expected plain data, got the YAML tag {short_tag(node.tag)}; remove the tag")
    if id(node) in seen:
        raise SpecError(f"{place}: the alias contains itself; write the value out")
    if len(path) > DEEPEST:
        raise SpecError(f"{place}: nested too deeply; a spec needs fewer than {DEEPEST} levels")
    yield path, node
    seen = (*seen, id(node))
    if isinstance(node, yaml.ScalarNode):
        check_scalar(node, place)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from nodes(item, (*path, index), file, seen)
    elif isinstance(node, yaml.MappingNode):
        keys: dict[str, int] = {}
        for index, (key, value) in enumerate(node.value):
            place = f"{place_of(file, key.start_mark)}: {dotted(path)}"
            name = key_name(key, place)
            if name in keys:
                raise SpecError(
                    f"{place_of(file, key.start_mark)}: {dotted((*path, name))}: the key stands here twice,"
                    f" first on line {keys[name]}; remove one"
                )
            keys[name] = key.start_mark.line + 1
            # `no: 1` is a key "no", not False. A new node: an alias may use the key's own as a value elsewhere.
            node.value[index] = (yaml.ScalarNode(STR, name, key.start_mark), value)
            yield (*path, name), key
            yield from nodes(value, (*path, name), file, seen)


def check_plain(value: Any, name: str) -> None:
    """Hold a mapping that comes from no file to what a file can say.

    Raises:
        SpecError: it is too large or too deep, contains itself, or has keys that are not text.
    """
    waiting: list[tuple[Path, Any]] = [((), value)]
    for _ in range(MOST_NODES):
        if not waiting:
            return
        path, part = waiting.pop()
        if len(path) > DEEPEST:
            raise SpecError(f"{name}: {dotted(path)}: nested too deeply; a spec needs fewer than {DEEPEST} levels")
        if isinstance(part, dict):
            if strange := [key for key in part if not isinstance(key, str)]:
                raise SpecError(f"{name}: {dotted(path)}: expected names as keys, got a {type(strange[0]).__name__}")
            waiting += [((*path, key), inner) for key, inner in part.items()]
        elif isinstance(part, list):
            waiting += [((*path, index), inner) for index, inner in enumerate(part)]
    raise SpecError(f"{name}: more than {MOST_NODES} values; put data into a file of its own")


def key_name(key: yaml.Node, place: str) -> str:
    """A key of a mapping as text."""
    if not isinstance(key, yaml.ScalarNode):
        raise SpecError(f"{place}: expected a name as key, got a list or mapping as a key")
    if key.tag == MERGE:
        raise SpecError(f"{place}: expected a name as key, got a merge (<<); write its keys out")
    if key.tag not in SCALARS.keys() | TEXTS:
        raise SpecError(f"{place}: expected plain data, got the YAML tag {short_tag(key.tag)} on a key; remove the tag")
    check_scalar(yaml.ScalarNode(STR, key.value), place)
    return str(key.value)


def check_scalar(node: yaml.ScalarNode, place: str) -> None:
    """Refuse what its tag cannot hold, such as `!!bool 7`, and numbers that YAML 1.1 reads in ways of its own."""
    got = node.value[:60]
    if node.tag in (f"{STANDARD}int", f"{STANDARD}float") and OLD_NUMBER.fullmatch(node.value):
        raise SpecError(f"{place}: expected a decimal number, got {got!r}; write it without leading zeros and colons")
    try:
        node.value.encode()
        yaml.constructor.SafeConstructor().construct_object(node)
    except (ValueError, LookupError, OverflowError):
        raise SpecError(f"{place}: expected {SCALARS[node.tag]}, got {got!r}") from None


def dotted(path: Path) -> str:
    """A path as people write it: layers[0].LSTM.units; the document itself is `spec`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part or repr(part)}" for part in path)
    text = "".join(parts).removeprefix(".")
    return (text if len(text) <= 100 else text[:97] + "...") or "spec"


def short_tag(tag: str) -> str:
    return tag.replace(STANDARD, "!!")[:80]
