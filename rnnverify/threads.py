"""Work on several cores within one process: NumPy lets other threads run while it computes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Made = TypeVar("Made")

MOST_CORES = 8  # every one of them holds a part of the work in memory


def in_order(function: Callable[[Item], Made], items: Sequence[Item]) -> Iterator[Made]:
    """`map(function, items)`, computed ahead by other threads; only a few results are held at a time.

    The linear algebra under it is kept from starting threads of its own, which would fight with these: it is called
    with a little work at a time.
    """
    workers = min(cores(), len(items) - 1)
    if workers < 2:
        yield from map(function, items)
        return
    ahead: deque[Future[Made]] = deque()
    with linear_algebra().limit(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        for item in items:
            ahead.append(pool.submit(copy_context().run, function, item))  # with the caller's np.errstate
            if len(ahead) > workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def cores() -> int:
    """How many cores to use: those that this process may run on, or fewer where OMP_NUM_THREADS says so."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(allowed, MOST_CORES, max(1, int(wanted)) if wanted.isdigit() else MOST_CORES)


@cache
def linear_algebra() -> ThreadpoolController:
    """The libraries that NumPy's matrix products run on. Looking for them takes a while."""
    return ThreadpoolController()
