"""What results are made of: the fields of each dataclass, with the words that stand beside them in the code."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import cached_property
from typing import Any

from rnnverify import results as room
from rnnverify.results.shown import Shown


def results() -> Iterator[str]:
    """First those that a function returns, then those within them."""
    classes = {name: cls for name in room.__all__ if is_dataclass(cls := getattr(room, name))}
    for name in sorted(classes, key=lambda one: (not issubclass(classes[one], Shown), one)):
        yield from section(name, classes[name])


def section(name: str, cls: type) -> Iterator[str]:
    yield f"### `{name}` {{ #rnnverify.results.{name} }}"
    yield ""
    yield inspect.cleandoc(cls.__doc__ or "")
    yield ""
    yield "| field | type | what it says |"
    yield "|---|---|---|"
    for field, kind, says in [*fields_of(cls), *properties_of(cls)]:
        yield f"| `{field}` | `{kind}` | {says} |".replace("`` |", "|")
    yield ""


def fields_of(cls: type) -> Iterator[tuple[str, str, str]]:
    """The fields as they are declared: name, type, and the comment beside it or above it."""
    source = textwrap.dedent(inspect.getsource(cls))
    lines = source.splitlines()
    (declared,) = ast.parse(source).body
    assert isinstance(declared, ast.ClassDef)
    for node in declared.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            beside = re.findall(r"  # (.*)", lines[(node.end_lineno or node.lineno) - 1])
            above = re.findall(r"^\s*# (.*)", lines[node.lineno - 2])
            yield node.target.id, cell(ast.unparse(node.annotation)), cell(" ".join(beside or above))


def properties_of(cls: type) -> Iterator[tuple[str, str, str]]:
    """What follows from the fields: name, type, and the first line of the docstring."""
    for name, member in vars(cls).items():
        read: Any = member.fget if isinstance(member, property) else getattr(member, "func", None)
        if name.startswith("_") or not isinstance(member, property | cached_property):
            continue
        kind = inspect.signature(read).return_annotation
        yield name, cell(str(kind)), cell((member.__doc__ or "").partition("\n")[0])


def cell(words: str) -> str:
    """Words that end no cell of a table, with alternatives as the prose has them."""
    return words.replace(" | ", " or ").replace("|", "\\|")
