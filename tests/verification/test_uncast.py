"""Layers that are handed another dtype than their own and do not cast it: LayerNormalization, and any with autocast=False."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnverify import load_spec, observe, verify
from rnnverify.errors import UnsupportedError

T, D = 3, 4
X = np.random.default_rng(1).standard_normal((2, T, D)).astype(np.float32)


def behind(keras: Any, handed: str, layer: Callable[[Any], Any], after: str | None = None) -> Any:
    """A model of a layer behind one that computes in the dtype `handed`; perhaps with one more behind it."""
    given = keras.Input((T, D))
    x = keras.layers.Activation("tanh", dtype=handed)(given)
    y = layer(x)
    return keras.Model(given, [x, y if after is None else keras.layers.Activation("tanh", dtype=after)(y)])


def drawn(model: Any) -> Any:
    rng = np.random.default_rng(2)
    for weight in model.weights:
        weight.assign(0.5 + rng.random(weight.shape))
    return model


@pytest.mark.parametrize(
    ("handed", "own"),
    [
        ("float16", "float32"),
        ("bfloat16", "float16"),
        ("mixed_float16", "float64"),
        ("float32", "float64"),
        ("float64", "float32"),
        ("float32", "mixed_bfloat16"),
        ("float64", "mixed_float16"),
    ],
)
def test_a_layer_normalization_rounds_to_what_it_is_handed_and_then_to_its_own(
    keras: Any, handed: str, own: str
) -> None:
    model = drawn(behind(keras, handed, keras.layers.LayerNormalization(dtype=own), "float32"))
    result = verify(model, X)
    assert result.passed, result.first_divergence
    for row in result.outputs:  # end to end, too
        assert row.max_abs_error <= 8 * row.expected_error


def test_a_wrong_factor_is_seen_behind_half_precision(keras: Any) -> None:
    model = drawn(behind(keras, "float16", keras.layers.LayerNormalization()))
    observed = observe(model, X)
    assert verify(observed).passed
    tanh, normalization = observed.nodes
    wrong = {**normalization.weights, "gamma": normalization.weights["gamma"] * np.array([1, 1, 1.02, 1], np.float32)}
    found = verify(replace(observed, nodes=(tanh, replace(normalization, weights=wrong)))).first_divergence
    assert found is not None
    assert (found.layer, found.unit) == (normalization.name, 2)


def test_a_layer_normalization_directly_behind_an_input_of_half_precision(keras: Any) -> None:
    for dtype in ("float16", "bfloat16"):
        given = keras.Input((T, D), dtype=dtype)
        model = keras.Model(given, keras.layers.LayerNormalization()(given))
        assert verify(model, X).verdict == "match"


def test_a_layer_normalization_of_whole_numbers_is_refused(keras: Any) -> None:
    given = keras.Input((D,), dtype="int32")
    model = keras.Model(given, keras.layers.LayerNormalization()(given))
    assert model.predict(np.array([[1, 2, 9, 4]]), verbose=0).tolist() == [[0, 0, 1, 0]]  # it cuts them off
    with pytest.raises(UnsupportedError, match=r"cuts off what is behind the point .* give it float32"):
        verify(model, np.array([[1, 2, 9, 4]]))


def test_a_model_inside_that_casts_what_a_layer_normalization_would_not_is_refused(keras: Any) -> None:
    inner = keras.Input((T, D), name="inner")
    part = keras.Model(inner, keras.layers.LayerNormalization()(inner), name="part")
    given = keras.Input((T, D))
    model = keras.Model(given, part(keras.layers.Activation("tanh", dtype="float16")(given)))
    with pytest.raises(UnsupportedError, match="the model 'part' takes float32 and is given float16"):
        verify(model, X)


@pytest.mark.parametrize("weight", ["gamma", "moving_variance"])
def test_a_normalization_reads_its_weights_in_float32(keras: Any, weight: str) -> None:
    layer = keras.layers.BatchNormalization(dtype="mixed_float16")
    model = drawn(behind(keras, "float32", layer))
    getattr(layer, weight).assign(np.array([1e5, 2e5, 3, 4]) if weight == "moving_variance" else [1e5, 2, 3, 4])
    model.predict(X, verbose=0)
    result = verify(model, X * 1e-2)
    assert result.passed, result.first_divergence


UNCAST: dict[str, Callable[..., Any]] = {
    "Flatten": lambda L, **how: L.Flatten(**how),
    "Dropout": lambda L, **how: L.Dropout(0.1, **how),
    "Permute": lambda L, **how: L.Permute((2, 1), **how),
    "Identity": lambda L, **how: L.Identity(**how),
    "Activation": lambda L, **how: L.Activation("gelu", **how),
    "ReLU": lambda L, **how: L.ReLU(0.6, 0.1, 0.2, **how),
    "Rescaling": lambda L, **how: L.Rescaling(0.3, 0.1, **how),
    "Add": lambda L, **how: lambda x: L.Add(**how)([x, x]),
    "LSTM": lambda L, **how: L.LSTM(3, recurrent_initializer="glorot_uniform", **how),
    "MultiHeadAttention": lambda L, **how: lambda x: L.MultiHeadAttention(2, 3, **how)(x, x),
}


@pytest.mark.parametrize(
    ("handed", "own"),
    [("float32", "float16"), ("float64", "float32"), ("float16", "mixed_bfloat16"), ("float64", "mixed_float16")],
)
@pytest.mark.parametrize("name", UNCAST)
def test_without_autocast_a_layer_sees_what_it_is_handed(keras: Any, name: str, handed: str, own: str) -> None:
    layer = UNCAST[name](keras.layers, dtype=own, autocast=False)
    model = behind(keras, handed, lambda x: layer(x) + 1)  # an operation of the dtype that comes out
    result = verify(model, X)
    assert result.passed, result.first_divergence


REFUSED: dict[str, Callable[..., Any]] = {
    "Dense": lambda L, **how: L.Dense(3, **how),
    "BatchNormalization": lambda L, **how: L.BatchNormalization(**how),
    "TimeDistributed": lambda L, **how: L.TimeDistributed(L.Dense(3, dtype="float64"), **how),
    "Bidirectional": lambda L, **how: L.Bidirectional(L.LSTM(3, dtype="float64"), **how),
    "RNN": lambda L, **how: L.RNN(L.LSTMCell(3, **how), **how),
}


@pytest.mark.parametrize("name", REFUSED)
def test_with_weights_that_is_refused_where_it_makes_a_difference(keras: Any, name: str) -> None:
    model = behind(keras, "float32", REFUSED[name](keras.layers, dtype="float64", autocast=False))
    with pytest.raises(UnsupportedError, match=r"with autocast=False.* casts neither what it is given \(float32\)"):
        verify(model, X)
    alike = behind(keras, "float64", REFUSED[name](keras.layers, dtype="float64", autocast=False))
    assert verify(alike, X).verdict == "match"


def test_without_autocast_weights_of_another_precision_are_refused(keras: Any) -> None:
    model = behind(keras, "float16", keras.layers.Dense(3, dtype="mixed_float16", autocast=False))
    with pytest.raises(UnsupportedError, match=r"nor its weights \(float32\) to float16"):
        verify(model, X)


def test_inputs_of_two_dtypes_that_are_not_cast_are_refused(keras: Any) -> None:
    L, given = keras.layers, keras.Input((T, D))
    parts = [L.Activation("tanh", dtype=dtype)(given) for dtype in ("float16", "float32")]
    with pytest.raises(UnsupportedError, match=r"what it is given \(float16, float32\)"):
        verify(keras.Model(given, L.Add(autocast=False)(parts)), X)


def test_a_file_that_says_so_is_refused_by_name(keras: Any, tmp_path: Path) -> None:
    model = behind(keras, "float32", keras.layers.Identity(dtype="float16", autocast=False))
    assert verify(model, X).verdict == "match"
    model.save(tmp_path / "m.keras")  # the configs of most layers do not say it, and Keras loads them with autocast
    with pytest.raises(UnsupportedError, match="the option 'autocast' is unknown to the replay"):
        observe(load_spec(str(tmp_path / "m.keras")))


def test_a_layer_whose_config_says_no_more_than_the_dtype_of_its_variables(keras: Any) -> None:
    layer = keras.layers.SpatialDropout1D(0.1, dtype="mixed_float16")
    assert layer.get_config()["dtype"] == "float32"
    assert verify(behind(keras, "float32", layer), X).verdict == "match"
