"""How many times the expected error right models differ by: what the verdict's multiple rests on.

python -m benchmarks.expected_error 1000
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.random_specs import random_spec
from rnnverify.library import verify
from rnnverify.spec import spec_from_mapping
from rnnverify.verification import MULTIPLE

SEED = 20261122


def main(models: int) -> None:
    rng = np.random.default_rng(SEED)
    worst: dict[str, tuple[float, float]] = {}
    for number in range(models):
        mapping = random_spec(rng)
        result = verify(spec_from_mapping(mapping))
        ends = max(row.max_abs_error / row.expected_error if row.expected_error else 0.0 for row in result.outputs)
        layers = max(layer.worst_ratio * MULTIPLE for layer in result.layers)
        before = worst.get(result.dtype, (0.0, 0.0))
        worst[result.dtype] = (max(before[0], ends), max(before[1], layers))
        if max(ends, layers) > MULTIPLE / 2 or not result.passed:
            print(f"model {number}: {ends:.3g} end to end, {layers:.3g} in a layer: {mapping}", flush=True)
    print(f"{models} models, seed {SEED}: the largest error over the expected one, end to end and in one layer")
    for dtype, (ends, layers) in sorted(worst.items()):
        print(f"  {dtype:<14} {ends:6.2f} {layers:6.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
