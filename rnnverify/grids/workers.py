"""Where points are run: on processes of this machine, or on a Dask cluster. Both give futures, and nothing else is asked."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from typing import Any, Protocol

from rnnverify.errors import RequestError
from rnnverify.grids.grid import Grid, Point
from rnnverify.results import Record
from rnnverify.threads import allowed_cores

Task = Sequence[Point]  # run one after the other by one worker

SHARED = ("N", "T", "data", "weights", "seed", "tolerance")  # keys by which points may differ and share a model
# The results of a task's points are known together, so that it should have few of them, and not take long, either: some ten
# seconds. See `work_of`.
MOST_AT_ONCE, MOST_WORK = 16, 4e9
AHEAD = 4  # tasks waiting for each worker
PATIENCE = 10  # seconds that a scheduler may take to answer, and then to find a worker


class Executor(Protocol):
    """What local processes and a cluster have in common."""

    def submit(self, function: Any, *arguments: Any) -> Future[list[Record]]: ...


def tasks_of(grid: Grid, points: Sequence[Point]) -> list[Task]:
    """The points in groups that share a model; those with the most work first, so that no worker ends with a long one."""
    groups: dict[str, list[Point]] = {}
    for point in points:
        own = {key: value for key, value in point.items() if key.replace("[", ".").split(".")[0] not in SHARED}
        groups.setdefault(repr(own), []).append(point)
    tasks: list[tuple[int, Task]] = []
    for group in groups.values():
        work, task = 0, list[Point]()
        for point in group:
            more = work_of(grid, point)
            if task and (len(task) == MOST_AT_ONCE or work + more > MOST_WORK):
                tasks.append((work, task))
                work, task = 0, []
            work, task = work + more, [*task, point]
        tasks.append((work, task))
    return [task for _, task in sorted(tasks, key=lambda pair: -pair[0])]


def work_of(grid: Grid, point: Point) -> int:
    """About how many products with a recurrent kernel a point takes, for each gate."""
    sizes = {**grid.base, **dict(grid.overrides), **point}
    return math.prod(sizes[letter] for letter in "NTMM" if isinstance(sizes.get(letter), int))


def run(executor: Executor, grid: Grid, tasks: Sequence[Task], workers: int) -> Iterator[list[Record]]:
    """Run all tasks, and yield their records as they are known.

    Where a worker dies in a task, as by lack of memory, its points are run once more, one by one; the one that kills its
    worker again is an error.
    """
    from rnnverify.grids import points  # takes a while, in which the workers' server is starting

    waiting = list(reversed(tasks))
    running: dict[Future[list[Record]], Task] = {}
    while waiting or running:
        while waiting and len(running) < AHEAD * workers:
            task = waiting.pop()
            running[executor.submit(points.verify_points, grid, task)] = task
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            task = running.pop(future)
            try:
                yield future.result()
            except Exception as error:  # verify_points raises nothing: the worker is gone
                if len(task) > 1:
                    waiting += [[point] for point in reversed(task)]
                else:
                    yield [points.failed(grid, task[0], death(error))]


def death(error: Exception) -> str:
    """Why there is no result, in words."""
    code = getattr(error, "exitcode", None)
    told = f"exit code {code}" if code is not None else f"{type(error).__name__}: {error}"
    return f"the worker died ({told}), as when memory runs out; make the point smaller, or run fewer workers"


class Processes:
    """Worker processes of this machine."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool

    def submit(self, function: Any, *arguments: Any) -> Future[list[Record]]:
        made: Future[list[Record]] = self.pool.schedule(function, args=arguments)
        return made


@contextmanager
def local(workers: int) -> Iterator[Executor]:
    """That many processes, forked from one that has imported TensorFlow; the cores are shared out among them."""
    from pebble import ProcessPool

    threads = str(max(1, allowed_cores() // workers))
    with defaults(dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), threads)):
        pool: Any = ProcessPool(max_workers=workers, context=prepared_context())
        try:
            yield Processes(pool)
            pool.close()
        except BaseException:
            pool.stop()
            raise
        finally:
            pool.join()


def prepared_context() -> Any:
    """The way to start processes: from a server that begins at once to import TensorFlow, where there is one."""
    if os.name != "posix":
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver, resource_tracker

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["rnnverify.grids.preload"])
    resource_tracker.ensure_running()  # by itself the server would start it, and Ctrl-C be let through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # the server inherits that, see `preload`
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


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


@contextmanager
def cluster(address: str) -> Iterator[tuple[Executor, int]]:
    """A Dask cluster, and how many workers it has.

    Raises:
        RequestError: Dask is not installed, or there is no scheduler at the address.
    """
    try:
        from distributed import Client
    except ImportError:
        raise RequestError("--scheduler needs Dask: pip install 'rnnverify[dask]'") from None
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError, TimeoutError) as error:
        raise RequestError(
            f"--scheduler {address}: no Dask scheduler answers there ({error}); start one with: dask scheduler"
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise RequestError(
                f"--scheduler {address}: it has no workers; start one with: dask worker {address}"
            ) from None
        yield client.get_executor(pure=False), sum(client.nthreads().values())
