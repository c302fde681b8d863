"""Worker processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from queue import SimpleQueue
from types import ModuleType
from typing import Any

from rnnverify.errors import RequestError
from rnnverify.grids.workers import OverdueError, Worker, WorkerDiedError, work
from rnnverify.threads import allowed_cores

PRELOAD = ["rnnverify.grids.preload"]  # what the server of the workers imports

Call = tuple[Callable[[], None], Callable[..., Any], tuple[Any, ...]]


class Processes:
    """So many worker processes of this machine, each with a thread that hands it its calls."""

    def __init__(self, count: int, limit: float) -> None:
        self.limit = limit
        self.context = prepared_context()
        self.calls: SimpleQueue[tuple[Future[Any], Call] | None] = SimpleQueue()
        self.lock = threading.Lock()  # one thread at a time starts a process, or asks how one ended
        self.workers: list[Worker] = []
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self.attend, daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def submit(self, ready: Callable[[], None], function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.calls.put((future, (ready, function, arguments)))
        return future

    def result(self, future: Future[Any]) -> Any:
        return future.result()

    def check(self) -> None:
        """Nothing can be wrong but what the futures tell."""

    def attend(self) -> None:
        """Hand calls to one process, and to another in its place when it has died."""
        block_interrupts()  # of a server that is started from here, see `prepared_context`
        worker = None
        while (call := self.calls.get()) is not None and not self.ending.is_set():
            future, (ready, function, arguments) = call
            try:
                worker = worker or self.started()
                worker.prepare(ready)
                future.set_result(worker.ask(function, arguments, self.limit))
            except BaseException as error:
                if isinstance(error, WorkerDiedError | OverdueError) and worker is not None:
                    self.workers.remove(worker)
                    worker = None
                future.set_exception(error)
        if worker is not None:
            worker.end()

    def started(self) -> Worker:
        """A new worker process.

        Raises:
            RequestError: none can be started.
        """
        for _ in range(3):  # the server may have died, and is then started anew
            ours, theirs = self.context.Pipe()
            process = self.context.Process(target=work, args=(theirs,), daemon=True)
            try:
                with self.lock, without_main():
                    process.start()
            except (EOFError, OSError) as error:
                ours.close()
                problem = f"{type(error).__name__}: {error}"
                if self.ending.wait(0.5):
                    break
                continue
            finally:
                theirs.close()

            def ended(seconds: float, process: Any = process) -> int | None:
                with self.lock:
                    process.join(seconds)
                    code: int | None = process.exitcode
                    return code

            worker = Worker(ours, process.kill, ended)
            self.workers.append(worker)
            if self.ending.is_set():  # it has come too late to be killed with the others
                worker.kill()
            return worker
        raise RequestError(
            f"no worker process can be started ({problem}): it ends before TensorFlow is imported; does"
            " `python -c 'import keras'` work, and is there memory for it?"
        )

    def end(self) -> None:
        """Let the processes end, all of whose calls have been answered."""
        for _ in self.threads:
            self.calls.put(None)
        for thread in self.threads:
            thread.join()

    def kill(self) -> None:
        """End the processes at once. Nothing is waited for: a thread may be starting one, which takes seconds."""
        self.ending.set()
        for worker in list(self.workers):
            worker.kill()
        for _ in self.threads:
            self.calls.put(None)


@contextmanager
def local(count: int, limit: float) -> Iterator[Processes]:
    """So many processes, forked from one that has imported TensorFlow; the cores are shared out among them."""
    threads = str(max(1, allowed_cores() // count))
    with defaults(dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), threads)):
        pool = Processes(count, limit)
        try:
            yield pool
            pool.end()
        except BaseException:
            pool.kill()
            raise


def prepared_context() -> Any:
    """The way to start processes: from a server that begins at once to import TensorFlow, where there is one."""
    if os.name != "posix":
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver, resource_tracker

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    resource_tracker.ensure_running()  # by itself the server would start it, and Ctrl-C be let through again
    before = block_interrupts()  # the server inherits that, see `preload`
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


def block_interrupts() -> set[int]:
    """Keep Ctrl-C from this thread, and from processes that it starts; returns what was kept from it before."""
    if os.name != "posix":
        return set()
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}))


@contextmanager
def without_main() -> Iterator[None]:
    """Keep a process that is started from running the user's own script, which may be the one that sweeps."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def defaults(variables: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for the processes that are started meanwhile; the user's own stand."""
    added = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
