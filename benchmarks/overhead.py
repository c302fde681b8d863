"""What `rnnverify run configs/simple_rnn.yaml` costs beside a bare script that builds the same model and predicts.

python -m benchmarks.overhead 7
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent

BARE = """
import keras, numpy
model = keras.Sequential([keras.Input((10, 3)), keras.layers.SimpleRNN(5), keras.layers.Dense(2)])
model.predict(numpy.random.default_rng(0).standard_normal((1, 10, 3)), verbose=0)
"""


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def main(rounds: int) -> None:
    run = [sys.executable, "-m", "rnnverify", "run", "configs/simple_rnn.yaml"]
    bare = [sys.executable, "-c", BARE]
    seconds(bare)  # the first import reads the disk
    pairs = [(seconds(run), seconds(bare)) for _ in range(rounds)]
    ratios = [ours / theirs for ours, theirs in pairs]
    print(
        f"run / bare script, {rounds} pairs: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}"
    )
    print(
        f"median seconds: run {statistics.median(p[0] for p in pairs):.2f}, bare {statistics.median(p[1] for p in pairs):.2f}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
