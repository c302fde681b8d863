"""A whole sweep: the points that have no result yet are run, each result kept as it comes, and all of them summed up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from rnnverify.grids import workers as places
from rnnverify.grids.grid import Grid
from rnnverify.grids.store import Store, now, opened
from rnnverify.grids.summary import summary_of
from rnnverify.results import Record, SweepResult
from rnnverify.threads import allowed_cores

# Entered with the number of points, and of those that are done already; gives what is called with each number of new ones.
Progress = Callable[[int, int], AbstractContextManager[Callable[[int], None]]]


def sweep(grid: Grid, folder: str, workers: int | None, scheduler: str | None, progress: Progress) -> SweepResult:
    """Verify every point of a grid that has no result in the folder.

    Raises:
        RequestError: the folder cannot be used, or there is no cluster at the address.
        KeyboardInterrupt: Ctrl-C, with a message that says what is kept and how to go on.
    """
    with opened(folder, grid) as store:
        try:
            run_what_is_left(grid, store, workers, scheduler, progress)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"interrupted; {len(store.records)} of {len(grid)} results are kept in {folder}:"
                " run the same command again to go on"
            ) from None
        records = store.in_order(grid)
    return SweepResult(folder, grid.axes, tuple(records), summary_of(records, grid))


def run_what_is_left(grid: Grid, store: Store, workers: int | None, scheduler: str | None, progress: Progress) -> None:
    """Run the points that have no result yet, on a cluster where there is a scheduler, else on this machine."""
    left = store.left(grid)
    if not left:
        return
    tasks = places.tasks_of(grid, left)
    seen = progress(len(grid), len(grid) - len(left))
    if scheduler is not None:
        with places.cluster(scheduler) as (executor, count), seen as advance:
            keep(store, places.run(executor, grid, tasks, count), advance)
    else:
        count = min(workers or allowed_cores(), len(tasks))
        with places.local(count) as executor, seen as advance:
            keep(store, places.run(executor, grid, tasks, count), advance)
    store.note(finished=now())


def keep(store: Store, results: Iterable[list[Record]], advance: Callable[[int], None]) -> None:
    for records in results:
        for record in records:
            store.add(record)
        advance(len(records))
