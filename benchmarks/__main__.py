"""make bench: everything that is measured in minutes, as one table, which is also written to results/bench.txt.

The long runs have commands of their own: soundness, structured, random_graphs, enclosure, sharpness, aggregated,
expected_error, fuzz, mutants, precisions.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path

from benchmarks import memory, overhead, replay_speed, sweep, verification_cost, worker_memory
from benchmarks.table import machine, show

RESULT = Path(__file__).parent / "results" / "bench.txt"

if __name__ == "__main__":
    about = f"make bench: ratios measured side by side: median, smallest and largest\n{machine()}\n"
    print(about)
    tables = [
        overhead.rows(7),
        verification_cost.rows(21),
        memory.rows(100_000),
        sweep.rows(sweep.GRID, 9),
        worker_memory.rows(worker_memory.GRID),
        replay_speed.rows(5),
    ]
    RESULT.write_text("\n".join([about, *show(chain(*tables))]) + "\n")
