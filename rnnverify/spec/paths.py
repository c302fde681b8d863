"""The paths in a spec."""

from __future__ import annotations

from pathlib import Path

from rnnverify.observation.opening import is_given_open

COMMAND = "cmd:"
TORCH = "torch:"  # before a function in a file: it gives a module of PyTorch's
EXPORT, BACKEND = "export:", "backend:"  # of the model itself
ENGINES = (
    "ort:",
    "onnxref:",
    "openvino:",
    "tract:",
    "litert:",
)  # what may stand before the path of a file that an engine runs


def folder_of(spec_file: str) -> Path:
    """Where the paths in a spec start: its own folder; of one that comes through a pipe, the one that we work in."""
    return Path() if is_given_open(spec_file) else Path(spec_file).parent


def located(spec_file: str, path: str) -> str:
    """A path in a spec starts at the spec's own folder; `module:function` is left as it is."""
    if is_function(path):
        return path
    return str(folder_of(spec_file) / path)


def candidate_located(spec_file: str, candidate: str) -> str:
    """A candidate's file starts at the spec's own folder, too; a command runs there, and is left as it is."""
    before, path, behind = parts_of_candidate(candidate)
    return f"{before}{folder_of(spec_file) / path}{behind}" if path else candidate


def parts_of_candidate(candidate: str) -> tuple[str, str, str]:
    """The path of the file that a candidate stands in, with what stands before and behind it; a command has none."""
    if candidate.startswith((COMMAND, EXPORT, BACKEND)):
        return candidate, "", ""
    path, colon, function = candidate.rpartition(":")
    if colon and path.endswith(".py"):
        torch = TORCH if path.startswith(TORCH) else ""
        return torch, path.removeprefix(torch), f":{function}"
    engine = next((one for one in ENGINES if candidate.startswith(one)), "")
    return engine, candidate.removeprefix(engine), ""


def is_code(candidate: str) -> bool:
    """Whether a candidate is code that is to be run, and not a file of outputs, or Keras itself elsewhere."""
    if candidate.startswith((EXPORT, BACKEND)):
        return False
    return not candidate.lower().endswith((".npz", ".npy")) or candidate.startswith(COMMAND)


def is_function(model: str) -> bool:
    """Whether `model` names a function, as in `package.module:function`, rather than a file."""
    module, colon, function = model.rpartition(":")
    return bool(colon) and function.isidentifier() and all(part.isidentifier() for part in module.split("."))
