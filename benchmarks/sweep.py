"""A sweep beside the notebook's way: a loop that builds, predicts and replays each point by itself, in one process.

python -m benchmarks.sweep configs/grids/shapes.yaml
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.table import Row, seconds, show
from rnnverify.grids.grid import load_grid

GRID = "configs/grids/shapes.yaml"
LOOP = "from benchmarks.sweep import loop; import sys; loop(sys.argv[1])"


def loop(path: str) -> None:
    """Each point as one writes it by hand: Keras's layers, predict, get_weights, loops over samples and timesteps."""
    import keras

    grid = load_grid(path)
    worst = 0.0
    for point in grid.points():
        sizes = {**grid.base, **point}
        samples, timesteps, features, units = (sizes[letter] for letter in "NTDM")
        model = keras.Sequential(
            [
                keras.Input((timesteps, features)),
                getattr(keras.layers, sizes["layer"])(units),
                keras.layers.Dense(sizes["K"]),
            ]
        )
        x = np.random.default_rng(0).standard_normal((samples, timesteps, features))
        predicted = model.predict(x, verbose=0)
        *weights, kernel, bias = model.get_weights()
        for sample in range(samples):
            h = STEPS[sizes["layer"]](x[sample], units, *weights)[-1]
            worst = max(worst, float(np.abs(h @ kernel + bias - predicted[sample]).max()))
    print(f"worst {worst:.2g}")


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def simple_rnn(x: Any, units: int, kernel: Any, recurrent_kernel: Any, bias: Any) -> list[Any]:
    h, hs = np.zeros(units), []
    for t in range(len(x)):
        h = np.tanh(x[t] @ kernel + h @ recurrent_kernel + bias)
        hs.append(h)
    return hs


def lstm(x: Any, units: int, kernel: Any, recurrent_kernel: Any, bias: Any) -> list[Any]:
    h, hs = np.zeros(units), []
    c = h
    for t in range(len(x)):
        i, f, g, o = np.split(x[t] @ kernel + h @ recurrent_kernel + bias, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        hs.append(h)
    return hs


def gru(x: Any, units: int, kernel: Any, recurrent_kernel: Any, bias: Any) -> list[Any]:
    h, hs = np.zeros(units), []
    for t in range(len(x)):
        xz, xr, xh = np.split(x[t] @ kernel + bias[0], 3)
        hz, hr, hh = np.split(h @ recurrent_kernel + bias[1], 3)
        z, r = sigmoid(xz + hz), sigmoid(xr + hr)
        h = z * h + (1 - z) * np.tanh(xh + r * hh)
        hs.append(h)
    return hs


STEPS = {"SimpleRNN": simple_rnn, "LSTM": lstm, "GRU": gru}


def rows(path: str, rounds: int) -> Iterator[Row]:
    ratios = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            ours = seconds([sys.executable, "-m", "rnnverify", "sweep", path, "--output", f"{folder}/out", "-q"])
        ratios.append(seconds([sys.executable, "-c", LOOP, path]) / ours)
    yield Row(f"a loop in one process / rnnverify sweep, {len(load_grid(path))} points", ratios, "at least 6.5")


if __name__ == "__main__":
    show(rows(sys.argv[1] if len(sys.argv) > 1 else GRID, 9))
