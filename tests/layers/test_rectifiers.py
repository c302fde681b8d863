"""ReLU, LeakyReLU, PReLU, ELU, Softmax."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnverify.errors import UnsupportedError
from rnnverify.keras_model.allowed import ACTIVATION_LAYERS as IN_FILES
from rnnverify.layers.rectifiers import ELU, LeakyReLU, PReLU, ReLU
from rnnverify.layers.registry import ACTIVATION_LAYERS, layer_of
from rnnverify.layers.softmax import Softmax
from rnnverify.observation.precision import dtypes_in
from tests.layers.against_keras import CLEAR, MASKS, called, check, draw, draw_mask, layers_in, see, with_random_weights

N, T, D = 3, 5, 4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threshold", [0.0, 0.2])
@pytest.mark.parametrize("negative_slope", [0.0, 0.1])
@pytest.mark.parametrize("max_value", [None, 0.7])
def test_relu_is_what_keras_computes(
    keras: Any, max_value: float | None, negative_slope: float, threshold: float, dtype: str
) -> None:
    layer = layers_in(keras, dtype).ReLU(max_value=max_value, negative_slope=negative_slope, threshold=threshold)
    x = draw(np.random.default_rng(1), N, T, D).astype(dtype)
    x[0, 0] = [0.0, np.float32(0.2), np.float32(0.7), -0.0]  # the corners
    x[0, 1] = [np.inf, np.nan, 0.3, -1.0]  # and what is no number any more
    check(layer, x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_others_are_what_keras_computes(keras: Any, dtype: str) -> None:
    layers, x = layers_in(keras, dtype), draw(np.random.default_rng(1), N, T, D).astype(dtype)
    for layer in (
        *(layers.LeakyReLU(), layers.LeakyReLU(negative_slope=0.1), layers.ELU(), layers.ELU(alpha=0.7)),
        *(layers.Softmax(), layers.Softmax(axis=1)),
    ):
        check(layer, x)
    for shared in (None, [1], [1, 2], [2]):
        check(with_random_weights(layers.PReLU(shared_axes=shared), (N, T, D), seed=1), x)


@pytest.mark.parametrize("mask", MASKS)
def test_the_mask_is_handed_on(keras: Any, mask: str) -> None:
    rng = np.random.default_rng(1)
    check(layers_in(keras).LeakyReLU(), draw(rng, N, T, D), draw_mask(rng, mask, N, T))


def test_by_hand() -> None:
    x = [[-2.0, 0.5, 3.0]]
    assert called(ReLU(max_value=2.0, negative_slope=0.5, threshold=1.0), x)[0].values.tolist() == [[-1.5, -0.25, 2]]
    assert called(LeakyReLU(negative_slope=0.25), x)[0].values.tolist() == [[-0.5, 0.5, 3]]
    assert called(PReLU(), x, [[0.5, 7.0, 7.0]])[0].values.tolist() == [[-1, 0.5, 3]]
    assert called(ELU(alpha=2.0), [[0.0, 1.0]])[0].values.tolist() == [[0, 1]]
    assert called(Softmax(axis=1), [[0.0, 0.0]])[0].values.tolist() == [[0.5, 0.5]]


def test_mistakes_differ(keras: Any) -> None:
    layers = layers_in(keras)
    assert see(layers.LeakyReLU(negative_slope=0.3), (N, T, D)).error(config={"negative_slope": 0.2}) > CLEAR
    assert see(layers.ELU(alpha=0.5), (N, T, D)).error(config={"alpha": 1.0}) > CLEAR
    assert see(layers.Softmax(), (N, T, D)).error(config={"axis": 1}) > CLEAR
    assert see(layers.ReLU(threshold=0.3), (N, T, D)).error(config={"threshold": 0.0}) > CLEAR
    seen = see(layers.PReLU(), (N, T, D))
    assert seen.error(weights=[0 * seen.layer.get_weights()[0]]) > CLEAR


def test_a_mask_that_keras_adds_to_what_comes_in_is_refused() -> None:
    with pytest.raises(
        UnsupportedError, match="Softmax: a mask, which Keras adds to what comes in, is not implemented"
    ):
        called(Softmax(), np.ones((2, 3, 3)), mask=np.ones((2, 3), dtype=bool))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("class_name", "options"),
    [
        ("LeakyReLU", {"negative_slope": 0.1}),
        ("ReLU", {"max_value": 0.5, "threshold": 0.1}),
        ("ELU", {"alpha": 0.5}),
        ("Softmax", {}),
    ],
)
def test_as_an_activation_it_computes_the_same(
    keras: Any, class_name: str, options: dict[str, Any], dtype: str
) -> None:
    layers = layers_in(keras, dtype)
    made = getattr(layers, class_name)
    x = draw(np.random.default_rng(1), N, T, D).astype(dtype)
    for layer in (layers.Dense(3, activation=made(**options)), layers.GRU(3, activation=made(**options))):
        check(with_random_weights(layer, (N, T, D), seed=1), x)
    check(layers.Activation(made(**options)), x)


def test_an_activation_that_has_weights_axes_or_a_precision_of_its_own_is_refused(keras: Any) -> None:
    layers = layers_in(keras)
    for given, message in (
        (layers.PReLU(), "the activation given as a layer, PReLU, is not implemented"),
        (layers.Softmax(axis=1), "the activation given as a Softmax along axis 1 is not implemented"),
    ):
        with pytest.raises(UnsupportedError, match=message):
            layer_of("Dense", layers.Dense(3, activation=given).get_config())
    config = layers.Dense(3, activation=keras.layers.ELU(dtype="float32")).get_config()
    with pytest.raises(UnsupportedError, match="computes in float64 and its activation, given as a layer, in another"):
        dtypes_in(config)


def test_those_that_may_stand_in_a_file_are_those_with_a_replay() -> None:
    assert set(ACTIVATION_LAYERS) == IN_FILES
