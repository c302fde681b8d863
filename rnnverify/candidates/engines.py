"""Files of other people's runtimes: each runs in a process of its own, whatever becomes of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from rnnverify.candidates.candidate import Answer, Candidate, CandidateError, Task
from rnnverify.candidates.exchange import read_answer, write_task
from rnnverify.candidates.process import run
from rnnverify.errors import RequestError


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
    prefix, colon, path = text.partition(":")
    for engine in ENGINES:
        if colon and prefix == engine.prefix:
            return engine, path
    return next(((engine, text) for engine in ENGINES if text.lower().endswith(engine.endings)), None)


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
        with TemporaryDirectory() as folder:
            inputs, outputs, said = (os.path.join(folder, one) for one in ("inputs.npz", "outputs.npz", "said.txt"))
            write_task(task, inputs, "npz")
            names = [",".join(one) for one in (task.inputs, task.outputs)]
            words = [sys.executable, "-m", "rnnverify.candidates.engine_child", engine.module, os.path.abspath(path)]
            try:
                run([*words, inputs, outputs, said, *names], seconds, environment_of_child())
            except CandidateError:
                if not os.path.exists(said):
                    raise
                message = Path(said).read_text(encoding="utf-8")
                if message.startswith("?"):
                    missing = f"{message[1:]}; pip install {engine.package}"
                    raise RequestError(f"--candidate {text}: {engine.package} cannot be imported: {missing}") from None
                raise CandidateError(message) from None
            return read_answer(outputs, "npz", task.tensors)

    return asked


def environment_of_child() -> Mapping[str, str]:
    """In which it finds this package."""
    home = str(Path(__file__).resolve().parents[2])
    return {"PYTHONPATH": os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])}
