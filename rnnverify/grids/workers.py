"""One worker process, at the other end of a pipe of its own: it may hang, and it may die.

Pools of the standard library and others have pipes and locks in common: a process that is killed leaves them torn or taken,
and the whole pool is broken. Here it takes nothing with it but what it was doing.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pickle import PicklingError
from typing import Any

PREPARING = 600.0  # seconds that a process may take to import TensorFlow, from a slow disk
ENDING = 5.0  # seconds that a process may take to end by itself


class WorkerDiedError(Exception):
    """A worker ended before it had answered; the message says how."""


class OverdueError(Exception):
    """A worker did not answer in time, and was ended."""


class ClusterLostError(Exception):
    """There are no workers any more, or nobody who knows of them: what was under way has no result."""


class Worker:
    """A process that answers one call after the other."""

    def __init__(self, pipe: Connection, kill: Callable[[], None], ended: Callable[[float], int | None]) -> None:
        """Take charge of a process that runs `serve`.

        Args:
            pipe: this end of its pipe.
            kill: ends the process at once.
            ended: waits so many seconds, at most, for the process to end; its exit code, or None.
        """
        self.pipe = pipe
        self.kill = kill
        self.ended = ended
        self.prepared = False

    def prepare(self, ready: Callable[[], None]) -> None:
        """Have the process call what it is to call once, before all else.

        Raises:
            WorkerDiedError, OverdueError: as `ask`; and whatever is raised.
        """
        if not self.prepared:
            self.ask(ready, (), PREPARING)
            self.prepared = True

    def ask(self, function: Callable[..., Any], arguments: tuple[Any, ...], limit: float) -> Any:
        """Have a function called; what it raises is raised here.

        Raises:
            WorkerDiedError: the process has ended.
            OverdueError: it took longer than `limit` seconds; the process has been ended.
        """
        try:
            self.pipe.send((function, arguments))
            if not self.pipe.poll(limit):
                self.kill()
                self.end()
                raise OverdueError(limit)
            returned, answer = self.pipe.recv()
        except (EOFError, OSError):
            code = self.end()
            raise WorkerDiedError("no exit code" if code is None else f"exit code {code}") from None
        if returned:
            return answer
        raise answer

    def end(self) -> int | None:
        """Let the process end by itself, or else end it; its exit code."""
        self.pipe.close()
        code = self.ended(ENDING)
        if code is None:
            self.kill()
            self.ended(ENDING)
        return code


def work(pipe: Connection) -> None:
    """What a worker process of this machine does, as long as the one that started it lives."""
    starter = multiprocessing.parent_process()
    assert starter is not None
    serve(pipe, starter.join)


def serve(pipe: Connection, gone: Callable[[], Any], idle: float | None = None) -> None:
    """Answer calls until there is nobody who could ask.

    Args:
        pipe: this end of the pipe that calls come through.
        gone: returns when the process that asks has ended, which ends this one in the middle of whatever it does.
        idle: so many seconds without a call are enough.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the one who asks

    def end_with_it() -> None:
        gone()
        os._exit(1)

    threading.Thread(target=end_with_it, daemon=True).start()
    try:
        while pipe.poll(idle):
            answer = answered(pipe.recv_bytes())
            try:
                pipe.send(answer)
            except (PicklingError, TypeError, AttributeError, MemoryError) as error:
                pipe.send((False, RuntimeError(f"cannot be sent back: {type(error).__name__}: {error}")))
    except (EOFError, OSError):
        return


def answered(call: bytes) -> tuple[bool, Any]:
    """Whether a call returned, and what; or what it raised."""
    try:
        function, arguments = pickle.loads(call)
        return True, function(*arguments)
    except BaseException as error:
        return False, error
