"""A whole sweep: the points that have no result yet are run, each result kept as it comes, and all of them summed up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import chain, islice

from rnnverify.errors import RequestError
from rnnverify.grids import cluster as clusters
from rnnverify.grids import processes
from rnnverify.grids.grid import Grid
from rnnverify.grids.store import Store, now, opened
from rnnverify.grids.summary import summary_of
from rnnverify.grids.tasks import in_windows, run
from rnnverify.grids.workers import ClusterLostError
from rnnverify.results import Record, SweepResult
from rnnverify.threads import allowed_cores

MOST_IN_VAIN = 3

# Entered with the number of points, and of those that are done already; gives what is called with each number of new ones.
Progress = Callable[[int, int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class Watcher:
    """Who wants to know of a sweep, and may end it."""

    progress: Progress
    say: Callable[[str], None]  # is told what is being done
    pulse: Callable[
        [], None
    ]  # is called again and again; what it raises ends the sweep, at a moment when it can be ended


@dataclass(frozen=True)
class Where:
    """Where points are run, and for how long each may."""

    workers: int | None  # of this machine; as many as it has cores
    scheduler: clusters.Address | None  # of a cluster that runs them instead
    timeout: float  # seconds


def sweep(grid: Grid, folder: str, where: Where, watcher: Watcher) -> SweepResult:
    """Verify every point of a grid that has no result in the folder.

    Raises:
        RequestError: the folder cannot be used, there is no cluster at the address, or it is lost.
        KeyboardInterrupt: Ctrl-C, with a message that says what is kept and how to go on.
    """
    watcher.say(f"reading what there is in {folder}")
    with opened(folder, grid, where.timeout) as store:
        with kept(store, folder):
            run_what_is_left(store, where, watcher)
        records = store.in_order()
    return SweepResult(folder, grid.axes, tuple(records), summary_of(records, grid), grid.overrides)


@contextmanager
def kept(store: Store, folder: str) -> Iterator[None]:
    """Say of a sweep that ends early what is kept, and how to go on."""

    def so_far() -> str:
        return f"{len(store.records)} of {store.grid.count} results are kept in {folder}"

    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; {so_far()}: run the same command again to go on") from None
    except ClusterLostError as lost:
        raise RequestError(
            f"--scheduler: {lost}; {so_far()}: to go on, start the cluster and run the same command again, or run it"
            " without --scheduler, on this machine"
        ) from None


def run_what_is_left(store: Store, where: Where, watcher: Watcher) -> None:
    """Run the points that have no result yet, on a cluster where there is a scheduler, else on this machine."""
    done, total = len(store.records), store.grid.count
    if done == total:
        return
    with watcher.progress(total, done) as advance:
        if where.scheduler is None:
            tasks = in_windows(store.grid, store.left())
            first = list(islice(tasks, where.workers or allowed_cores()))
            watcher.say(f"importing TensorFlow for {len(first)} {'worker' if len(first) == 1 else 'workers'}")
            with processes.local(len(first), where.timeout) as executor:
                keep(store, run(executor, store.grid, chain(first, tasks), len(first), watcher.pulse), advance)
        else:
            run_on_cluster(store, where.scheduler, where.timeout, advance, watcher)
    if not store.lost:
        store.note(finished=now())


def run_on_cluster(
    store: Store, address: clusters.Address, timeout: float, advance: Callable[[int], None], watcher: Watcher
) -> None:
    """Run on a cluster. Where it is lost, it is looked for again, unless nothing has come of that several times.

    Raises:
        ClusterLostError: it is lost for good.
    """
    last: ClusterLostError | None = None
    vain = 0
    while True:
        before = len(store.records)
        watcher.say(f"connecting to {address.url}" if last is None else f"{last}: connecting to {address.url} again")
        try:
            with clusters.cluster(address, timeout, watcher.pulse) as (executor, count):
                watcher.say(f"importing TensorFlow on {count} {'worker' if count == 1 else 'workers'}")
                tasks = in_windows(store.grid, store.left())
                keep(store, run(executor, store.grid, tasks, count, watcher.pulse), advance)
            return
        except ClusterLostError as lost:
            last = lost
            vain = vain + 1 if len(store.records) == before else 0
            if vain == MOST_IN_VAIN:
                raise
        except clusters.NoClusterError:
            if last is None:
                raise
            raise last from None


def keep(store: Store, results: Iterable[list[Record]], advance: Callable[[int], None]) -> None:
    """Keep each result as it comes."""
    for records in results:
        for record in records:
            store.add(record)
        advance(len(records))
