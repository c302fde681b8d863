"""The paths in a spec."""

from __future__ import annotations

from pathlib import Path

COMMAND = "cmd:"


def located(spec_file: str, path: str) -> str:
    """A path in a spec starts at the spec's own folder; `module:function` is left as it is."""
    if is_function(path):
        return path
    return str(Path(spec_file).parent / path)


def candidate_located(spec_file: str, candidate: str) -> str:
    """A candidate's file starts at the spec's own folder, too; a command runs there, and is left as it is."""
    if candidate.startswith(COMMAND):
        return candidate
    path, colon, function = candidate.rpartition(":")
    if colon and path.endswith(".py"):
        return f"{Path(spec_file).parent / path}:{function}"
    return str(Path(spec_file).parent / candidate)


def is_code(candidate: str) -> bool:
    """Whether a candidate is code that is to be run, and not a file of outputs."""
    return not candidate.lower().endswith((".npz", ".npy")) or candidate.startswith(COMMAND)


def is_function(model: str) -> bool:
    """Whether `model` names a function, as in `package.module:function`, rather than a file."""
    module, colon, function = model.rpartition(":")
    return bool(colon) and function.isidentifier() and all(part.isidentifier() for part in module.split("."))
