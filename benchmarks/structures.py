"""Weights and data with structure: ordered, constant, orthogonal, sparse, of mixed scale; and independent ones among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnverify.keras_model.weights import weight_names

Array = Any
Rng = np.random.Generator


def haar(n: int) -> Array:
    """Haar's wavelets, of a power of two."""
    if n == 1:
        return np.ones((1, 1))
    half = haar(n // 2)
    return np.vstack([np.kron(half, [1, 1]), np.kron(np.eye(n // 2), [1, -1])]) / np.sqrt(2)


def wavelets(rows: int, columns: int) -> Array:
    made = haar(1 << (rows - 1).bit_length())
    return made[:rows, np.arange(columns) % len(made)] * np.sqrt(rows)


def orthogonal(rng: Rng, rows: int, columns: int) -> Array:
    """Orthogonal columns, or rows where there are fewer of them."""
    q = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))[0]
    return (q if rows >= columns else q.T) * np.sqrt(rows)


def signs(rows: int) -> Array:
    return np.where(np.arange(rows)[:, np.newaxis] % 2, -1.0, 1.0)


def halves(rows: int, first: float, second: float) -> Array:
    return np.where(np.arange(rows)[:, np.newaxis] < rows // 2, first, second)


def waves(rows: int, columns: int, shift: float) -> Array:
    return np.cos(np.pi * (np.arange(rows)[:, np.newaxis] + shift) * np.arange(columns) / rows)


# Matrices of rows and columns; a bias is a matrix of one column.
WEIGHTS: dict[str, Callable[[Rng, int, int], Array]] = {
    "independent": lambda rng, m, n: rng.standard_normal((m, n)),
    "linspace": lambda rng, m, n: np.linspace(rng.choice([-1, 0, 0.5]), 1, m * n).reshape(m, n),
    "ordered": lambda rng, m, n: np.sort(rng.standard_normal((m, n)), axis=rng.integers(2)),
    "ordered sizes": lambda rng, m, n: np.sort(np.abs(rng.standard_normal((m, n))), axis=0)[:: rng.choice([-1, 1])],
    "constant": lambda rng, m, n: np.full((m, n), rng.choice([1.0, 0.7, 1 / 3, -0.1])),
    "halves": lambda rng, m, n: (
        halves(m, 1, rng.choice([-1, -0.5, 1e-3])) * rng.choice([1, 0.7, rng.random()]) * np.ones(n)
    ),
    "cancelling": lambda rng, m, n: np.resize(np.vstack([v := rng.standard_normal(((m + 1) // 2, n)), -v]), (m, n)),
    "alternating": lambda rng, m, n: signs(m) * np.abs(rng.standard_normal((1, n)) + np.zeros((m, n))),
    "alternating normal": lambda rng, m, n: signs(m) * np.abs(rng.standard_normal((m, n))),
    "orthogonal": orthogonal,
    "DCT-II": lambda rng, m, n: waves(m, n, 0.5),
    "Haar": lambda rng, m, n: wavelets(m, n),
    "sine": lambda rng, m, n: np.sin(rng.uniform(0, 3) * np.arange(m * n) / n).reshape(m, n),
    "sparse": lambda rng, m, n: rng.standard_normal((m, n)) * (rng.random((m, n)) < 0.05),
    "integer": lambda rng, m, n: rng.integers(-3, 4, (m, n)),
    "powers of two": lambda rng, m, n: 2.0 ** rng.integers(-8, 5, (m, n)) * rng.choice([-1, 1], (m, n)),
    "centring": lambda rng, m, n: np.eye(m, n) - 1 / m,
    "geometric": lambda rng, m, n: (rng.choice([0.5, 0.9, 0.99]) ** np.arange(m))[:, np.newaxis] * np.ones(n),
}


def drawn_weights(layer: Any, kind: str, rng: Rng, dead: int | None) -> list[Array]:
    """Weights for one layer; a kernel has zeros for a feature that is `dead`."""
    scale, bias = np.exp(rng.uniform(np.log(0.02), np.log(8))), rng.choice([0.0, 0.5, 0.5, 5.0, 30.0])
    plain = rng.random() < 0.3  # no scale, so that integers stay integers
    weights = []
    for name, weight in zip(weight_names(layer), layer.get_weights(), strict=True):
        columns = weight.shape[-1] if weight.ndim else 1  # the scale of an Attention has no axis
        if "bias" in name:
            drawn = bias * WEIGHTS[kind if rng.random() < 0.5 else "independent"](rng, columns, 1)[:, 0]
            drawn = np.broadcast_to(drawn, weight.shape).copy()
            if weight.ndim == 1 and columns % 4 == 0 and rng.random() < 0.2:
                drawn[columns // 4 : columns // 2] = 8  # of an LSTM, the forget gate's
        else:
            rows = weight.size // columns  # an attention's kernels have an axis for its heads
            drawn = WEIGHTS[kind](rng, rows, columns).reshape(weight.shape)
            drawn = drawn * (1 if plain else scale / np.sqrt(len(weight) if weight.ndim else 1))
            if dead is not None and weight.ndim == 2 and "recurrent" not in name and dead < len(drawn):
                drawn = drawn * (np.arange(len(drawn)) != dead)[:, np.newaxis]
        weights.append(drawn.astype(weight.dtype))
    return weights


# Arrays (..., D), from normal variables of that shape and the largest number that may be.
DATA: dict[str, Callable[[Rng, Array, float], Array]] = {
    "normal": lambda rng, x, most: x * rng.choice([0.01, 1, 1, 100]),
    "constant": lambda rng, x, most: np.full_like(x, rng.choice([1, 0.7, 20, -0.1])),
    "constant in time": lambda rng, x, most: x if x.ndim < 3 else np.broadcast_to(x[:, :1], x.shape),
    "offset": lambda rng, x, most: rng.choice([20, 1000]) + x,
    "one-hot": lambda rng, x, most: np.eye(x.shape[-1])[rng.integers(x.shape[-1], size=x.shape[:-1])],
    "Cauchy": lambda rng, x, most: np.clip(rng.standard_cauchy(x.shape), -most, most),
    "Student": lambda rng, x, most: np.clip(rng.standard_t(2, x.shape), -most, most),
    "mixed scale": lambda rng, x, most: np.where(
        np.arange(x.shape[-1]) == 0, min(1e12, most) * (1 + 0.1 * np.tanh(x)), x
    ),
    "wave": lambda rng, x, most: (
        np.sin(np.linspace(0, rng.uniform(0, 9), x[0].size).reshape(x.shape[1:]) + x.flat[0]) + 0 * x
    ),
    "sorted": lambda rng, x, most: np.sort(x, axis=rng.integers(1, x.ndim)),
    "sorted sizes": lambda rng, x, most: np.sort(np.abs(x), axis=-1)[..., :: rng.choice([-1, 1])],
    "alternating": lambda rng, x, most: signs(x.shape[-1])[:, 0] * np.abs(x),
    "integers": lambda rng, x, most: rng.integers(0, rng.choice([2, 10, 256]), x.shape),
    "few ones": lambda rng, x, most: np.where(rng.random(x.shape) < 0.03, 1, 0),
}


def drawn_input(shape: tuple[int, ...], kind: str, vocabulary: int | None, most: float, rng: Rng) -> Array:
    """One input: ids with padding or none, or numbers; now and then whole steps are zero, which a Masking masks."""
    if vocabulary is not None:
        ids = np.sort(rng.integers(1, vocabulary, shape)) if rng.random() < 0.3 else rng.integers(1, vocabulary, shape)
        return np.where(np.arange(shape[-1]) < rng.integers(1, shape[-1] + 1, (shape[0], 1)), ids, 0).astype(np.int32)
    drawn = DATA[kind](rng, rng.standard_normal(shape), most)
    return drawn * (rng.random((*shape[:-1], 1)) < 0.7) if rng.random() < 0.2 else drawn
