from __future__ import annotations

import re
from math import e, erf, exp, log, sqrt, tanh
from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import rnnverify
from rnnverify.errors import UnsupportedError
from rnnverify.layers.activations import ACTIVATIONS, activation
from tests.layers.against_keras import EXACT, SINGLE, Array, layers_in, softmax_of_one_unit_is_meant

# TensorFlow computes these two with constants of float32 (0.2 and the root of 2), whatever the precision of the layer.
ALONG_THE_LAST_AXIS = ("softmax", "log_softmax", "sparsemax")
ELEMENTWISE = sorted(set(ACTIVATIONS) - set(ALONG_THE_LAST_AXIS))

# Where a definition changes its branch, and where its exponential all but vanishes or overflows a naive formula.
TURNS = [0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 6.0, 1e-8, 20.0, 40.0, 100.0, 400.0]

rows = hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=3, max_side=5), elements=st.floats(-30, 30))


def in_keras(keras: Any, name: str, x: Array, dtype: str = "float64") -> Array:
    return np.asarray(layers_in(keras, dtype).Activation(name)(x.astype(dtype)))


@softmax_of_one_unit_is_meant
@settings(max_examples=20)
@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"sparsemax"}))
@given(x=rows)
def test_activation_is_what_keras_computes(keras: Any, name: str, x: Array) -> None:
    np.testing.assert_allclose(ACTIVATIONS[name](x), in_keras(keras, name, x), rtol=EXACT, atol=EXACT)


@softmax_of_one_unit_is_meant
@settings(max_examples=10)
@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"sparsemax"}))
@given(x=rows)
def test_activation_in_float32_is_what_keras_computes(keras: Any, name: str, x: Array) -> None:
    given = x.astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(ACTIVATIONS[name](given), in_keras(keras, name, x, "float32"), rtol=SINGLE, atol=SINGLE)


@pytest.mark.parametrize("name", sorted(set(ELEMENTWISE) - {"exponential"}))
def test_activation_at_its_turns_is_what_keras_computes(keras: Any, name: str) -> None:
    x = np.array([TURNS, [-turn for turn in TURNS]])
    np.testing.assert_allclose(ACTIVATIONS[name](x), in_keras(keras, name, x), rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_activation_of_ties_and_of_large_values_is_what_keras_computes(keras: Any, name: str) -> None:
    x = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1000.0, 999.0, -1000.0]])
    np.testing.assert_allclose(ACTIVATIONS[name](x), in_keras(keras, name, x), rtol=EXACT, atol=EXACT)


@settings(max_examples=5)
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
@given(x=rows)
def test_the_shape_and_the_precision_are_kept(name: str, x: Array) -> None:
    for dtype in (np.float32, np.float64):
        y = ACTIVATIONS[name](x.astype(dtype))
        assert (y.shape, y.dtype) == (x.shape, dtype)


def test_soft_shrink_keeps_no_nan_as_in_keras(keras: Any) -> None:
    x = np.array([[np.nan, np.inf, -np.inf]])
    np.testing.assert_array_equal(ACTIVATIONS["soft_shrink"](x), in_keras(keras, "soft_shrink", x))


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("linear", -3.0, -3.0),
        ("tanh", 0.5, tanh(0.5)),
        ("sigmoid", 2.0, 1 / (1 + exp(-2))),
        ("sigmoid", -2.0, 1 / (1 + exp(2))),
        ("hard_sigmoid", 1.5, 0.75),  # 1.5 / 6 + 0.5
        ("relu", -1.0, 0.0),
        ("relu6", 7.0, 6.0),
        ("leaky_relu", -5.0, -1.0),
        ("elu", -1.0, 1 / e - 1),
        ("celu", -2.0, exp(-2) - 1),
        ("selu", 1.0, 1.0507009873554805),
        ("selu", -1.0, 1.0507009873554805 * 1.6732632423543772 * (1 / e - 1)),
        ("silu", 2.0, 2 / (1 + exp(-2))),
        ("swish", -1.0, -1 / (1 + e)),
        ("hard_silu", 3.0, 3.0),
        ("hard_silu", 1.5, 1.125),  # 1.5 * 0.75
        ("hard_swish", -4.0, 0.0),
        ("gelu", 1.0, (1 + erf(1 / sqrt(2))) / 2),  # not the approximation with tanh
        ("mish", 1.0, tanh(log(1 + e))),
        ("softplus", 1.0, log(1 + e)),
        ("softsign", -3.0, -0.75),
        ("squareplus", 1.5, 2.0),  # (1.5 + sqrt(2.25 + 4)) / 2
        ("sparse_plus", 0.0, 0.25),
        ("sparse_plus", 2.0, 2.0),
        ("sparse_sigmoid", 0.5, 0.75),
        ("exponential", 1.0, e),
        ("hard_tanh", -1.5, -1.0),
        ("tanh_shrink", 1.0, 1 - tanh(1)),
        ("hard_shrink", 0.4, 0.0),
        ("hard_shrink", -0.6, -0.6),
        ("soft_shrink", -0.75, -0.25),
        ("soft_shrink", 0.25, 0.0),
        ("log_sigmoid", -1.0, -log(1 + e)),
    ],
)
def test_activation_by_hand(name: str, x: float, expected: float) -> None:
    exact = name not in ("leaky_relu", "gelu")  # whose constants Keras holds in float32
    assert ACTIVATIONS[name](np.array([x])).item() == pytest.approx(expected, abs=1e-14 if exact else 3e-8)


def test_every_elementwise_activation_is_worked_by_hand() -> None:
    (parameters,) = (mark for mark in test_activation_by_hand.pytestmark if mark.name == "parametrize")
    assert {case[0] for case in parameters.args[1]} == set(ELEMENTWISE)


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("softmax", [0.0, log(3)], [0.25, 0.75]),
        ("log_softmax", [0.0, log(3)], [log(0.25), log(0.75)]),
        ("sparsemax", [2.0, 1.0], [1.0, 0.0]),
        ("sparsemax", [0.5, 0.25], [0.625, 0.375]),  # both supported: less (0.75 - 1) / 2
        ("sparsemax", [3.0, 3.0], [0.5, 0.5]),
    ],
)
def test_activation_of_two_units_by_hand(name: str, x: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(ACTIVATIONS[name](np.array([x])), [expected], atol=1e-14)


@settings(max_examples=50)
@given(x=rows)
def test_sparsemax_is_the_projection_onto_the_simplex(x: Array) -> None:
    # The nearest point p of the simplex is the one where, for one number t, x - p is t where p > 0 and below t elsewhere.
    p = ACTIVATIONS["sparsemax"](x)
    assert np.all(p >= 0)
    np.testing.assert_allclose(np.sum(p, axis=-1), 1, rtol=1e-13)
    t = np.max(x - p, axis=-1, keepdims=True)
    np.testing.assert_allclose((x - p)[p > 0], np.broadcast_to(t, x.shape)[p > 0], atol=1e-13)


@settings(max_examples=15)
@given(x=rows)
def test_sparsemax_is_what_keras_computes_where_one_value_stands_out(keras: Any, x: Array) -> None:
    # Keras up to 3.15 takes another threshold where two or more values are near each other (its issue 23425).
    x[..., 0] = np.max(x, axis=-1) + 1.5
    np.testing.assert_allclose(ACTIVATIONS["sparsemax"](x), in_keras(keras, "sparsemax", x), atol=EXACT)


def test_the_names_are_those_that_keras_has(keras: Any) -> None:
    for name in ACTIVATIONS:
        assert keras.activations.get(name) is not None


def test_an_activation_is_looked_up_by_name() -> None:
    assert activation("relu") is ACTIVATIONS["relu"]


@pytest.mark.parametrize("name", ["glu", "Tanh", None, {"class_name": "function", "config": "mine"}])
def test_another_activation_is_refused_by_name(name: Any) -> None:
    message = f"the activation {name!r} is not implemented by the replay; use one that is: celu, elu, exponential, gelu"
    with pytest.raises(UnsupportedError, match=re.escape(message)):
        activation(name)


def test_a_mismatch_by_keras_s_own_sparsemax_says_so(keras: Any) -> None:
    x = np.random.default_rng(3).standard_normal((5, 6, 4)).astype(np.float32)
    for name, told in (("sparsemax", True), ("softmax", False)):
        given = keras.Input((6, 4))
        inner = keras.layers.Dense(3, activation=name, name=f"head_{name}")
        result = rnnverify.verify(keras.Model(given, keras.layers.TimeDistributed(inner, name="heads")(given)), x)
        assert result.passed != told
        assert any("sparsemax, which Keras computes wrongly" in note for note in result.notes) == told


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "sparsemax"])
def test_what_mixes_units_does_so_along_the_last_axis_alone(name: str) -> None:
    x = np.random.default_rng(3).normal(size=(2, 3, 4))
    whole = ACTIVATIONS[name](x)
    for sample, timestep in np.ndindex(2, 3):
        np.testing.assert_allclose(whole[sample, timestep], ACTIVATIONS[name](x[sample, timestep]), rtol=1e-12)
    total = np.exp(whole) if name == "log_softmax" else whole
    np.testing.assert_allclose(total.sum(axis=-1), np.ones((2, 3)), rtol=1e-12)


def refusal_of(name: Any) -> str:
    with pytest.raises(UnsupportedError) as caught:
        activation(name)
    shown, _, known = str(caught.value).removeprefix("the activation ").partition(" is not implemented by the replay; ")
    assert known == f"use one that is: {', '.join(sorted(ACTIVATIONS))}"
    return shown


def test_what_is_no_activation_is_shown_unless_it_is_long() -> None:
    long = "x" * 99
    assert refusal_of("tahn") == "'tahn'"
    assert refusal_of(["tanh"]) == "['tanh']"
    assert refusal_of("x" * 78) == repr("x" * 78)
    assert refusal_of("x" * 79) == "given as a function"
    assert refusal_of({"class_name": "function", "config": "mine", "module": long}) == "'mine'"
    assert refusal_of({"class_name": "function", "config": None, "module": long}) == "given as a layer, function,"
    assert refusal_of({"class_name": "ReLU", "config": {"name": long}}) == "given as a layer, ReLU,"
    assert refusal_of({"config": {"name": long}}) == "given as a function"
