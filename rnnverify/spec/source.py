"""YAML text to plain values, with the line of every key; nothing in it can run code, loop, or fill the memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import yaml

from rnnverify.errors import SpecError
from rnnverify.observation.opening import opened

Path = tuple[str | int, ...]  # the keys and indices that lead to a value

LARGEST_FILE = 1 << 20  # bytes; a spec is a page, its data can be a file of its own
MOST_NODES = 20_000  # after aliases are followed: anchors that explode are stopped here
DEEPEST = 60

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


class TooMuch(yaml.MarkedYAMLError):
    """More than a spec can need."""


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which stops at too much, and also reads 1e-6 as a number, as YAML 1.2 does."""

    count = 0
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.count += 1
        self.depth += 1
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.count > MOST_NODES:
            raise TooMuch(problem=f"more than {MOST_NODES} values; put data into a file of its own", problem_mark=mark)
        if self.depth > DEEPEST:
            raise TooMuch(problem=f"nested too deeply; a spec needs fewer than {DEEPEST} levels", problem_mark=mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


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
        SpecError: it cannot be read, is not UTF-8 text, is not YAML, or uses what a spec has no use for.
    """
    try:
        if FilePath(path).is_dir():
            raise SpecError(
                f"{path}: expected a YAML file, got a directory; `rnnverify check {path}` takes a directory"
            )
        with opened(path) as file:
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
    except TooMuch as error:
        raise SpecError(f"{place_of(file, error.problem_mark)}: {error.problem}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = ", ".join(filter(None, (error.context, error.problem)))
        raise SpecError(f"{place_of(file, mark)}: not valid YAML: {printable(reason)}{hint(text, mark)}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SpecError(
            f"{file}:{line}: not valid YAML: expected text, got the character U+{error.character:04X}; remove it"
        ) from None
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
    try:
        node.value.encode()
        yaml.constructor.SafeConstructor().construct_object(node)
    except (ValueError, LookupError):
        raise SpecError(f"{place}: expected {SCALARS[node.tag]}, got {got!r}") from None
    if node.tag in (f"{STANDARD}int", f"{STANDARD}float") and OLD_NUMBER.fullmatch(node.value):
        raise SpecError(f"{place}: expected a decimal number, got {got!r}; write it without leading zeros and colons")


def place_of(file: str, mark: yaml.Mark | None) -> str:
    return f"{file}:{mark.line + 1}" if mark else file


def printable(text: str) -> str:
    """A text on one line, without control characters."""
    return text if text.isprintable() else repr(text)[1:-1]


def dotted(path: Path) -> str:
    """A path as people write it: layers[0].LSTM.units; the document itself is `spec`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{printable(part) or repr(part)}" for part in path)
    text = "".join(parts).removeprefix(".")
    return (text if len(text) <= 100 else text[:97] + "...") or "spec"


def short_tag(tag: str) -> str:
    return printable(tag.replace(STANDARD, "!!")[:80])


def hint(text: str, mark: yaml.Mark | None) -> str:
    """The line that YAML stumbled over."""
    lines = text.splitlines()
    if mark is None or mark.line >= len(lines):
        return ""
    return f": {lines[mark.line].strip()[:80]!r}"
