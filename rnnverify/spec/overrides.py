"""--set KEY=VALUE: parts of a spec replaced from the command line."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rnnverify.errors import RequestError
from rnnverify.spec.source import Path, Source, dotted, parse

Override = tuple[str, Any]  # a key such as layers.0.LSTM.units, and its value


def parse_override(text: str) -> Override:
    """`KEY=VALUE`, the value as YAML.

    Raises:
        RequestError: there is no `=`, or the value is no YAML.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise RequestError(f"--set: expected KEY=VALUE, such as T=50 or layers.0.LSTM.units=7; got {text[:80]!r}")
    return key.strip(), parse(value, f"--set {key.strip()[:80]}").value if value.strip() else None


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
        path = tuple(int(part) if part.isdigit() else part for part in re.split(r"[.\[\]]+", key.rstrip("]")))
        place(document, path, value)
        lines = {p: line for p, line in lines.items() if p[: len(path)] != path} | {path: None}
    return replace(source, value=document, lines=lines)


def place(container: Any, path: Path, value: Any) -> None:
    """Set one value, making mappings on the way where the spec has a shorthand or nothing."""
    for depth, part in enumerate(path[:-1]):
        if isinstance(container, dict) and not isinstance(container.get(part), dict | list):
            container[part] = {}
        check_index(container, path, depth)
        container = container[part]
    check_index(container, path, len(path) - 1)
    container[path[-1]] = value


def check_index(container: Any, path: Path, depth: int) -> None:
    part = path[depth]
    if isinstance(container, list) and not (isinstance(part, int) and part < len(container)):
        raise RequestError(
            f"--set {dotted(path)}: expected an index below {len(container)} after {dotted(path[:depth])}, got {part!r}"
        )
