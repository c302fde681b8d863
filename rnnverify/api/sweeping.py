"""The points of a grid, in parallel."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePath

from rnnverify.errors import RequestError
from rnnverify.grids.cluster import Address
from rnnverify.grids.grid import load_grid
from rnnverify.grids.sweep import Progress, Watcher, Where
from rnnverify.grids.sweep import sweep as sweep_grid
from rnnverify.results import SweepResult
from rnnverify.spec.overrides import Override

StrPath = str | os.PathLike[str]

LIMIT = 1800.0  # seconds that a point may take
LONGEST = 1e6


def unnoticed(event: object) -> None:
    """What a caller does on an event who does not want to know."""


@contextmanager
def unseen(total: int, done: int) -> Iterator[Callable[[int], None]]:
    """Progress that nobody sees."""
    yield unnoticed


def sweep(
    grid: StrPath,
    output: StrPath | None = None,
    *,
    overrides: Sequence[Override] = (),
    workers: int | None = None,
    scheduler: str | None = None,
    tls_ca_file: StrPath | None = None,
    tls_cert: StrPath | None = None,
    tls_key: StrPath | None = None,
    timeout: float = LIMIT,
    allow_code: bool = False,
    progress: Progress = unseen,
    say: Callable[[str], None] = unnoticed,
    pulse: Callable[[], None] = lambda: None,
) -> SweepResult:
    """Verify every point of a grid, in parallel. Run again on the same folder, it goes on where it stopped.

    Args:
        grid: the path of a YAML file with a `base`, which is a spec or the path of one, and a `grid` of values to try.
        output: the folder for the results, a line for each point as soon as it is known; by default the grid's name, with
            -sweep.
        overrides: (key, value) pairs that replace parts of the base.
        workers: how many processes of this machine to run on; by default as many as it has cores.
        scheduler: the address of a Dask cluster to run on instead, such as tcp://host:8786. Whoever has a hand on a scheduler
            can run code on its workers, and here: use your own, on a network that you trust, or TLS.
        tls_ca_file, tls_cert, tls_key: PEM files for a scheduler at tls://host:8786, as `dask scheduler` takes them.
        timeout: the seconds that a point may take; one that takes longer is an error, until it is given more.
        allow_code: whether functions that the grid names, to return models, may be run.
        progress: a context manager, called with the number of points and the number of those that are done already; what it
            gives is called with the number of new ones, as they are done.
        say: is called with what is being done until the first result is there.
        pulse: is called again and again while points are run; what it raises ends the sweep, and every result so far is kept.

    Returns:
        `records`, what the JSON report says of each point, in the order of the points; `summary`; `passed`.

    Raises:
        RequestError: the grid is wrong, the folder holds something else or cannot be written, no cluster answers, or it is lost.
        KeyboardInterrupt: Ctrl-C; every result so far is kept.
    """
    if workers is not None and scheduler is not None:
        raise RequestError("expected either workers, for this machine, or a scheduler, for a cluster; got both")
    if not 0 < timeout <= LONGEST:
        raise RequestError(f"timeout: expected seconds, above 0 and up to {LONGEST:g}, got {timeout}")
    files = [None if file is None else os.fspath(file) for file in (tls_ca_file, tls_cert, tls_key)]
    if scheduler is None and any(files):
        raise RequestError("--tls-ca-file, --tls-cert and --tls-key are for a scheduler; give its address too")
    address = None if scheduler is None else Address(scheduler, *files)
    say(f"reading {os.fspath(grid)}")
    loaded = load_grid(os.fspath(grid), overrides)
    loaded.check_consent(allow_code)
    folder = os.fspath(output or f"{PurePath(grid).stem}-sweep")
    return sweep_grid(loaded, folder, Where(workers, address, timeout), Watcher(progress, say, pulse))
