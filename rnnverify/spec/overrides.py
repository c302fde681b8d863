"""--set KEY=VALUE: parts of a spec replaced from the command line."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rnnverify.errors import RequestError
from rnnverify.spec import data
from rnnverify.spec.parsing import printable
from rnnverify.spec.source import Path, Source, dotted, parse

Override = tuple[str, Any]  # a key such as layers.0.LSTM.units, and its value

# Where a spec may have one value in place of a mapping: `weights: keras`, `data: {file: x.npy}`, `{text: [...]}`.
SHORTHANDS: dict[Path, tuple[str, type]] = {
    ("weights",): ("bias", str),
    **{("data", kind): shorthand for kind, shorthand in data.SHORTHANDS.items()},
}


def parse_override(text: str) -> Override:
    """`KEY=VALUE`, the value as YAML.

    Raises:
        RequestError: there is no `=`, or the value is not YAML.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise RequestError(f"--set: expected KEY=VALUE, such as T=50 or layers.0.LSTM.units=7; got {text[:80]!r}")
    return key.strip(), parse(value, f"--set {printable(key.strip()[:80])}").value if value.strip() else None


def apply_overrides(source: Source, overrides: Sequence[Override]) -> Source:
    """The document with the overrides in place.

    Raises:
        RequestError: a key leads nowhere.
    """
    if not overrides or not isinstance(source.value, dict):
        return source
    document = copy.deepcopy(source.value)
    lines: dict[Path, int | None] = dict(source.lines)
    for key, value in overrides:
        parts = re.split(r"[.\[\]]+", key.rstrip("]"))
        path = place(document, parts, value)
        below = {p for p in lines if p[: len(path)] == path}
        above = {path[:end]: lines.get(path[:end]) for end in range(1, len(path))}
        lines = {p: line for p, line in lines.items() if p not in below} | above | {path: None}
    return replace(source, value=document, lines=lines)


def place(container: Any, parts: Sequence[str], value: Any) -> Path:
    """Set one value, making mappings on the way where the spec has a shorthand or nothing; return its path."""
    path: Path = ()
    for depth, part in enumerate(parts, start=1):
        key = index_or_key(container, path, part)
        path = (*path, key)
        if depth == len(parts):
            container[key] = value
            break
        inner = container.get(key) if isinstance(container, dict) else container[key]
        name, kind = SHORTHANDS.get(path, ("", object))
        if name and isinstance(inner, kind):
            container[key] = {name: inner}
        elif not isinstance(inner, dict | list):
            container[key] = {}
        container = container[key]
    return path


def index_or_key(container: Any, path: Path, part: str) -> str | int:
    if isinstance(container, dict):
        return part
    if re.fullmatch("[0-9]{1,9}", part) and int(part) < len(container):
        return int(part)
    raise RequestError(
        f"--set {dotted((*path, part))}: expected an index below {len(container)} after {dotted(path)}, got {part!r:.80}"
    )
