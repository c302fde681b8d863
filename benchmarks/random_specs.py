"""Random right models: specs over all layer kinds, shapes, scales, data and precisions, from one seed."""

from __future__ import annotations

from typing import Any

import numpy as np

RECURRENT = ("SimpleRNN", "LSTM", "GRU")


def random_spec(rng: np.random.Generator, largest: int = 64, longest: int = 60) -> dict[str, Any]:
    """A spec as a mapping; it is valid, and Keras and the replay should agree on it."""

    def size(most: int) -> int:
        return int(np.exp(rng.uniform(0, np.log(most + 1))))

    def flag(chance: float = 0.5) -> bool:
        return bool(rng.random() < chance)

    def pick(*choices: Any) -> Any:
        return choices[rng.integers(len(choices))]

    def recurrent(sequences: bool) -> dict[str, Any]:
        kind = pick(*RECURRENT)
        arguments: dict[str, Any] = {
            "units": size(largest),
            "return_sequences": sequences,
            "use_bias": flag(0.9),
            "activation": pick("tanh", "tanh", "tanh", "tanh", "sigmoid", "softsign", "relu", "silu"),
        }
        if kind == "GRU":
            arguments["reset_after"] = flag()
        if kind != "SimpleRNN":
            arguments["recurrent_activation"] = pick("sigmoid", "sigmoid", "hard_sigmoid")
        if flag(0.3):
            merge = pick("concat", "sum", "mul", "ave")
            return {"Bidirectional": {"layer": {kind: arguments}, "merge_mode": merge}}
        return {kind: {**arguments, "go_backwards": flag(0.2)}}

    depth = int(rng.integers(1, 4))
    layers: list[Any] = []
    data: Any = pick(
        "normal", "uniform", "one_hot", {"normal": {"scale": float(pick(0.01, 10, 100))}}, {"uniform": {"low": -1}}
    )
    if flag(0.25):
        data = {"tokens": {"padding": pick("pre", "post"), "lengths": "random"}}
        layers.append({"Embedding": {"input_dim": size(50) + 1, "output_dim": size(16), "mask_zero": flag()}})
    elif flag(0.1):
        layers.append({"Masking": {"mask_value": 0.0}})
    layers += [recurrent(True) for _ in range(depth - 1)]
    sequences = flag()
    layers.append(recurrent(sequences))
    if flag():
        dense = {"Dense": {"units": size(20), "activation": pick("linear", "softmax", "sigmoid", "relu", "tanh")}}
        layers.append({"TimeDistributed": {"layer": dense}} if sequences and flag() else dense)
    return {
        "N": size(9),
        "T": size(longest),
        "D": size(40),
        "layers": layers,
        "data": data,
        "weights": {"scale": float(np.exp(rng.uniform(np.log(0.01), np.log(4))))},
        "initial_state": pick("zeros", "random"),
        "dtype": pick("float32", "float32", "float32", "float64", "float16", "bfloat16", "mixed_float16"),
        "seed": int(rng.integers(2**31)),
    }
