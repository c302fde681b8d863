"""How many times the expected error right models differ by end to end: what the marks in a mismatch's table rest on.

python -m benchmarks.expected_error 1000
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.random_specs import random_spec
from rnnverify.api import verify
from rnnverify.spec import spec_from_mapping
from rnnverify.verification.verdict import MULTIPLE

SEED = 20261122


def main(models: int) -> None:
    rng = np.random.default_rng(SEED)
    worst: dict[str, float] = {}
    for number in range(models):
        mapping = random_spec(rng)
        result = verify(spec_from_mapping(mapping))
        ends = max(row.max_abs_error / row.expected_error if row.expected_error else 0.0 for row in result.outputs)
        worst[result.dtype] = max(worst.get(result.dtype, 0.0), ends)
        if ends > MULTIPLE / 2 or not result.passed:
            print(f"model {number}: {ends:.3g}: {mapping}", flush=True)
    print(f"{models} models, seed {SEED}: the largest error over the expected one, end to end")
    for dtype, ends in sorted(worst.items()):
        print(f"  {dtype:<14} {ends:6.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
