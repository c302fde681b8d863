"""The free-running replay beside other libraries' layers, on the same weights and data, side by side.

    python -m benchmarks.replay_speed 5

Each ratio is a peer's time over ours, in turn with it; 2 says that we are twice as fast.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.peers import Peer
from benchmarks.table import Row, show

SHAPES = ((1, 500, 64, 512), (8, 200, 64, 512), (64, 100, 64, 256), (64, 100, 8, 32), (1, 1000, 8, 32))  # N, T, D, M
KINDS = ("SimpleRNN", "LSTM", "GRU")

Make = Callable[[str, list[Any]], Peer]

FLOAT64: dict[str, Make] = {
    "PyTorch float64": lambda kind, weights: peers.torch(kind, weights, np.float64),
    "textbook loop float64": lambda kind, weights: peers.textbook(kind, weights, np.float64),
    "matrix products alone, float64": lambda kind, weights: peers.products(kind, weights, np.float64),
}
FLOAT32: dict[str, Make] = {
    "PyTorch float32": lambda kind, weights: peers.torch(kind, weights, np.float32),
    "onnx.reference float32": peers.onnx_reference,
    "ONNX Runtime float32": peers.onnx_runtime,
    "Keras predict float32": peers.keras,
    "matrix products alone, float32": lambda kind, weights: peers.products(kind, weights, np.float32),
}

AIMS = {"PyTorch float64": "at least 1", "onnx.reference float32": "at least 1.5"}


def seconds(run: Peer, x: Any) -> float:
    started = time.perf_counter()
    run(x)
    return time.perf_counter() - started


def ratios(
    kind: str, shape: tuple[int, ...], dtype: Any, made: dict[str, Make], rounds: int
) -> Iterator[tuple[str, list[float]]]:
    """Of each peer, its time over ours, again and again."""
    samples, timesteps, features, units = shape
    rng = np.random.default_rng(0)
    weights = peers.weights_of(kind, features, units, rng)
    x = rng.standard_normal((samples, timesteps, features)).astype(dtype)
    ours = peers.ours(kind, weights, dtype)
    expected = ours(x)
    assert expected.dtype == dtype
    for name, make in made.items():
        peer = make(kind, weights)
        theirs = peer(x)
        if not isinstance(theirs, tuple):  # the products alone give no h
            np.testing.assert_allclose(theirs, expected, atol=1e-10 if dtype == np.float64 else 2e-3)
        yield name, [seconds(peer, x) / seconds(ours, x) for _ in range(rounds)]


def rows(rounds: int) -> Iterator[Row]:
    for dtype, made in ((np.float64, FLOAT64), (np.float32, FLOAT32)):
        medians: dict[str, list[float]] = {name: [] for name in made}
        for shape in SHAPES:
            sizes = " ".join(f"{letter}={size}" for letter, size in zip("NTDM", shape, strict=True))
            for kind in KINDS:
                for name, found in ratios(kind, shape, dtype, made, rounds):
                    row = Row(f"{name} / replay, {kind} {sizes}", found)
                    medians[name].append(row.median)
                    yield row
        for name, found in medians.items():
            yield Row(f"{name} / replay: geometric mean", [statistics.geometric_mean(found)], AIMS.get(name, ""))


if __name__ == "__main__":
    show(rows(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
