"""BatchNormalization, LayerNormalization, UnitNormalization, Normalization, Rescaling."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnnverify.layers.batch_normalization import BatchNormalization
from rnnverify.layers.layer import MisfitError
from rnnverify.layers.layer_normalization import LayerNormalization
from rnnverify.layers.normalization import Normalization
from rnnverify.layers.rescaling import Rescaling
from rnnverify.layers.unit_normalization import UnitNormalization
from tests.layers.against_keras import (
    CLEAR,
    MASKS,
    Seen,
    called,
    check,
    draw,
    draw_mask,
    in_keras,
    layers_in,
    with_random_weights,
)

N, T, D = 3, 5, 4


def trained(layer: Any, shape: tuple[int, ...] = (N, T, D)) -> Any:
    """Random weights, of which no variance is below zero."""
    with_random_weights(layer, shape, seed=1)
    layer.set_weights(
        [np.abs(w) + 0.1 if "var" in v.name else w for v, w in zip(layer.weights, layer.get_weights(), strict=True)]
    )
    return layer


def x(seed: int = 2) -> Any:
    return draw(np.random.default_rng(seed), N, T, D)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("axis", [-1, 2, 1, -2])
def test_batch_normalization_is_what_keras_computes(keras: Any, axis: int, scale: bool, center: bool) -> None:
    options = {"axis": axis, "scale": scale, "center": center, "epsilon": 0.01}
    check(trained(layers_in(keras).BatchNormalization(**options)), x())


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("axis", [-1, 1, [1, 2], [-1, -2], [2]])
def test_layer_normalization_is_what_keras_computes(keras: Any, axis: Any, scale: bool, center: bool) -> None:
    options = {"axis": axis, "scale": scale, "center": center, "epsilon": 0.01}
    check(trained(layers_in(keras).LayerNormalization(**options)), x())


@pytest.mark.parametrize("axis", [-1, 1, 2])
def test_unit_normalization_is_what_keras_computes(keras: Any, axis: int) -> None:
    given = x()
    given[0] = 0  # a vector without a length
    given[1] *= 1e-13  # shorter than is divided by
    check(layers_in(keras).UnitNormalization(axis=axis), given)


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize(
    ("axis", "mean", "variance"),
    [(-1, 0.3, 2.1), (None, 0.3, 2.1), (-1, [0.1, 0.2, 0.3, 0.4], [1.0, 2.3, 0.7, 0.0]), (1, [1.0] * T, [0.2] * T)],
)
def test_normalization_by_given_numbers_is_what_keras_computes(
    keras: Any, axis: Any, mean: Any, variance: Any, invert: bool
) -> None:
    layer = layers_in(keras).Normalization(axis=axis, mean=mean, variance=variance, invert=invert)
    layer.build((N, T, D))
    check(layer, x())


@pytest.mark.parametrize("axis", [-1, 1, None, [1, 2]])
def test_normalization_by_what_was_seen_is_what_keras_computes(keras: Any, axis: Any) -> None:
    layer = layers_in(keras).Normalization(axis=axis)
    layer.adapt(3 + 2 * x(3))
    check(layer, x())


@pytest.mark.parametrize(
    ("scale", "offset"), [(1 / 255, -0.3), ([0.1, 0.2, 0.3, 0.4], 0.7), (2.0, [1.0, 0.1, 0.2, 0.3])]
)
def test_rescaling_is_what_keras_computes(keras: Any, scale: Any, offset: Any) -> None:
    check(layers_in(keras).Rescaling(scale, offset), x())


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("class_name", ["BatchNormalization", "LayerNormalization", "UnitNormalization", "Rescaling"])
def test_masks_are_handed_on_and_masked_steps_computed(keras: Any, class_name: str, mask: str) -> None:
    made = getattr(layers_in(keras), class_name)
    layer = made(0.5) if class_name == "Rescaling" else made()
    check(trained(layer), x(), draw_mask(np.random.default_rng(1), mask, N, T))


def test_by_hand() -> None:
    batch = BatchNormalization(epsilon=1.0)
    (y,) = called(batch, [[7.0]], [[2.0], [0.5], [3.0], [3.0]])  # gamma, beta, mean, variance
    assert y.values.tolist() == [[4.5]]  # 2 (7 - 3) / sqrt(3 + 1) + 0.5
    (y,) = called(LayerNormalization(epsilon=3.0), [[1.0, 3.0]], [[1.0, 10.0], [0.0, 1.0]])
    assert y.values.tolist() == [[-0.5, 6.0]]  # mean 2, variance 1
    assert called(UnitNormalization(), [[3.0, 4.0]])[0].values.tolist() == [[0.6, 0.8]]
    (y,) = called(Normalization(mean=1.0, variance=4.0), [[5.0]], [np.array(1.0), np.array(4.0)])
    assert y.values.tolist() == [[2]]
    (y,) = called(Rescaling(scale=2.0, offset=1.0), [[5.0]], [[2.0], [1.0]])
    assert y.values.tolist() == [[11]]


Wrong = Callable[[list[Any]], list[Any]]
MISTAKES: dict[str, tuple[str, dict[str, Any], Wrong]] = {
    "gamma and beta exchanged": ("BatchNormalization", {}, lambda w: [w[1], w[0], *w[2:]]),
    "mean and variance exchanged": ("BatchNormalization", {}, lambda w: [*w[:2], w[3], w[2] ** 2]),
    "the deviation taken for the variance": ("BatchNormalization", {}, lambda w: [*w[:3], np.sqrt(w[3])]),
    "another epsilon": ("BatchNormalization", {"epsilon": 1e-5 + 0.1}, lambda w: w),
    "over the other axis": ("LayerNormalization", {"axis": 2}, lambda w: [np.ones(D), np.zeros(D)]),
    "no beta": ("LayerNormalization", {}, lambda w: [w[0], 0 * w[1]]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_port_with_a_mistake_differs(keras: Any, mistake: str) -> None:
    class_name, config, wrong = MISTAKES[mistake]
    axis = {"axis": 1} if "axis" in config else {}
    layer, given = trained(getattr(layers_in(keras), class_name)(**axis)), x()
    seen = Seen(layer, {"x": given}, in_keras(layer, given))
    assert seen.error(config=config, weights=wrong(layer.get_weights())) > CLEAR


def test_the_variance_of_a_sample_has_the_count_below_it_and_not_one_less(keras: Any) -> None:
    given = x()
    (right,) = in_keras(layers_in(keras).LayerNormalization(epsilon=0.0), given)
    wrong = (given - given.mean(-1, keepdims=True)) / given.std(-1, ddof=1, keepdims=True)
    assert np.max(np.abs(right - wrong)) > CLEAR


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (BatchNormalization(axis=0), "expected an axis of (5, 4), where 1 is the first after the samples"),
        (BatchNormalization(axis=3), "expected an axis of (5, 4)"),
        (LayerNormalization(axis=(1, -2)), "expected axes of (5, 4)"),
        (LayerNormalization(axis=0), "expected axes of (5, 4)"),
        (Normalization(mean=1.0), "expected both a mean and a variance, or neither"),
        (Normalization(axis=0), "expected axes of (5, 4)"),
        (Rescaling(scale=(1.0, 2.0)), "expected one number, or one for each of 4 features"),
    ],
)
def test_what_does_not_fit_is_refused(layer: Any, message: str) -> None:
    with pytest.raises(MisfitError, match=re.escape(message)):
        layer.output_shapes([(T, D)])
