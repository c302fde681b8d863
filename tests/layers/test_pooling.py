from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnverify.layers.layer import MisfitError
from rnnverify.layers.pooling import (
    AveragePooling1D,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    MaxPooling1D,
    MaxPooling2D,
)
from tests.layers.against_keras import CLEAR, MASKS, called, check, draw, draw_mask, layers_in, see


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [None, 1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("class_name", ["MaxPooling1D", "AveragePooling1D"])
def test_pooling_over_time_is_what_keras_computes(
    keras: Any, class_name: str, size: int, strides: int | None, padding: str
) -> None:
    layer = getattr(layers_in(keras), class_name)(size, strides=strides, padding=padding)
    check(layer, draw(np.random.default_rng(1), 3, 8, 4))


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [None, 1, (2, 3)])
@pytest.mark.parametrize("class_name", ["MaxPooling2D", "AveragePooling2D"])
def test_pooling_of_images_is_what_keras_computes(keras: Any, class_name: str, strides: Any, padding: str) -> None:
    layer = getattr(layers_in(keras), class_name)((3, 2), strides=strides, padding=padding)
    check(layer, draw(np.random.default_rng(1), 2, 7, 5, 3))


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("mask", [None, "pre-padding", "post-padding", "holes"])
def test_the_mean_over_time_is_what_keras_computes(keras: Any, mask: str | None, keepdims: bool) -> None:
    rng = np.random.default_rng(1)
    mask = draw_mask(rng, mask, 4, 5)
    if mask is not None:
        mask[:, 2] = True  # of a sample without any step there is no mean
    check(layers_in(keras).GlobalAveragePooling1D(keepdims=keepdims), draw(rng, 4, 5, 3), mask)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("mask", [None, *MASKS])
def test_the_largest_over_time_is_what_keras_computes_which_heeds_no_mask(
    keras: Any, mask: str | None, keepdims: bool
) -> None:
    rng = np.random.default_rng(1)
    layer = layers_in(keras).GlobalMaxPooling1D(keepdims=keepdims)
    check(layer, draw(rng, 4, 5, 3), draw_mask(rng, mask, 4, 5), tolerance=0)


def test_of_a_sample_without_any_step_there_is_no_mean_as_in_keras(keras: Any) -> None:
    with np.errstate(invalid="ignore"):
        check(layers_in(keras).GlobalAveragePooling1D(), np.ones((1, 2, 3)), np.zeros((1, 2), dtype=bool))


def test_by_hand() -> None:
    x = [[[1.0], [5.0], [3.0]]]
    assert called(MaxPooling1D(), x)[0].values.tolist() == [[[5]]]
    assert called(AveragePooling1D(pool_size=2, padding="same"), x)[0].values.tolist() == [
        [[3], [3]]
    ]  # 3 alone, not 3 / 2
    assert called(GlobalMaxPooling1D(), x)[0].values.tolist() == [[5]]
    assert called(GlobalAveragePooling1D(), x)[0].values.tolist() == [[3]]
    assert called(GlobalAveragePooling1D(), x, mask=[[True, False, True]])[0].values.tolist() == [[2]]


def test_mistakes_differ(keras: Any) -> None:
    layers = layers_in(keras)
    seen = see(layers.AveragePooling1D(3, strides=2, padding="same"), (2, 8, 3))
    (right,) = seen.expected
    assert np.max(np.abs(right[:, -1] - seen.given["x"][:, 6:].sum(axis=1) / 3)) > CLEAR  # zeros counted as steps
    seen = see(layers.MaxPooling1D(3, strides=2), (2, 9, 3))
    assert seen.error(x=-seen.given["x"]) > CLEAR  # the smallest in place of the largest
    mask = np.array([[True, True, False, False], [True, False, True, True]])
    seen = see(layers.GlobalAveragePooling1D(), (2, 4, 3), mask=mask)
    assert seen.error(mask=None) > CLEAR


def test_windows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(MisfitError, match=r"expected windows that fit into \(2, 3\)"):
        MaxPooling1D(pool_size=4).output_shapes([(2, 3)])
    with pytest.raises(MisfitError, match="expected one number, or 2"):
        MaxPooling2D(pool_size=(1, 2, 3)).output_shapes([(4, 4, 3)])
