"""What the tests of sweeps share: a small grid, what one process finds of it, and a Dask cluster on loopback."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rnnverify.grids import points
from rnnverify.grids.grid import Grid, load_grid
from tests.grids.numbers import gist
from tests.grids.stand_ins import nothing

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def ready_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that do no more than stand-ins need no TensorFlow."""
    monkeypatch.setattr(points, "ready", nothing)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Grid:
    path = tmp_path_factory.mktemp("grid") / "grid.yaml"
    path.write_text(
        "base: {D: 3, K: 2}\ngrid: {layer: [LSTM, GRU], N: [1, 3], T: [2, 5], M: [4], weights.scale: [1, 2]}"
    )
    return load_grid(str(path))


@pytest.fixture(scope="session")
def alone(small: Grid) -> dict[str, Any]:
    """What this process finds by itself."""
    return gist([points.verify_point(small, point) for point in small.points()])


class DaskCluster:
    """A scheduler, and workers that no nanny starts anew."""

    def __init__(self, folder: Path, count: int, tls: Sequence[str] = ()) -> None:
        self.folder = folder
        self.file = folder / f"scheduler-{time.monotonic_ns()}.json"
        self.tls = tls
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(self.file)]
        self.scheduler = self.started("dask_scheduler", [*options, *(["--protocol", "tls"] if tls else [])])
        self.address = self.asked()
        self.workers = [self.worker() for _ in range(count)]

    def worker(self) -> subprocess.Popen[bytes]:
        options = ["--nthreads", "1", "--no-dashboard", "--no-nanny", "--local-directory", str(self.folder)]
        return self.started("dask_worker", [self.address, *options])

    def ready(self) -> None:
        """Wait for all workers."""
        from distributed import Client

        with Client(self.address, timeout=60) as client:
            client.wait_for_workers(len(self.workers), timeout=60)

    def started(self, program: str, options: Sequence[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{program}", *options, *self.tls],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def asked(self) -> str:
        """The address, as soon as the scheduler has written it."""
        while True:
            assert self.scheduler.poll() is None
            found = re.search(r"t(cp|ls)://[\d.]+:\d+", self.file.read_text()) if self.file.exists() else None
            if found is not None:
                return found[0]
            time.sleep(0.05)

    def end(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@contextmanager
def dask_cluster(folder: Path, count: int, tls: Sequence[str] = ()) -> Iterator[DaskCluster]:
    pytest.importorskip("distributed")
    made = DaskCluster(folder, count, tls)
    try:
        if count and not tls:
            made.ready()
        yield made
    finally:
        made.end()
