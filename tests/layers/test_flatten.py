from __future__ import annotations

import re
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from rnnverify.errors import UnsupportedError
from rnnverify.layers.flatten import Flatten
from tests.layers.against_keras import CLEAR, called, check, draw, in_replay, layers_in, see, seeds, sizes


@settings(max_examples=20)
@given(shape=st.integers(1, 4).flatmap(sizes), seed=seeds)
def test_flatten_is_what_keras_computes(keras: Any, shape: tuple[int, ...], seed: int) -> None:
    check(layers_in(keras).Flatten(), draw(np.random.default_rng(seed), *shape), tolerance=0)


def test_two_steps_of_two_features_by_hand() -> None:
    (y,) = called(Flatten(), [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])
    assert y.values.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]


def test_the_first_axis_fastest_differs(keras: Any) -> None:
    seen = see(layers_in(keras).Flatten(), (4, 5, 3))
    assert seen.error(x=np.swapaxes(seen.given["x"], 1, 2)) > CLEAR


def test_the_mask_ends_here_as_in_keras(keras: Any) -> None:
    x, mask, layer = np.ones((2, 3, 4)), np.ones((2, 3), dtype=bool), layers_in(keras).Flatten()
    check(layer, x, mask, tolerance=0)
    assert [y.mask for y in in_replay(layer, x, mask)] == [None]


def test_channels_first_is_refused_by_name(keras: Any) -> None:
    config = keras.layers.Flatten(data_format="channels_first", name="flat").get_config()
    message = (
        "Flatten 'flat': data_format='channels_first' is not implemented by the replay,"
        " only data_format='channels_last' is"
    )
    with pytest.raises(UnsupportedError, match=re.escape(message)):
        Flatten.from_config(config)
