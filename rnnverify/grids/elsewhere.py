"""Keras on another of its backends: in a process of its own, for a process has one backend once Keras is imported.

    python -m rnnverify.grids.elsewhere FD

is that process, which answers on the socket FD until whoever started it is gone.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from multiprocessing.connection import Connection
from typing import Any

from rnnverify.errors import RequestError
from rnnverify.grids.workers import OverdueError, Worker, WorkerDiedError, serve
from rnnverify.keras_model.loading import module_of
from rnnverify.keras_model.session import Session, load_keras
from rnnverify.layers.registry import REPLAYED
from rnnverify.machine.backends import backend_here
from rnnverify.machine.children import environment_of_child
from rnnverify.observation import Observation
from rnnverify.spec.loading import spec_from_mapping
from rnnverify.spec.model import Spec
from rnnverify.spec.paths import is_function

PATIENCE = 600.0  # seconds that a model may take there
STARTED: dict[str, Worker] = {}  # by backend: one process answers all


@atexit.register
def end() -> None:
    """Let the processes end with this one."""
    while STARTED:
        STARTED.popitem()[1].end()


def observed_by(session: Session, spec: Spec) -> Observation:
    """What Keras does for a spec: here, or where its backend is another one.

    Raises:
        RequestError: as `Session.observe`; or the backend cannot be started, or dies, or hangs.
    """
    if spec.backend in (None, backend_here()):
        return session.observe(spec)
    if os.name != "posix":
        raise RequestError(
            f"{spec.path}: backend: another backend needs a POSIX system; set KERAS_BACKEND={spec.backend}"
        )
    backend = str(spec.backend)
    try:
        answer: Observation = asked_of(backend, observe, (dict(spec.document), spec.path, spec.opaque))
    except (WorkerDiedError, OverdueError) as error:
        raise RequestError(
            f"{spec.path}: Keras on {backend} {how_it_ended(error)}; make the model smaller, or try it by itself"
        ) from None
    if spec.model is not None and is_function(spec.model):  # it may say what its own cells compute, here, too
        if "keras" not in sys.modules:
            os.environ.setdefault("KERAS_BACKEND", backend)
        module_of(spec.model)
    return answer


def asked_of(backend: str, function: Callable[..., Any], arguments: tuple[Any, ...], limit: float = PATIENCE) -> Any:
    """What a function gives in the process that has a backend, which is started where there is none yet.

    Args:
        limit: seconds that it may take, once Keras is imported there.

    Raises:
        WorkerDiedError, OverdueError: the process died, or took too long; and whatever the function raises.
    """
    if backend not in STARTED:
        STARTED[backend] = started(backend)
    worker = STARTED[backend]
    try:
        worker.prepare(load_keras_there)
        return worker.ask(function, arguments, limit)
    except (WorkerDiedError, OverdueError):
        STARTED.pop(backend).end()
        raise


def load_keras_there() -> None:
    """Import Keras, which is no answer that can be sent."""
    load_keras()


def how_it_ended(error: Exception) -> str:
    """How a process did, in words."""
    return f"took longer than {error.args[0]:g} seconds" if isinstance(error, OverdueError) else f"died ({error})"


def started(backend: str) -> Worker:
    """A process with a backend."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, "-m", "rnnverify.grids.elsewhere", str(theirs.fileno())],
        stdin=subprocess.PIPE,  # which ends when we do
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
        env=environment_of_child(KERAS_BACKEND=backend),
    )
    theirs.close()

    def ended(seconds: float) -> int | None:
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        assert process.stdin is not None
        process.stdin.close()
        return code

    return Worker(Connection(ours.detach()), process.kill, ended)


@cache
def session() -> Session:
    """That process's own."""
    return Session(REPLAYED)


def observe(document: Mapping[str, Any], path: str, opaque: tuple[str, ...]) -> Observation:
    """What Keras does there for a spec, which is code's author's own business: consent was asked for before."""
    spec = spec_from_mapping({**document, **({"opaque": list(opaque)} if opaque else {})}, path)
    return session().observe(spec)


def main() -> None:
    serve(Connection(int(sys.argv[1])), sys.stdin.buffer.read)


if __name__ == "__main__":
    main()
