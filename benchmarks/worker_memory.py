"""How a sweep's worker grows: its resident memory after so many points of mixed layers and shapes, in the order of a sweep.

python -m benchmarks.worker_memory configs/grids/mixed.yaml
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import chain

import psutil

from benchmarks.table import Row, show
from rnnverify.grids.grid import load_grid
from rnnverify.grids.points import verify_point
from rnnverify.grids.workers import tasks_of

GRID = "configs/grids/mixed.yaml"
FIRST = 50


INSIDE = "from benchmarks.worker_memory import growth; import sys; print(growth(sys.argv[1]))"


def growth(path: str) -> float:
    """Of this process, over all points."""
    grid = load_grid(path)
    process, sizes, verdicts = psutil.Process(), [], Counter[str]()
    for point in chain.from_iterable(tasks_of(grid, list(grid.points()))):
        verdicts[verify_point(grid, point)["verdict"]] += 1
        sizes.append(process.memory_info().rss)
        if len(sizes) % FIRST == 0:
            print(f"{len(sizes)} points, {dict(verdicts)}, {sizes[-1] / 2**20:.0f} MB", file=sys.stderr, flush=True)
    return sizes[-1] / sizes[FIRST - 1]


def rows(path: str) -> Iterator[Row]:
    done = subprocess.run([sys.executable, "-c", INSIDE, path], check=True, stdout=subprocess.PIPE, text=True)
    yield Row(
        f"a worker's memory after {len(load_grid(path))} points / after {FIRST}", [float(done.stdout)], "below 1.1"
    )


if __name__ == "__main__":
    show(rows(sys.argv[1] if len(sys.argv) > 1 else GRID))
