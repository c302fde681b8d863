"""The kinds of candidates, by how they are written."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnverify.candidates.candidate import Answer, Candidate, Task, named, under_names
from rnnverify.candidates.engines import engine_for, of_engine
from rnnverify.candidates.files import of_file
from rnnverify.candidates.function import of_function
from rnnverify.candidates.process import of_command, of_source
from rnnverify.errors import RequestError


@dataclass(frozen=True)
class Options:
    """How a candidate is run."""

    form: str = "npz"  # of the files that a process reads and writes
    seconds: float = 60.0  # that it may take
    folder: str | None = None  # in which a command runs; by default where we do


# Each takes what was written, and gives a candidate; the first that knows it is taken.
KINDS: Mapping[str, Callable[[str, Options], Candidate]] = {
    "cmd:PROGRAM {inputs} {outputs}": lambda text, options: of_command(
        text.removeprefix("cmd:"), options.form, options.seconds, options.folder
    ),
    "FILE.py:FUNCTION, torch:FILE.py:FUNCTION": lambda text, options: of_source(*split(text), options.seconds),
    "FILE.onnx, FILE.tflite, or ENGINE:FILE with ort, onnxref, openvino, tract or litert": lambda text, options: (
        of_engine(text, options.seconds)
    ),
    "FILE.npz or FILE.npy": lambda text, options: of_file(text),
}


def split(text: str) -> tuple[str, str]:
    path, _, name = text.rpartition(":")
    return path, name


def kind_of(text: str) -> str | None:
    """Which of the kinds it is."""
    program, function, engine, file = KINDS
    if text.startswith("cmd:"):
        return program
    if text.rpartition(":")[0].endswith(".py"):
        return function
    if engine_for(text) is not None:
        return engine
    return file if text.lower().endswith((".npz", ".npy")) else None


def can_be_called(what: Any) -> bool:
    """Whether a candidate can be asked for other inputs."""
    if isinstance(what, str | os.PathLike):
        return kind_of(os.fspath(what)) not in (None, list(KINDS)[-1])
    return callable(what)


def is_engine(what: Any) -> bool:
    """Whether a candidate is a file that an engine runs."""
    return isinstance(what, str | os.PathLike) and engine_for(os.fspath(what)) is not None


def candidate_of(what: Any, options: Options) -> tuple[str, Candidate]:
    """A candidate and its name: from a function, an array, a list or mapping of arrays, or from how one is written.

    Raises:
        RequestError: it is none of these.
    """
    if isinstance(what, str | os.PathLike):
        text = os.fspath(what)
        kind = kind_of(text)
        if kind is None:
            advice = f"; {text}:forward names a function in it" if text.endswith(".py") else ""
            raise RequestError(f"--candidate {text}: expected {', '.join(KINDS)}{advice}")
        return text, in_report(KINDS[kind](text, options))
    if callable(what):
        return getattr(what, "__name__", type(what).__name__), in_report(of_function(what))
    if isinstance(what, Mapping | list | tuple) or hasattr(what, "__array__"):
        return "the given outputs", in_report(of_arrays(what))
    raise RequestError(f"expected a function, arrays or a path as candidate, got {type(what).__name__}")


def in_report(candidate: Candidate) -> Candidate:
    """A candidate whose answers may have the names under which the model returns its outputs."""
    return lambda task: under_names(candidate(task), task)


def of_arrays(what: Any) -> Candidate:
    """A candidate that answers with these arrays."""

    def asked(task: Task) -> Answer:
        return named(np.asarray(what) if hasattr(what, "__array__") else what, task)

    return asked
