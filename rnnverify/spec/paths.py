"""The paths in a spec."""

from __future__ import annotations

from pathlib import Path


def located(spec_file: str, path: str) -> str:
    """A path in a spec starts at the spec's own folder; `module:function` is left as it is."""
    if is_function(path):
        return path
    return str(Path(spec_file).parent / path)


def is_function(model: str) -> bool:
    """Whether `model` names a function, as in `package.module:function`, rather than a file."""
    module, colon, function = model.rpartition(":")
    return bool(colon) and function.isidentifier() and all(part.isidentifier() for part in module.split("."))
