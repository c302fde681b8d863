"""How many standard deviations right models differ by end to end: what the verdict on outputs of another run rests on.

    python -m benchmarks.expected_error 2000 --seed 1

The free-running replay in rounding numbers (see `verification.end_to_end`) beside what Keras predicted, element by element,
and how far the deviation itself grows: where it exceeds the values nothing can be told from the outputs.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from typing import Any

import numpy as np

from benchmarks.soundness import right_models
from rnnverify.layers.graph import Graph
from rnnverify.rounding import PRECISIONS, Rounded
from rnnverify.verification.end_to_end import expected_end_to_end


def main(models: int, seed: int) -> None:
    worst: dict[str, float] = defaultdict(float)
    squares: dict[str, list[float]] = defaultdict(list)
    lost = count = 0
    for model in right_models(models, seed, 64, 60):
        observed, count = model.observed, model.number
        expected = expected_end_to_end(observed, Graph(observed.nodes)).tensors
        for ref, prediction in zip(observed.outputs, observed.predictions, strict=True):
            made: Any = expected[ref].values
            if not isinstance(made, Rounded):
                continue
            with np.errstate(all="ignore"):
                deviation = np.sqrt(made.variance)
                ratio = np.abs(prediction.astype(np.float64) - made.value) / np.maximum(deviation, 1e-150)
                known = np.isfinite(ratio) & (made.variance > 0) & (deviation < 0.1 * np.abs(made.value))
            lost += not known.any()
            if known.any():
                worst[model.spec.dtype] = max(worst[model.spec.dtype], float(ratio[known].max()))
                squares[model.spec.dtype].append(float(np.sqrt(np.mean(ratio[known] ** 2))))
            if known.any() and ratio[known].max() > made.precision.limit:
                print(f"model {model.number}: {ratio[known].max():.3g}: {model.mapping}", flush=True)
    print(
        f"{count} models, seed {seed}: the largest error end to end in standard deviations, and the median of their rms"
    )
    for dtype in sorted(worst):
        limit = PRECISIONS[dtype.removeprefix("mixed_")].limit
        print(f"  {dtype:<14} {worst[dtype]:6.2f}  {np.median(squares[dtype]):6.2f}   (limit {limit:g})")
    print(f"{lost} outputs of which no element is known to within 10%")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("models", type=int, nargs="?", default=2000)
    parser.add_argument("--seed", type=int, default=1)
    main(**vars(parser.parse_args()))
