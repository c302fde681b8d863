"""Where weights come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnverify import load_spec, verify
from rnnverify.api import observe
from rnnverify.errors import DataError
from rnnverify.layers.arrays import Array
from rnnverify.spec import spec_from_mapping

STACK = [
    {"Bidirectional": {"layer": {"GRU": {"units": 5, "return_sequences": True}}}},
    {"TimeDistributed": {"layer": {"Dense": {"units": 4}}}},
    {"LSTM": {"units": 3}},
]


def weights(layers: list[Any] = STACK, **keys: Any) -> dict[str, Array]:
    observed = observe(spec_from_mapping({"N": 2, "T": 3, "D": 2, "layers": layers, **keys}))
    return {f"{node.name}/{name}": array for node in observed.nodes for name, array in node.weights.items()}


def test_weights_are_named_as_keras_names_them() -> None:
    assert list(weights()) == [
        "bidirectional/forward_kernel",
        "bidirectional/forward_recurrent_kernel",
        "bidirectional/forward_bias",
        "bidirectional/backward_kernel",
        "bidirectional/backward_recurrent_kernel",
        "bidirectional/backward_bias",
        "time_distributed/kernel",
        "time_distributed/bias",
        "lstm/kernel",
        "lstm/recurrent_kernel",
        "lstm/bias",
    ]


def test_every_bias_is_random_by_default_and_differs_from_the_others() -> None:
    biases = [array for name, array in weights().items() if name.endswith("bias")]
    values = np.concatenate([bias.ravel() for bias in biases])
    assert len(set(values)) == values.size == 2 * 30 + 4 + 12
    assert np.abs(values).min() > 0


def test_keras_leaves_its_own_initialisation() -> None:
    found = weights(weights="keras")
    assert not found["bidirectional/forward_bias"].any()
    assert found["lstm/bias"].tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0]  # the forget gate's is 1


def test_a_bias_initializer_in_the_spec_is_kept() -> None:
    inner = {"GRU": {"units": 5, "bias_initializer": "ones"}}
    layers = [
        {"Bidirectional": {"layer": inner}},
        {"Dense": {"units": 3, "bias_initializer": "zeros"}},
        {"Dense": {"units": 2}},
    ]
    found = weights(layers)
    assert np.all(found["bidirectional/forward_bias"] == 1)
    assert np.all(found["bidirectional/backward_bias"] == 1)
    assert not found["dense/bias"].any()
    assert found["dense_1/bias"].all()


def test_scale_multiplies_kernels_and_leaves_biases() -> None:
    plain, scaled = weights(), weights(weights={"scale": 2.0})
    for name, array in plain.items():
        factor = 1 if name.endswith("bias") else 2
        assert np.array_equal(scaled[name], factor * array), name


def test_weights_are_loaded_from_a_file(tmp_path: Path) -> None:
    arrays = {name: array + 1 for name, array in weights().items()}
    np.savez(tmp_path / "w.npz", **arrays)
    found = weights(weights={"file": str(tmp_path / "w.npz")})
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())


def test_a_file_without_one_of_the_weights_is_refused(tmp_path: Path) -> None:
    arrays = weights()
    del arrays["lstm/bias"]
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(DataError, match=r"lstm/bias: expected shape \(12,\), got none"):
        weights(weights={"file": str(tmp_path / "w.npz")})


def test_a_saved_model_keeps_its_weights(keras: Any, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4, 3)), keras.layers.GRU(2)])
    model.save(tmp_path / "m.keras")
    result = verify(load_spec(str(tmp_path / "m.keras")))
    assert result.passed
    (node,) = observe(load_spec(str(tmp_path / "m.keras"))).nodes
    assert all(np.array_equal(a, b) for a, b in zip(node.weights.values(), model.get_weights(), strict=True))
