"""Where the tensors of a nested structure stand: in lists by their numbers, in mappings by their keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Path = tuple[str | int, ...]


def at(value: Any, path: Path) -> Any:
    """What stands at a place of a structure.

    Raises:
        LookupError: there is no such place.
    """
    key: Any
    for key in path:
        if not isinstance(value, Mapping if isinstance(key, str) else list | tuple):
            raise LookupError(key)
        value = value[key]
    return value


def taken_in_order(value: Any, paths: Sequence[Path]) -> list[Any] | None:
    """What stands at these places; None where one of them is not there, or holds further places."""
    try:
        found = [at(value, path) for path in paths]
    except LookupError:
        return None
    return None if any(isinstance(one, Mapping) for one in found) else found


def is_nested(paths: Sequence[Path]) -> bool:
    return any(len(path) > 1 for path in paths)
