"""Work on several cores within one process: NumPy lets other threads run while it computes."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from itertools import islice
from typing import TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Made = TypeVar("Made")

GLIBC_KEEPS = 31 << 20  # bytes: just below the largest array that makes glibc keep more, on 64-bit machines
MOST_CORES = 8  # every one of them holds a part of the work in memory


def in_order(function: Callable[[Item], Made], items: Sequence[Item]) -> Iterator[Made]:
    """`map(function, items)`, computed ahead by other threads; only a few results are held at a time.

    The caller's thread takes a share when it would wait. The linear algebra under it is kept from starting threads of
    its own, which would fight with these: it is called with a little work at a time.
    """
    keep_memory()
    helpers = min(cores(), len(items)) - 1
    if helpers < 1:
        yield from map(function, items)
        return
    rest = iter(items)
    ahead: deque[tuple[Item, Future[Made]]] = deque()
    with linear_algebra().limit(limits=1, user_api="blas"), ThreadPoolExecutor(helpers) as pool:
        while True:
            # For each thread one that it works on and one that waits: it must not run out while this one is busy.
            for item in islice(rest, 2 * helpers + 2 - len(ahead)):
                ahead.append((item, pool.submit(copy_context().run, function, item)))  # with the caller's np.errstate
            if not ahead:
                return
            while not ahead[0][1].done() and help_out(function, ahead):
                pass
            yield ahead.popleft()[1].result()


def help_out(function: Callable[[Item], Made], ahead: deque[tuple[Item, Future[Made]]]) -> bool:
    """Do the next piece of work that no thread has begun; False if there is none."""
    for place, (item, future) in enumerate(ahead):
        if future.cancel():
            done: Future[Made] = Future()
            done.set_result(function(item))
            ahead[place] = item, done
            return True
    return False


def cores() -> int:
    """How many cores to use: those that this process may run on, or fewer where OMP_NUM_THREADS says so."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    # Whatever else stands there, `²` say or a number of 5,000 digits, the libraries under NumPy pass over, too.
    fewer = max(1, int(wanted)) if re.fullmatch("[0-9]{1,9}", wanted) else MOST_CORES
    return min(allowed_cores(), MOST_CORES, fewer)


def allowed_cores() -> int:
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def keep_memory() -> None:
    """Have the C library keep freed memory for the next array.

    glibc returns it to the kernel, to fetch it anew page by page, until it has seen larger arrays come and go.
    """
    np.empty(GLIBC_KEEPS, dtype=np.uint8)


@cache
def linear_algebra() -> ThreadpoolController:
    """The libraries that NumPy's matrix products run on. Looking for them takes a while."""
    return ThreadpoolController()
