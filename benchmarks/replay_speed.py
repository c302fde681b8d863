"""The free-running replay beside other libraries' layers, on the same weights and data, side by side.

    python -m benchmarks.replay_speed 5

Each ratio is a peer's time over ours, in turn with it; 2 says that we are twice as fast.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.peers import Peer

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


def seconds(run: Peer, x: Any) -> float:
    started = time.perf_counter()
    run(x)
    return time.perf_counter() - started


def ratios(kind: str, shape: tuple[int, ...], dtype: Any, made: dict[str, Make], rounds: int) -> dict[str, float]:
    """Of each peer, the median of its time over ours."""
    samples, timesteps, features, units = shape
    rng = np.random.default_rng(0)
    weights = peers.weights_of(kind, features, units, rng)
    x = rng.standard_normal((samples, timesteps, features)).astype(dtype)
    ours = peers.ours(kind, weights, dtype)
    expected = ours(x)
    assert expected.dtype == dtype
    found = {}
    for name, make in made.items():
        peer = make(kind, weights)
        theirs = peer(x)
        if not isinstance(theirs, tuple):  # the products alone give no h
            np.testing.assert_allclose(theirs, expected, atol=1e-10 if dtype == np.float64 else 2e-3)
        count = rounds if seconds(peer, x) < 3 else 2
        found[name] = statistics.median(seconds(peer, x) / seconds(ours, x) for _ in range(count))
    return found


def main(rounds: int) -> None:
    print("A peer's time over the replay's, by kind and shape; and their geometric mean.\n")
    print(f"{'':<32}{'N,T,D,M':<16}" + "".join(f"{kind:>10}" for kind in KINDS))
    for dtype, made in ((np.float64, FLOAT64), (np.float32, FLOAT32)):
        table = {(kind, shape): ratios(kind, shape, dtype, made, rounds) for shape in SHAPES for kind in KINDS}
        for name in made:
            for shape in SHAPES:
                row = "".join(f"{table[kind, shape][name]:>10.2f}" for kind in KINDS)
                print(f"{name:<32}{','.join(map(str, shape)):<16}{row}")
            mean = math.exp(statistics.mean(math.log(one[name]) for one in table.values()))
            print(f"{name:<32}{'geometric mean':<16}{mean:>10.2f}\n", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
