"""Wrong ports as people write them: loops over samples and timesteps, from the equations, in float32. None uses our layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Weights = Mapping[str, list[Any]]
Port = Callable[[Any, Weights], Any]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def simple_rnn(
    x: Any, weights: Weights, carry: bool = False, transposed: bool = False, recurrent: int = 1, stale: bool = False
) -> Any:
    W, U, b = weights["simple_rnn"]
    V, d = weights["dense"]
    y, h = [], np.zeros(len(b), np.float32)
    for n in range(len(x)):
        if not carry:
            h = np.zeros(len(b), np.float32)
        h0 = h
        for t in range(x.shape[1]):
            read = h0 if stale else h
            h = np.tanh(x[n, t] @ W + recurrent * ((U @ read) if transposed else (read @ U)) + b)
        y.append(h @ V + d)
    return np.array(y)


def in_place(x: Any, weights: Weights) -> Any:
    """As a C port has it: h is overwritten while it is read."""
    W, U, b = weights["simple_rnn"]
    V, d = weights["dense"]
    y = []
    for n in range(len(x)):
        h = np.zeros(len(b), np.float32)
        for t in range(x.shape[1]):
            for k in range(len(b)):
                h[k] = np.tanh(x[n, t] @ W[:, k] + h @ U[:, k] + b[k])
        y.append(h @ V + d)
    return np.array(y)


def lstm(
    x: Any,
    weights: Weights,
    order: str = "ifco",
    forget: float = 0.0,
    after: float = 0.0,
    squash: Callable[[Any], Any] = np.tanh,
    gate: Callable[[Any], Any] = sigmoid,
    bias: float = 1.0,
    skip: int = 0,
    carry: str = "",
    swapped: bool = False,
) -> Any:
    W, U, b = weights["lstm"]
    V, d = weights["dense"]
    M = len(U)
    y, h, c = [], np.zeros(M, np.float32), np.zeros(M, np.float32)
    for n in range(len(x)):
        h = h if "h" in carry else np.zeros(M, np.float32)
        c = c if "c" in carry else np.zeros(M, np.float32)
        for t in range(skip, x.shape[1]):
            z = x[n, t] @ W + h @ U + np.float32(bias) * b
            part = {name: z[k * M : (k + 1) * M] for k, name in enumerate(order)}
            i, f, o = gate(part["i"]), gate(part["f"] + np.float32(forget)) + np.float32(after), gate(part["o"])
            new = np.tanh(part["c"])
            if swapped:
                i, f, o, new = np.tanh(part["i"]), np.tanh(part["f"]), np.tanh(part["o"]), gate(part["c"])
            c = f * c + i * new
            h = o * (gate(c) if swapped else squash(c))
        y.append(h @ V + d)
    return np.array(y)


def gru(x: Any, weights: Weights, how: str = "") -> Any:
    W, U, b = weights["gru"]
    V, d = weights["dense"]
    M = len(U)
    bi, br = {"no br": (b[0], 0 * b[1]), "merged": (b[0] + b[1], 0 * b[1]), "biases swapped": (b[1], b[0])}.get(how, b)
    y = []
    for n in range(len(x)):
        h = np.zeros(M, np.float32)
        for t in range(x.shape[1]):
            zx, zh = x[n, t] @ W + bi, h @ U + br
            if how == "bare first step" and t == 0:
                zh = 0 * zh
            if how == "r z h":
                r, z = (sigmoid(zx[k * M : (k + 1) * M] + zh[k * M : (k + 1) * M]) for k in (0, 1))
            else:
                z, r = (sigmoid(zx[k * M : (k + 1) * M] + zh[k * M : (k + 1) * M]) for k in (0, 1))
            if how == "reset before":
                new = np.tanh(zx[2 * M :] + (r * h) @ U[:, 2 * M :] + br[2 * M :])
            else:
                new = np.tanh(zx[2 * M :] + r * zh[2 * M :])
            h = (1 - z) * h + z * new if how == "inverted" else z * h + (1 - z) * new
        y.append(h @ V + d)
    return np.array(y)


def bidirectional(x: Any, weights: Weights, how: str = "") -> Any:
    """A Bidirectional SimpleRNN that returns sequences, and a Dense."""
    both = weights["bidirectional"]
    forward, backward = both[:3], both[3:]
    if how == "shared":
        backward = forward
    if how == "exchanged":
        forward, backward = backward, forward

    def walk(part: Any, xs: Any) -> Any:
        W, U, b = part
        h, hs = np.zeros(len(b), np.float32), []
        for row in xs:
            h = np.tanh(row @ W + h @ U + b)
            hs.append(h)
        return np.array(hs)

    V, d = weights["dense"]
    y = []
    for xs in x:
        f = walk(forward, xs)
        b = walk(backward, xs if how == "not reversed" else xs[::-1])
        if how not in ("not re-reversed", "not reversed"):
            b = b[::-1]
        y.append(np.concatenate([b, f] if how == "joined the other way" else [f, b], axis=-1) @ V + d)
    return np.array(y)


def lstm_sequences(x: Any, weights: Weights, how: str = "") -> Any:
    """An LSTM that returns sequences, and a Dense."""
    W, U, b = weights["lstm"]
    if how == "kernel by columns":
        W = np.array(W.T.ravel().reshape(W.shape))
    M = len(U)
    V, d = weights["dense"]
    tanh = pade if how == "pade" else np.tanh
    first_is_time = how == "time first"
    samples, timesteps = (x.shape[1], x.shape[0]) if first_is_time else x.shape[:2]
    y = np.zeros((*x.shape[:2], len(d)), np.float32)
    for n in range(samples):
        h = c = np.zeros(M, np.float32)
        for t in range(timesteps):
            place = (t, n) if first_is_time else (n, t)
            z = x[place] @ W + h @ U + b
            i, f, o = (sigmoid(z[k * M : (k + 1) * M]) for k in (0, 1, 3))
            c_before = np.zeros_like(c) if how == "each step alone" else c
            c = f * c_before + i * tanh(z[2 * M : 3 * M])
            h = o * tanh(c)
            y[place] = h @ V + d
            if how == "each step alone":
                h = np.zeros_like(h)
    return y[:, -1] if how == "last" else y


def pade(x: Any) -> Any:
    return np.clip(x * (27 + x * x) / (27 + 9 * x * x), -1, 1)


def every_step(x: Any, weights: Weights) -> Any:
    """The model returns the last h alone; this is all of them."""
    W, U, b = weights["simple_rnn"]
    h, y = np.zeros((len(x), len(b)), np.float32), []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ W + h @ U + b)
        y.append(h)
    return np.stack(y, axis=1)


def clipped(x: Any) -> Any:
    return np.clip(np.float32(0.2) * x + np.float32(0.5), 0, 1)


# By layer: each wrong port with the mistake that it makes.
PORTS: dict[str, dict[str, Port]] = {
    "SimpleRNN": {
        "": simple_rnn,
        "state-carried-across-samples": lambda x, w: simple_rnn(x, w, carry=True),
        "recurrent-kernel-transposed": lambda x, w: simple_rnn(x, w, transposed=True),
        "recurrent-term-missing": lambda x, w: simple_rnn(x, w, recurrent=0),
        "recurrent-term-stale": lambda x, w: simple_rnn(x, w, stale=True),
        "state-updated-in-place": in_place,
        "time-batch-swapped/reshape": lambda x, w: simple_rnn(
            x.reshape(x.shape[1], x.shape[0], x.shape[2]).transpose(1, 0, 2), w
        ),
        "time-features-swapped": lambda x, w: simple_rnn(
            x.reshape(x.shape[0], x.shape[2], x.shape[1]).transpose(0, 2, 1), w
        ),
        "only-first-sample": lambda x, w: simple_rnn(np.repeat(x[:1], len(x), axis=0), w),
        "sequence-reversed": lambda x, w: simple_rnn(x[:, ::-1], w),
        "last-step-skipped/output": lambda x, w: simple_rnn(x[:, :-1], w),
    },
    "LSTM": {
        "": lstm,
        "lstm-gate-order/i-f-o-c": lambda x, w: lstm(x, w, order="ifoc"),
        "lstm-gate-order/i-o-f-c": lambda x, w: lstm(x, w, order="iofc"),
        "lstm-forget-bias-added": lambda x, w: lstm(x, w, forget=1),
        "lstm-forget-bias-after-activation": lambda x, w: lstm(x, w, after=1),
        "lstm-output-tanh-missing": lambda x, w: lstm(x, w, squash=lambda c: c),
        "gates-hard-sigmoid/keras-2": lambda x, w: lstm(x, w, gate=clipped),
        "bias-doubled": lambda x, w: lstm(x, w, bias=2),
        "first-step-skipped": lambda x, w: lstm(x, w, skip=1),
        "state-carried-across-samples": lambda x, w: lstm(x, w, carry="hc"),
        "state-carried-across-samples/c-only": lambda x, w: lstm(x, w, carry="c"),
        "activations-swapped": lambda x, w: lstm(x, w, swapped=True),
        "lstm-gate-order/i-f-o-c + bias-doubled": lambda x, w: lstm(x, w, order="ifoc", bias=2),
        "state-carried-across-samples + lstm-output-tanh-missing": lambda x, w: lstm(
            x, w, carry="hc", squash=lambda c: c
        ),
    },
    "LSTM, sequences": {
        "": lstm_sequences,
        "time-batch-swapped/axis": lambda x, w: lstm_sequences(x, w, "time first"),
        "last-step-only": lambda x, w: lstm_sequences(x, w, "last"),
        "kernel-misread/column-major": lambda x, w: lstm_sequences(x, w, "kernel by columns"),
        "recurrent-term-stale/all-states": lambda x, w: lstm_sequences(x, w, "each step alone"),
        "activation-approximated/pade/tanh-only": lambda x, w: lstm_sequences(x, w, "pade"),
    },
    "one SimpleRNN": {"whole-sequence": every_step},
    "GRU": {
        "": gru,
        "gru-gate-order/r-z-h": lambda x, w: gru(x, w, "r z h"),
        "gru-reset-before": lambda x, w: gru(x, w, "reset before"),
        "gru-update-gate-inverted": lambda x, w: gru(x, w, "inverted"),
        "gru-recurrent-bias-missing": lambda x, w: gru(x, w, "no br"),
        "gru-biases-merged": lambda x, w: gru(x, w, "merged"),
        "gru-biases-swapped": lambda x, w: gru(x, w, "biases swapped"),
        "gru-recurrent-bias-missing-first-step": lambda x, w: gru(x, w, "bare first step"),
    },
    "Bidirectional": {
        "": bidirectional,
        "bidirectional-weights-shared": lambda x, w: bidirectional(x, w, "shared"),
        "bidirectional-directions-swapped/weights": lambda x, w: bidirectional(x, w, "exchanged"),
        "bidirectional-directions-swapped/output": lambda x, w: bidirectional(x, w, "joined the other way"),
        "backward-not-rereversed": lambda x, w: bidirectional(x, w, "not re-reversed"),
        "backward-input-not-reversed": lambda x, w: bidirectional(x, w, "not reversed"),
    },
}

# Wrong in ways that are in no catalogue.
UNKNOWN: dict[str, Port] = {
    "a factor": lambda x, w: np.float32(1.003) * lstm(x, w),
    "half of the forget bias": lambda x, w: lstm(x, w, forget=0.5),
    "another activation": lambda x, w: lstm(x, w, squash=lambda c: np.arctan(c)),
    "noise": lambda x, w: lstm(x, w) + np.random.default_rng(5).normal(size=(len(x), 1)).astype(np.float32),
    "one sample": lambda x, w: lstm(x, w) * np.array([[1], [1], [1.01], [1]], np.float32),
    "one weight": lambda x, w: lstm(
        x, {**w, "lstm": [w["lstm"][0] + np.float32(0.01) * np.eye(3, 20), *w["lstm"][1:]]}
    ),
}
