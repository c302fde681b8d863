"""Whether any other side escapes the worst-case bound: random expressions, evaluated in Arb with adverse roundings.

python -m benchmarks.enclosure 1000000
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from importlib.metadata import version

import numpy as np

from tests.rounding.expressions import Finding, trial
from tests.rounding.other_side import ARITHMETICS

SEED = 20261122


def main(operations: int) -> None:
    started, number = time.perf_counter(), 0
    total: dict[str, Finding] = defaultdict(Finding)
    by_operation: dict[str, dict[str, Finding]] = defaultdict(lambda: defaultdict(Finding))
    while sum(found.operations for found in total.values()) < operations:
        for dtype in ARITHMETICS:
            name, found = trial((SEED, number), dtype)
            total[dtype] += found
            by_operation[name][dtype] += found
            if not found.clean:
                print(f"trial(({SEED}, {number}), {dtype!r}): {found}", flush=True)
        number += 1
    print(f"python -m benchmarks.enclosure {operations}: seed {SEED}, {number} random expressions in each precision")
    print(f"NumPy {np.__version__}, python-flint {version('python-flint')}, {time.perf_counter() - started:.0f} s\n")
    print(
        "Operations on numbers, each evaluated on 5 to 7 other sides; results compared, and those claimed to be within"
    )
    print("infinity; results beyond their bound; bounds or variances that are NaN or negative; values further from the")
    print(
        "exact result than float64's own rounding; the largest |other side - value| / bound; numbers whose errors were"
    )
    print("held in float32, too.\n")
    names = (
        f"{'':<10}{'operations':>12}{'results':>12}{'unbounded':>12}{'escapes':>9}{'malformed':>11}{'misplaced':>11}"
    )
    print(f"{names}{'worst':>8}{'float32':>11}")
    for dtype, one in [*total.items(), ("all", sum(total.values(), Finding()))]:
        counts = f"{one.operations:>12,}{one.results:>12,}{one.unbounded:>12,}{one.escapes:>9}{one.malformed:>11}"
        print(f"{dtype:<10}{counts}{one.misplaced:>11}{one.worst:>8.4f}{one.in_single:>11,}")
    print(
        "\nThe largest ratio, by the operation that an expression ends with; it may pass 1 by float64's own rounding,"
    )
    print("2^-52 / u of the bound.\n")
    print(f"{'':<16}{'expressions':>12}" + "".join(f"{dtype:>10}" for dtype in ARITHMETICS))
    for name, found in sorted(by_operation.items()):
        ratios = "".join(f"{found[dtype].worst:>10.4f}" for dtype in ARITHMETICS)
        print(f"{name:<16}{sum(one.trials for one in found.values()):>12,}{ratios}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
