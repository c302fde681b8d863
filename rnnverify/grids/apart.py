"""On a Dask worker: points are run in processes apart, which may hang or die, and the worker with all else on it lives on."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from rnnverify.grids.workers import Worker, serve

IDLE = 300.0  # seconds after which such a process ends that is asked for nothing

spare: list[Worker] = []  # of this Dask worker's processes those that are asked for nothing, the last one last


def ask_apart(limit: float, ready: Callable[[], None], function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """On a Dask worker: have a function called in a process apart, which can be ended, and may die, without harm to it.

    Raises:
        WorkerDiedError, OverdueError: as `Worker.ask`; and whatever the function raises.
    """
    if os.name != "posix":  # pipes are not handed on to processes there
        ready()
        return function(*arguments)
    worker = at_hand() or apart()
    try:
        worker.prepare(ready)
        return worker.ask(function, arguments, limit)
    finally:
        spare.append(worker)


def at_hand() -> Worker | None:
    """A spare process that is alive."""
    with suppress(IndexError):  # as many threads as the Dask worker has take from them
        while True:
            worker = spare.pop()
            if worker.ended(0) is None:
                return worker
    return None


def apart() -> Worker:
    """A new process of its own; Dask's workers may have no others from `multiprocessing`."""
    ours, theirs = multiprocessing.Pipe()
    start = f"import sys; sys.path[:] = {sys.path!r}; from rnnverify.grids import apart; apart.serve_apart({theirs.fileno()})"
    process = subprocess.Popen(
        [sys.executable, "-c", start], stdin=subprocess.PIPE, pass_fds=[theirs.fileno()], start_new_session=True
    )
    theirs.close()
    lifeline = process.stdin
    assert lifeline is not None

    def ended(seconds: float) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            code = process.wait(seconds)
            lifeline.close()
            return code
        return None

    return Worker(ours, process.kill, ended)


def serve_apart(pipe: int) -> None:
    """What a process apart does. Its stdin ends when the Dask worker does."""
    serve(Connection(pipe), partial(os.read, 0, 1), IDLE)
