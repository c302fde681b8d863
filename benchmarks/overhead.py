"""What `rnnverify run configs/simple_rnn.yaml` costs beside a bare script that builds the same model and predicts.

python -m benchmarks.overhead 7
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks.table import Row, seconds, show

BARE = """
import keras, numpy
model = keras.Sequential([keras.Input((10, 3)), keras.layers.SimpleRNN(5), keras.layers.Dense(2)])
model.predict(numpy.random.default_rng(0).standard_normal((1, 10, 3)), verbose=0)
"""


def rows(rounds: int) -> Iterator[Row]:
    run = [sys.executable, "-m", "rnnverify", "run", "configs/simple_rnn.yaml"]
    bare = [sys.executable, "-c", BARE]
    seconds(bare)  # the first import reads the disk
    yield Row("rnnverify run / a bare script that predicts", [seconds(run) / seconds(bare) for _ in range(rounds)])


if __name__ == "__main__":
    show(rows(int(sys.argv[1]) if len(sys.argv) > 1 else 7))
