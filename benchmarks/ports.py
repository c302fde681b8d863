"""Right implementations of one recurrent layer with a Dense above it, written from the equations: none uses our layers.

In NumPy, float32, with the terms of every inner product in one of several orders; in C, as a compiler that may reorder makes it;
in PyTorch, where it is installed. And wrong ones, each with a fault that no catalogue has.
"""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

Weights = Mapping[str, list[Any]]
Product = Callable[[Any, Any], Any]
F = np.float32


def sigmoid(x: Any) -> Any:
    return F(1) / (F(1) + np.exp(-x))


def one_by_one(x: Any, w: Any) -> Any:
    """Term after term, from the first."""
    total = np.zeros((*x.shape[:-1], w.shape[1]), F)
    for index in range(w.shape[0]):
        total = total + x[..., index : index + 1] * w[index]
    return total


def from_the_end(x: Any, w: Any) -> Any:
    return one_by_one(x[..., ::-1], w[::-1])


def by_pairs(x: Any, w: Any) -> Any:
    """Neighbours first, then sums of sums."""
    terms = [x[..., index : index + 1] * w[index] for index in range(w.shape[0])]
    while len(terms) > 1:
        terms = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)] + terms[len(terms) & ~1 :]
    return terms[0]


def smallest_first(x: Any, w: Any) -> Any:
    """Per element, the smallest terms first."""
    terms = x[..., :, np.newaxis] * w
    order = np.argsort(np.abs(terms), axis=-2)
    return np.cumsum(np.take_along_axis(terms, order, axis=-2), axis=-2, dtype=F)[..., -1, :]


ORDERS: dict[str, Product] = {
    "BLAS": lambda x, w: (x @ w).astype(F),
    "one by one": one_by_one,
    "from the end": from_the_end,
    "by pairs": by_pairs,
    "smallest first": smallest_first,
}


def in_numpy(dot: Product, fused: bool = False) -> Callable[[Any, Weights], Any]:
    """A port: SimpleRNN, LSTM or GRU by the weights' names, and a Dense; `fused` multiplies x and h with one matrix."""

    def forward(x: Any, weights: Weights) -> Any:
        (name, own), (_, (head, offset)) = weights.items()
        kernel, recurrent, bias = own
        h = c = np.zeros((len(x), len(recurrent)), F)
        for t in range(x.shape[1]):
            if name == "gru":
                zx, zh = dot(x[:, t], kernel) + bias[0], dot(h, recurrent) + bias[1]
                (xz, xr, xh), (hz, hr, hh) = np.split(zx, 3, axis=-1), np.split(zh, 3, axis=-1)
                z, r = sigmoid(xz + hz), sigmoid(xr + hr)
                h = z * h + (F(1) - z) * np.tanh(xh + r * hh)
                continue
            if fused:
                z = dot(np.concatenate([x[:, t], h], axis=-1), np.concatenate([kernel, recurrent])) + bias
            else:
                z = dot(x[:, t], kernel) + dot(h, recurrent) + bias
            if name == "simple_rnn":
                h = np.tanh(z)
                continue
            i, f, candidate, o = np.split(z, 4, axis=-1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(candidate)
            h = sigmoid(o) * np.tanh(c)
        return dot(h, head) + offset

    return forward


SOURCE = """
#include <math.h>
static float s(float x) { return 1.0f / (1.0f + expf(-x)); }
void forward(int gates, int N, int T, int D, int M, int K, const float *x, const float *W, const float *U, const float *b,
             const float *V, const float *d, float *y) {
    float h[512], c[512], zx[2048], zh[2048];
    for (int n = 0; n < N; n++) {
        for (int u = 0; u < M; u++) h[u] = c[u] = 0.0f;
        for (int t = 0; t < T; t++) {
            const float *row = x + (n * T + t) * D;
            for (int u = 0; u < gates * M; u++) {
                zx[u] = b[u];
                zh[u] = gates == 3 ? b[gates * M + u] : 0.0f;
                for (int j = 0; j < D; j++) zx[u] += row[j] * W[j * gates * M + u];
                for (int j = 0; j < M; j++) zh[u] += h[j] * U[j * gates * M + u];
            }
            for (int u = 0; u < M; u++) {
                if (gates == 1) h[u] = tanhf(zx[u] + zh[u]);
                if (gates == 3) {
                    float z = s(zx[u] + zh[u]), r = s(zx[M + u] + zh[M + u]);
                    h[u] = z * h[u] + (1.0f - z) * tanhf(zx[2 * M + u] + r * zh[2 * M + u]);
                }
                if (gates == 4) {
                    float i = s(zx[u] + zh[u]), f = s(zx[M + u] + zh[M + u]), o = s(zx[3 * M + u] + zh[3 * M + u]);
                    c[u] = f * c[u] + i * tanhf(zx[2 * M + u] + zh[2 * M + u]);
                    h[u] = o * tanhf(c[u]);
                }
            }
        }
        for (int k = 0; k < K; k++) {
            y[n * K + k] = d[k];
            for (int u = 0; u < M; u++) y[n * K + k] += h[u] * V[u * K + k];
        }
    }
}
"""


@cache
def compiled() -> Any:
    """The same in C, compiled so that sums may be reordered."""
    place = Path(mkdtemp())
    (place / "port.c").write_text(SOURCE)
    flags = ["-O3", "-ffast-math", "-march=native", "-shared", "-fPIC"]
    subprocess.run(["cc", *flags, str(place / "port.c"), "-o", str(place / "port.so"), "-lm"], check=True)
    return ctypes.CDLL(str(place / "port.so"))


def in_c(x: Any, weights: Weights) -> Any:
    (_, own), (_, head) = weights.items()
    arrays = [np.ascontiguousarray(array, F) for array in (x, *own, *head)]
    (samples, timesteps, features), units, outputs = x.shape, len(own[1]), head[0].shape[1]
    y = np.zeros((samples, outputs), F)
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (*arrays, y)]
    compiled().forward(own[1].shape[1] // units, samples, timesteps, features, units, outputs, *pointers)
    return y


def in_torch(x: Any, weights: Weights) -> Any:
    from benchmarks import peers

    (name, own), (_, (head, offset)) = weights.items()
    kind = {"simple_rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}[name]
    return peers.torch(kind, own, F)(np.ascontiguousarray(x, F))[:, -1] @ head + offset


def right_ports() -> dict[str, Callable[[Any, Weights], Any]]:
    """All of them by name."""
    found = {f"NumPy, {name}": in_numpy(dot) for name, dot in ORDERS.items()}
    found |= {f"NumPy, {name}, one matrix": in_numpy(dot, True) for name, dot in ORDERS.items()}
    found["C, -O3 -ffast-math"] = in_c
    if find_spec("torch") is not None:
        found["PyTorch"] = in_torch
    return found


def wrong_ports() -> Iterator[tuple[str, Callable[[Any, Weights], Any]]]:
    """Faults that are no known mistakes, around the right port."""
    right = in_numpy(ORDERS["BLAS"])

    def with_weights(made: Callable[[list[Any]], None]) -> Callable[[Any, Weights], Any]:
        def forward(x: Any, weights: Weights) -> Any:
            (name, own), rest = next(iter(weights.items())), dict(list(weights.items())[1:])
            arrays = [np.array(array) for array in own]
            made(arrays)
            return right(x, {name: arrays, **rest})

        return forward

    def element(arrays: list[Any]) -> None:
        arrays[0][0, 0] *= F(1.01)

    def column(arrays: list[Any]) -> None:
        arrays[1][:, 1] = 0

    def row(arrays: list[Any]) -> None:
        arrays[0][[0, 1]] = arrays[0][[1, 0]]

    def quantised(arrays: list[Any]) -> None:
        arrays[1][:] = np.round(arrays[1] * 127) / 127

    def clipped(arrays: list[Any]) -> None:
        arrays[0][:] = np.clip(arrays[0], -0.3, 0.3)

    yield "one weight is 1% larger", with_weights(element)
    yield "a column of the recurrent kernel is lost", with_weights(column)
    yield "two rows of the kernel are exchanged", with_weights(row)
    yield "the recurrent kernel is rounded to 1/127", with_weights(quantised)
    yield "the kernel is clipped", with_weights(clipped)
    yield "x is scaled by 1.02", lambda x, w: right(x * F(1.02), w)
    yield "the third step is read twice", lambda x, w: right(x[:, [0, 1, 2, 2, *range(4, x.shape[1])]], w)
    yield "x is shifted by a constant", lambda x, w: right(x + F(0.01), w)
    yield (
        "the second sample is fed the mean",
        lambda x, w: right(np.concatenate([x[:1], x[1:2] * 0 + x[1:2].mean(), x[2:]]), w),
    )
    yield "the output is squashed by 0.99", lambda x, w: right(x, w) * F(0.99)
