from __future__ import annotations

import re
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from rnnverify.errors import UnsupportedError
from rnnverify.layers.flatten import Flatten
from rnnverify.layers.layer import Call, Masked
from tests.layers.against_keras import (
    CLEAR,
    assert_same,
    assert_same_masks,
    distance,
    draw,
    in_keras,
    in_replay,
    layers_in,
    mask_in_keras,
    seeds,
    sizes,
)


@settings(max_examples=20)
@given(shape=st.integers(1, 4).flatmap(sizes), seed=seeds)
def test_flatten_is_what_keras_computes(keras: Any, shape: tuple[int, ...], seed: int) -> None:
    x, layer = draw(np.random.default_rng(seed), *shape), layers_in(keras).Flatten()
    assert_same(in_replay(layer, x), in_keras(keras, layer, x), tolerance=0)


def test_two_steps_of_two_features_by_hand() -> None:
    (y,) = Flatten()(Call([Masked(np.array([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]))]))
    assert y.values.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]


def test_the_first_axis_fastest_differs(keras: Any) -> None:
    x, layer = draw(np.random.default_rng(1), 4, 5, 3), layers_in(keras).Flatten()
    expected = in_keras(keras, layer, x)
    assert distance(in_replay(layer, x), expected) < CLEAR
    assert distance(in_replay(layer, np.swapaxes(x, 1, 2)), expected) > CLEAR


def test_the_mask_ends_here_as_in_keras(keras: Any) -> None:
    x, mask, layer = np.ones((2, 3, 4)), np.ones((2, 3), dtype=bool), layers_in(keras).Flatten()
    assert mask_in_keras(keras, layer, x, mask) == [None]
    assert_same_masks(in_replay(layer, x, mask), [None])


def test_channels_first_is_refused_by_name(keras: Any) -> None:
    config = keras.layers.Flatten(data_format="channels_first", name="flat").get_config()
    message = (
        "Flatten 'flat': data_format='channels_first' is not implemented by the replay,"
        " only data_format='channels_last' is"
    )
    with pytest.raises(UnsupportedError, match=re.escape(message)):
        Flatten.from_config(config)
