"""Candidates that are made from the model itself: files that Keras exports, and Keras on another of its backends."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from rnnverify.candidates.candidate import Answer, Candidate, CandidateError, Noted, Task
from rnnverify.candidates.engines import ENGINES, Engine, of_file_for
from rnnverify.errors import RequestError
from rnnverify.grids.elsewhere import asked_of, how_it_ended
from rnnverify.grids.workers import OverdueError, WorkerDiedError
from rnnverify.keras_model.kept import CannotError, Kept, export_kept, keep, observe_kept
from rnnverify.layers.graph import Graph
from rnnverify.layers.registry import REPLAYED
from rnnverify.machine.backends import BACKENDS, backend_here
from rnnverify.observation import Observation
from rnnverify.spec.paths import BACKEND, EXPORT
from rnnverify.verification.as_given import as_given

ENGINE_OF = {engine.prefix: engine for engine in ENGINES}
# Keras's formats: the ending of such a file, and what runs it.
FORMATS = {
    "onnx": (".onnx", ENGINE_OF["ort"]),
    "litert": (".tflite", ENGINE_OF["litert"]),
    "openvino": (".xml", ENGINE_OF["openvino"]),
}
WRITTEN = re.compile(r"(?P<form>[a-z]+)(@(?P<backend>[a-z]+))?(?P<sizes>(,[NT]=[1-9][0-9]{0,8})*)")


class Export(NamedTuple):
    """An export that is asked for: `export:onnx@torch,N=3,T=7`."""

    form: str
    backend: str
    sizes: dict[str, int]

    @property
    def engine(self) -> Engine:
        return FORMATS[self.form][1]

    @classmethod
    def of(cls, text: str) -> Export:
        """From what was written.

        Raises:
            RequestError: it is no export.
        """
        found = WRITTEN.fullmatch(text.removeprefix(EXPORT))
        if found is None or found["form"] not in FORMATS or found["backend"] not in (None, *BACKENDS):
            raise RequestError(
                f"--candidate {text}: expected export:FORMAT@BACKEND, with a format of {', '.join(FORMATS)}, a backend of"
                f" {', '.join(BACKENDS)} (without @BACKEND the one that Keras has here), and ,N=3,T=7 behind it where the"
                " file is to take so many samples and timesteps and no others"
            )
        sizes = dict(one.split("=") for one in found["sizes"].split(",")[1:])
        return cls(found["form"], found["backend"] or backend_here(), {key: int(size) for key, size in sizes.items()})


def is_own(what: Any) -> bool:
    """Whether a candidate is made from the model itself."""
    return isinstance(what, str) and what.startswith((EXPORT, BACKEND))


class OwnModel:
    """The model that was observed, as a file that is written when it is first needed.

    Args:
        target: the Spec, the model or the layer.
        x: its inputs, where it is no spec.
        observed: what it did.
        seconds: how long an export, an engine or a call on another backend may take.
    """

    def __init__(self, target: Any, x: Any, observed: Observation, seconds: float) -> None:
        self.target, self.x, self.observed, self.seconds = target, x, observed, seconds

    def candidate(self, text: str) -> Candidate:
        """From what was written.

        Raises:
            RequestError: it is none, or there is no model but only what was seen of one.
        """
        if isinstance(self.target, Observation):
            raise RequestError(
                f"--candidate {text}: expected a spec or a model beside it, got an observation, which has no model in it"
            )
        if text.startswith(EXPORT):
            return self.exported(text, Export.of(text))
        backend = text.removeprefix(BACKEND)
        if backend not in BACKENDS:
            raise RequestError(f"--candidate {text}: expected backend: and one of {', '.join(BACKENDS)}")
        return self.on_backend(backend)

    @cached_property
    def folder(self) -> TemporaryDirectory[str]:
        return TemporaryDirectory()

    @cached_property
    def kept(self) -> Kept:
        return keep(self.target, self.x, self.observed, os.path.join(self.folder.name, "model.keras"), REPLAYED)

    def exported(self, text: str, wanted: Export) -> Candidate:
        """A file that Keras exports once, run by an engine in every call."""
        path = os.path.join(self.folder.name, f"exported{FORMATS[wanted.form][0]}")
        run = of_file_for(wanted.engine, path, text, self.seconds)

        def asked(task: Task) -> Answer:
            if not os.path.exists(path):
                arguments = self.kept, wanted.form, wanted.sizes, path
                with told(f"exporting on {wanted.backend}"):
                    asked_of(wanted.backend, export_kept, arguments, self.seconds)
            return run(task)

        return asked

    def on_backend(self, backend: str) -> Candidate:
        """Keras on a backend, of which everything is seen that is seen of Keras here."""

        def asked(task: Task) -> Answer:
            observed = self.observed
            arguments = self.kept, dict(task.inputs), task.turns, observed.asked.spec, observed.asked.dtype
            with told(f"Keras on {backend}"):
                seen: Observation = asked_of(backend, observe_kept, arguments, self.seconds)
            return Noted(as_given(seen, Graph(seen.nodes)), [f"computed by Keras on {seen.environment['device']}"])

        return asked


@contextmanager
def told(what: str) -> Iterator[None]:
    """What goes wrong in the other process, as an answer that was not given.

    Raises:
        CandidateError: it does not do it, dies, or takes too long.
    """
    try:
        yield
    except CannotError as error:
        raise CandidateError(f"{what}: {error}") from None
    except (WorkerDiedError, OverdueError) as error:
        raise CandidateError(f"{what}: the process {how_it_ended(error)}") from None
