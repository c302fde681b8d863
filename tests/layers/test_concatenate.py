from __future__ import annotations

import re
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from rnnverify.errors import UnsupportedError
from rnnverify.layers.concatenate import Concatenate, joint_mask
from rnnverify.layers.layer import Call, Masked
from tests.layers import against_keras
from tests.layers.against_keras import CLEAR, MASKS, check, distance, draw, draw_mask, in_keras, in_replay, layers_in


@settings(max_examples=40)
@given(
    shape=against_keras.sizes(2),
    features=st.lists(st.integers(1, 4), min_size=2, max_size=4),
    kinds=st.lists(st.sampled_from((None, *MASKS)), min_size=4, max_size=4),
    axis=st.sampled_from([-1, 2]),
    seed=against_keras.seeds,
)
def test_concatenate_over_features_and_its_mask_are_what_keras_computes(
    keras: Any, shape: tuple[int, ...], features: list[int], kinds: list[str | None], axis: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    arrays = [draw(rng, *shape, D) for D in features]
    masks = [draw_mask(rng, kind, *shape) for kind in kinds[: len(features)]]
    check(layers_in(keras).Concatenate(axis=axis), arrays, masks, tolerance=0)


@settings(max_examples=15)
@given(shape=against_keras.sizes(3), other=st.integers(1, 4), axis=st.sampled_from([1, -2]), seed=against_keras.seeds)
def test_concatenate_over_time_is_what_keras_computes(
    keras: Any, shape: tuple[int, ...], other: int, axis: int, seed: int
) -> None:
    N, T, D = shape
    rng = np.random.default_rng(seed)
    check(layers_in(keras).Concatenate(axis=axis), [draw(rng, N, T, D), draw(rng, N, other, D)], tolerance=0)


@pytest.mark.parametrize("second", [None, [True, True]])
def test_masks_of_whole_samples_are_joined_as_in_keras(keras: Any, second: list[bool] | None) -> None:
    # what a Masking over (N, D) gives: one bit for each sample
    masks = [np.array([True, False]), None if second is None else np.array(second)]
    check(layers_in(keras).Concatenate(), [np.ones((2, 3)), np.ones((2, 4))], masks, tolerance=0)


def test_two_inputs_by_hand() -> None:
    a = Masked(np.array([[[1.0], [2.0], [3.0]]]), np.array([[True, False, False]]))
    b = Masked(np.array([[[4.0, 5.0], [6.0, 7.0], [8.0, 9.0]]]), np.array([[True, True, False]]))
    (y,) = Concatenate(axis=-1)(Call([a, b]))
    assert y.values.tolist() == [[[1, 4, 5], [2, 6, 7], [3, 8, 9]]]
    assert y.mask is not None
    assert y.mask.tolist() == [[True, True, False]]  # kept where any input keeps it


def test_an_input_without_a_mask_keeps_every_step() -> None:
    x = np.zeros((1, 2, 3))
    joint = joint_mask([Masked(x, np.array([[False, True]])), Masked(x)])
    assert joint is not None
    assert joint.tolist() == [[True, True]]
    assert joint_mask([Masked(x), Masked(x)]) is None


def test_inputs_in_another_order_differ(keras: Any) -> None:
    rng, layer = np.random.default_rng(1), layers_in(keras).Concatenate()
    arrays = [draw(rng, 4, 5, 2), draw(rng, 4, 5, 3)]
    assert distance(in_replay(layer, [Masked(x) for x in arrays[::-1]]), in_keras(layer, arrays)) > CLEAR


def test_masked_inputs_along_time_are_refused() -> None:
    x = Masked(np.zeros((1, 2, 3)), np.ones((1, 2), dtype=bool))
    message = "Concatenate: axis=1 over masked inputs is not implemented by the replay"
    with pytest.raises(UnsupportedError, match=re.escape(message)):
        Concatenate(axis=1)(Call([x, x]))
