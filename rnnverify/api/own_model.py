"""Candidates that are made from the model itself: files that Keras exports, and Keras on another of its backends."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from rnnverify.api.told_float32 import with_precision
from rnnverify.candidates.candidate import Answer, Candidate, CandidateError, Noted, Task
from rnnverify.candidates.engines import ENGINES, Engine, of_file_for
from rnnverify.candidates.registry import is_engine
from rnnverify.diagnosis.task import task_of
from rnnverify.errors import RequestError
from rnnverify.grids.elsewhere import asked_of, how_it_ended
from rnnverify.grids.workers import OverdueError, WorkerDiedError
from rnnverify.keras_model.kept import CannotError, Kept, export_kept, keep, observe_kept
from rnnverify.layers.graph import Graph
from rnnverify.layers.registry import REPLAYED
from rnnverify.machine.backends import BACKENDS, backend_here
from rnnverify.mistakes.calls import FROZEN, LOST, RESET
from rnnverify.observation import Observation
from rnnverify.results import Comparison
from rnnverify.spec.paths import BACKEND, EXPORT
from rnnverify.verification.as_given import as_given

ENGINE_OF = {engine.prefix: engine for engine in ENGINES}
# Keras's formats: the ending of such a file, and what runs it.
FORMATS = {
    "onnx": (".onnx", ENGINE_OF["ort"]),
    "litert": (".tflite", ENGINE_OF["litert"]),
    "openvino": (".xml", ENGINE_OF["openvino"]),
}
NEAR = 1e-6  # how near two answers of one engine are that start from the same state
WRITTEN = re.compile(
    r"(?P<form>[a-z]+)(@(?P<backend>[a-z]+))?(:(?P<engine>[a-z]+))?(?P<sizes>(,[NT]=[1-9][0-9]{0,8})*)"
)


class Export(NamedTuple):
    """An export that is asked for: `export:onnx@torch,N=3,T=7`."""

    form: str
    backend: str
    engine: Engine
    sizes: dict[str, int]

    @classmethod
    def of(cls, text: str) -> Export:
        """From what was written.

        Raises:
            RequestError: it is no export.
        """
        found = WRITTEN.fullmatch(text.removeprefix(EXPORT))
        ending, usual = FORMATS.get(found["form"] if found else "", ("", None))
        engines = {name: engine for name, engine in ENGINE_OF.items() if ending in engine.endings}
        if (
            found is None
            or usual is None
            or found["backend"] not in (None, *BACKENDS)
            or found["engine"] not in (None, *engines)
        ):
            raise RequestError(
                f"--candidate {text}: expected export:FORMAT@BACKEND:ENGINE, with a format of {', '.join(FORMATS)}, a backend"
                f" of {', '.join(BACKENDS)} (without it the one that Keras has here), an engine that runs such files"
                f" (without it {', '.join(f'{engine.prefix} for {form}' for form, (_, engine) in FORMATS.items())}), and"
                " ,N=3,T=7 behind it where the file is to take so many samples and timesteps and no others"
            )
        sizes = dict(one.split("=") for one in found["sizes"].split(",")[1:])
        return cls(
            found["form"],
            found["backend"] or backend_here(),
            engines.get(found["engine"], usual),
            {key: int(size) for key, size in sizes.items()},
        )


def is_own(what: Any) -> bool:
    """Whether a candidate is made from the model itself."""
    return isinstance(what, str) and what.startswith((EXPORT, BACKEND))


def is_shipped(what: Any) -> bool:
    """Whether a candidate is what people ship, a file that an engine runs or Keras itself: it is asked for other calls, too."""
    return is_own(what) or is_engine(what)


def check_own(text: str, target: Any) -> None:
    """Refuse what is no such candidate, before anything is computed.

    Args:
        text: what was written.
        target: what it would be made from.

    Raises:
        RequestError: it is none, or there is no model but only what was seen of one.
    """
    if isinstance(target, Observation):
        raise RequestError(
            f"--candidate {text}: expected a spec or a model beside it, got an observation, which has no model in it"
        )
    if text.startswith(EXPORT):
        Export.of(text)
    elif text.removeprefix(BACKEND) not in BACKENDS:
        raise RequestError(f"--candidate {text}: expected backend: and one of {', '.join(BACKENDS)}")


class OwnModel:
    """The model that was observed, as a file that is written when it is first needed, and is there while `with` lasts.

    Args:
        target: the Spec, the model or the layer.
        x: its inputs, where it is no spec.
        observed: what it did.
        seconds: how long an export, an engine or a call on another backend may take.
    """

    def __init__(self, target: Any, x: Any, observed: Observation, seconds: float) -> None:
        self.target, self.x, self.observed, self.seconds = target, x, observed, seconds

    def candidate(self, text: str) -> Candidate:
        """From what was written, which `check_own` has let pass."""
        return self.exported(text, Export.of(text)) if text.startswith(EXPORT) else self.on_backend(text)

    def __enter__(self) -> OwnModel:
        self.until_the_end = ExitStack()
        return self

    def __exit__(self, *_: object) -> None:
        self.until_the_end.close()

    @cached_property
    def folder(self) -> str:
        return self.until_the_end.enter_context(TemporaryDirectory())

    @cached_property
    def kept(self) -> Kept:
        return keep(self.target, self.x, self.observed, os.path.join(self.folder, "model.keras"), REPLAYED)

    def exported(self, text: str, wanted: Export) -> Candidate:
        """A file that Keras exports once, run by an engine in every call."""
        path = os.path.join(self.folder, f"exported{FORMATS[wanted.form][0]}")
        run = of_file_for(wanted.engine, path, text, self.seconds)

        def asked(task: Task) -> Answer:
            if not os.path.exists(path):
                arguments = self.kept, wanted.form, wanted.sizes, path
                fixed = not wanted.sizes and bool(task.turns)  # the number of samples of a stateful model
                hint = f"; {text},N={task.samples} fixes the number of samples" if fixed else ""
                with told(f"exporting on {wanted.backend}", hint):
                    asked_of(wanted.backend, export_kept, arguments, self.seconds)
            return run(task)

        return asked

    def settled(self, text: str, found: Comparison) -> Comparison:
        """A comparison in which what more can be known of a candidate that is made from the model itself is known.

        Whether a file starts each call from zero, or from the state at its export: of a model that was exported before its
        first call the two are the same, so it is exported once more after a call. And whether OpenVINO's precision is all that
        is wrong.
        """
        ids = set(found.diagnosis.tied if found.diagnosis is not None else ())
        if text == f"{BACKEND}openvino" and found.dtype == "float32":
            by_itself, told_so = (self.on_backend(text, in_float32=told) for told in (False, True))
            return with_precision(found, self.observed, by_itself, told_so)
        if not is_own(text) or not {LOST, FROZEN} <= ids:
            return found
        if text.startswith(BACKEND):
            return without(found, {RESET, FROZEN})  # it is stateful, and there is no export
        wanted, first = Export.of(text), task_of(self.observed, Graph(self.observed.nodes)).first_call
        place = os.path.join(self.folder, "later")
        os.makedirs(place, exist_ok=True)
        later = os.path.join(place, f"exported{FORMATS[wanted.form][0]}")
        try:
            with told("exporting after a call"):
                arguments = self.kept, wanted.form, wanted.sizes, later, dict(first.inputs)
                asked_of(wanted.backend, export_kept, arguments, self.seconds)
            before = self.exported(text, wanted)(first)
            after = of_file_for(wanted.engine, later, text, self.seconds)(first)
        except CandidateError:
            return found
        frozen = any(not np.allclose(before[name], after[name], rtol=NEAR, atol=NEAR) for name in first.outputs)
        said = "goes on from where that call ended" if frozen else "starts from zero all the same"
        made = without(found, {LOST, RESET} if frozen else {FROZEN})
        return replace(made, notes=(*made.notes, f"exported once more, after a call, the file {said}"))

    def on_backend(self, text: str, in_float32: bool = False) -> Candidate:
        """Keras on a backend, of which everything is seen that is seen of Keras here."""
        backend = text.removeprefix(BACKEND)

        def asked(task: Task) -> Answer:
            observed = self.observed
            arguments = (
                self.kept,
                dict(task.inputs),
                task.turns,
                observed.asked.spec,
                observed.asked.dtype,
                in_float32,
            )
            with told(f"Keras on {backend}"):
                seen: Observation = asked_of(backend, observe_kept, arguments, self.seconds)
            return Noted(as_given(seen, Graph(seen.nodes)), [f"computed by Keras on {seen.environment['device']}"])

        return asked


def without(found: Comparison, ruled_out: Collection[str]) -> Comparison:
    """A comparison from whose explanations some are ruled out."""
    assert found.diagnosis is not None
    mistakes = tuple(one for one in found.diagnosis.mistakes if one.id not in ruled_out)
    return replace(found, diagnosis=replace(found.diagnosis, mistakes=mistakes))


@contextmanager
def told(what: str, hint: str = "") -> Iterator[None]:
    """What goes wrong in the other process, as an answer that was not given.

    Args:
        what: was being done.
        hint: what may help where Keras does not do it.

    Raises:
        CandidateError: it does not do it, dies, or takes too long.
    """
    try:
        yield
    except CannotError as error:
        raise CandidateError(f"{what}: {error}{hint}") from None
    except (WorkerDiedError, OverdueError) as error:
        raise CandidateError(f"{what}: the process {how_it_ended(error)}") from None
