"""Files of other people's runtimes: each runs in a process of its own, whatever becomes of it."""

from __future__ import annotations

import os
from typing import NamedTuple

from rnnverify.candidates.candidate import Answer, Candidate, Task
from rnnverify.candidates.process import Words, asked_in_python
from rnnverify.errors import RequestError
from rnnverify.spec.paths import parts_of_candidate


class Engine(NamedTuple):
    """A runtime."""

    prefix: str
    module: str  # of ours, with a function `opened(path)`
    package: str  # what is to be installed
    endings: tuple[str, ...]  # of the files that it takes; the first engine of an ending is the one for bare paths


ENGINES = (
    Engine("ort", "rnnverify.candidates.onnx_runtime", "onnxruntime", (".onnx",)),
    Engine("onnxref", "rnnverify.candidates.onnx_reference", "onnx", (".onnx",)),
)


def engine_for(text: str) -> tuple[Engine, str] | None:
    """The engine that is asked for, and the path of its file; None where it is none."""
    prefix, path, _ = parts_of_candidate(text)
    for engine in ENGINES:
        if prefix == f"{engine.prefix}:" or (not prefix and path.lower().endswith(engine.endings)):
            return engine, path
    return None


def of_engine(text: str, seconds: float) -> Candidate:
    """A candidate from a file that an engine runs: `model.onnx`, `onnxref:model.onnx`.

    Raises:
        RequestError: there is no such file, or it is of another kind.
    """
    found = engine_for(text)
    assert found is not None  # as `kind_of` has made sure
    engine, path = found
    if not path.lower().endswith(engine.endings):
        raise RequestError(f"--candidate {text}: expected a file that ends with {' or '.join(engine.endings)}")
    if not os.path.isfile(path):
        raise RequestError(f"--candidate {text}: no such file: {path}")

    def asked(task: Task) -> Answer:
        names = [",".join(one) for one in (task.inputs, task.outputs)]
        words = Words("rnnverify.candidates.engine_child", [engine.module, os.path.abspath(path)], names)
        missing = f"--candidate {text}: {engine.package} cannot be imported"
        return asked_in_python(task, words, seconds, lambda why: f"{missing}: {why}; pip install {engine.package}")

    return asked
