"""Commands that a report names, to be copied."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from typing import Any


def command_for(spec: str, settings: Iterable[tuple[str, Any]]) -> str:
    """The command that runs a spec with some of its keys set: one point of a sweep alone."""
    given = " ".join(f"--set {shlex.quote(f'{key}={as_yaml(value)}')}" for key, value in settings)
    return f"rnnverify run {shlex.quote(spec)} {given}"


def as_yaml(value: Any) -> str:
    """A value in YAML, on one line."""
    return value if isinstance(value, str) else json.dumps(value)
