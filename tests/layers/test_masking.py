from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from rnnverify.layers.masking import Masking
from tests.layers.against_keras import Array, called, check, draw, in_replay, layers_in, mask_in_keras, seeds, sizes

DTYPES = ("float16", "float32", "float64")


@settings(max_examples=15)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mask_value", [0.0, 0.1, -1.0])
@given(shape=sizes(3), seed=seeds)
def test_masking_is_what_keras_computes(
    keras: Any, dtype: str, mask_value: float, shape: tuple[int, ...], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x = draw(rng, *shape).astype(dtype)
    x[rng.random(shape[:2]) < 0.4] = mask_value  # steps to mask
    x[rng.random(shape) < 0.2] = mask_value  # and single features, which mask nothing
    check(layers_in(keras, dtype).Masking(mask_value), x, tolerance=0)  # nothing is computed, nothing rounded


def masked(x: Any, mask_value: float) -> tuple[Array, Array]:
    (y,) = called(Masking(mask_value=mask_value), x)
    assert y.mask is not None
    return y.values, y.mask


def test_a_step_is_masked_only_where_all_its_features_have_the_value() -> None:
    values, mask = masked([[[7.0, 7.0], [7.0, 1.0], [0.0, 0.0]]], mask_value=7)
    assert mask.tolist() == [[False, True, True]]
    assert values.tolist() == [[[0, 0], [7, 1], [0, 0]]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_value_is_taken_in_float32_whatever_the_precision_of_the_layer(keras: Any, dtype: str) -> None:
    # 0.1 is another number in each precision, 0.5 is not: so only float32 has the 0.1 that is masked
    x = np.array([[[0.1], [0.5]]]).astype(dtype)
    for mask_value, mask in [(0.1, [dtype != "float32", True]), (0.5, [True, False])]:
        layer = layers_in(keras, dtype).Masking(mask_value)
        assert mask_in_keras(layer, x, None)[0].tolist() == [mask]
        assert masked(x.astype(np.float64), mask_value)[1].tolist() == [mask]


@pytest.mark.parametrize("mask_value", [np.inf, -np.inf])
def test_an_infinite_step_is_masked_to_zero_not_to_nan(keras: Any, mask_value: float) -> None:
    x = np.array([[[mask_value, mask_value], [1.0, mask_value]]])
    check(layers_in(keras).Masking(mask_value), x, tolerance=0)


def test_an_earlier_mask_is_replaced(keras: Any) -> None:
    x, earlier = np.array([[[0.0], [2.0], [3.0]]]), np.array([[True, True, False]])
    layer = layers_in(keras).Masking()
    check(layer, x, earlier)
    assert [y.mask.tolist() for y in in_replay(layer, x, earlier)] == [[[False, True, True]]]


@settings(max_examples=10)
@given(mask_value=st.floats(-2, 2, width=16), seed=seeds)
def test_masked_values_are_zero_and_all_others_untouched(mask_value: float, seed: int) -> None:
    x = draw(np.random.default_rng(seed), 2, 3, 4)
    x[0, 1] = mask_value  # a number that float32 has
    values, mask = masked(x, mask_value)
    assert not mask[0, 1]
    np.testing.assert_array_equal(values[~mask], 0)
    np.testing.assert_array_equal(values[mask], x[mask])
