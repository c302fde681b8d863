"""Files of other people's runtimes: each runs in a process of its own, whatever becomes of it."""

from __future__ import annotations

import json
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
    extra: str  # of ours that brings it
    endings: tuple[str, ...]  # of the files that it takes; the first engine of an ending is the one for bare paths


ENGINES = (
    Engine("ort", "rnnverify.candidates.onnx_runtime", "onnxruntime", "onnx", (".onnx",)),
    Engine("onnxref", "rnnverify.candidates.onnx_reference", "onnx", "onnx", (".onnx",)),
    Engine("litert", "rnnverify.candidates.litert", "ai-edge-litert", "litert", (".tflite",)),
    Engine("openvino", "rnnverify.candidates.openvino", "openvino", "openvino", (".onnx", ".xml", ".tflite")),
    Engine("tract", "rnnverify.candidates.tract", "tract", "tract", (".onnx",)),
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
    return of_file_for(engine, path, text, seconds)


def of_file_for(engine: Engine, path: str, text: str, seconds: float) -> Candidate:
    """A candidate from a file that is there.

    Args:
        engine: what runs it.
        path: of the file.
        text: what the user wrote, for messages.
        seconds: how long it may take.
    """

    def asked(task: Task) -> Answer:
        turns = []
        first: list[str] = []
        for turn, names in task.in_turn:
            first = first or list(turn.inputs)  # the file knows the inputs by the names of the first call
            wanted = [(name, task.outputs[name]) for name in names]
            turns.append({"inputs": dict(zip(first, turn.inputs, strict=True)), "outputs": wanted, "reset": turn.reset})
        what = [engine.module, os.path.abspath(path), json.dumps({"turns": turns, "walks": task.walks})]
        words = Words("rnnverify.candidates.engine_child", what, [])
        step = f"pip install 'rnnverify[{engine.extra}]', or {engine.package}"
        missing = f"--candidate {text}: {engine.package} cannot be imported"
        return asked_in_python(task, words, seconds, lambda why: f"{missing}: {why}; {step}")

    return asked
