"""The points in tasks, and the tasks run on workers of whatever kind: those give futures, and nothing else is asked."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from itertools import islice
from typing import Any, Protocol

from rnnverify.errors import RequestError
from rnnverify.grids.grid import Grid, Point
from rnnverify.grids.workers import ClusterLostError, OverdueError, WorkerDiedError
from rnnverify.keras_model.refusals import first_line
from rnnverify.results import Record

Task = Sequence[Point]  # run one after the other by one worker

SHARED = ("N", "T", "data", "weights", "seed", "tolerance")  # keys by which points may differ and share a model
# The results of a task's points are known together, so that it should have few of them, and not take long, either: some ten
# seconds. See `work_of`.
MOST_AT_ONCE, MOST_WORK = 16, 4e9
WINDOW = 20_000  # points that are put in order together; a grid of a million starts as soon as one of a thousand
AHEAD = 4  # tasks waiting for each worker
PULSE = 0.2  # seconds
PAUSE = 2.0  # seconds without any result after which it is asked whether the workers are still there
TRIES = 2  # for a point that takes its worker with it: another may have been the reason


class Executor(Protocol):
    """What local processes and a cluster have in common."""

    def submit(self, ready: Callable[[], None], function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Have a function called by a worker that has called `ready` before, once."""

    def result(self, future: Future[Any]) -> Any:
        """Raises WorkerDiedError, OverdueError or ClusterLostError where there is no answer, and what the function raises."""

    def check(self) -> None:
        """Raises ClusterLostError where there are no workers any more."""


def in_windows(grid: Grid, points: Iterable[Point]) -> Iterator[Task]:
    """The tasks of very many points."""
    rest = iter(points)
    while window := list(islice(rest, WINDOW)):
        yield from tasks_of(grid, window)


def tasks_of(grid: Grid, points: Iterable[Point]) -> list[Task]:
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


def run(
    executor: Executor, grid: Grid, tasks: Iterable[Task], workers: int, pulse: Callable[[], None] = lambda: None
) -> Iterator[list[Record]]:
    """Run all tasks, and yield the records of each as they are known.

    Where a worker dies in a task, as by lack of memory, or does not answer in time, the points of the task are run once more,
    one by one. One that takes longer than allowed by itself is an error. One that takes its worker with it again has no
    result: its record says so, with `lost`.

    Raises:
        RequestError: a worker cannot run points at all. And whatever `pulse` raises, which is called again and again.
        ClusterLostError: there are no workers any more.
    """
    from rnnverify.grids import points  # takes a while, in which the workers' server is starting

    bare = replace(grid, axes={})  # what the workers need of it: the axes may be long
    rest = iter(tasks)
    again: list[tuple[Task, int]] = []
    running: dict[Future[Any], tuple[Task, int]] = {}
    heard = time.monotonic()
    while True:
        while len(running) < AHEAD * workers:
            task, tries = again.pop() if again else (next(rest, ()), 1)
            if not task:
                break
            running[executor.submit(points.ready, points.verify_points, bare, task)] = task, tries
        if not running:
            return
        done, _ = wait(running, timeout=PULSE, return_when=FIRST_COMPLETED)
        pulse()
        if done:
            heard = time.monotonic()
        elif time.monotonic() - heard > PAUSE:
            executor.check()
            heard = time.monotonic()
        for future in done:
            task, tries = running.pop(future)
            try:
                yield executor.result(future)
            except (WorkerDiedError, OverdueError) as failure:
                if len(task) > 1:
                    again += [([point], TRIES) for point in reversed(task)]
                elif isinstance(failure, OverdueError):
                    yield [points.overdue(grid, task[0], *failure.args)]
                elif tries < TRIES:
                    again.append((task, tries + 1))
                else:
                    yield [points.lost(grid, task[0], failure)]
            except (ClusterLostError, RequestError):
                raise
            except Exception as error:
                raise RequestError(
                    f"a worker cannot run points ({first_line(error)}); is the same rnnverify installed there?"
                ) from error
