from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings

from rnnverify.layers.layer import Call, Masked
from rnnverify.layers.repeat_vector import RepeatVector
from tests.layers.against_keras import (
    assert_same,
    assert_same_masks,
    draw,
    in_keras,
    in_replay,
    layers_in,
    mask_in_keras,
    seeds,
    sizes,
)


@settings(max_examples=15)
@given(shape=sizes(3), seed=seeds)
def test_repeat_vector_is_what_keras_computes(keras: Any, shape: tuple[int, ...], seed: int) -> None:
    N, D, n = shape
    x, layer = draw(np.random.default_rng(seed), N, D), layers_in(keras).RepeatVector(n)
    assert_same(in_replay(layer, x), in_keras(keras, layer, x), tolerance=0)


def test_a_vector_three_times_in_a_row_by_hand() -> None:
    (y,) = RepeatVector(n=3)(Call([Masked(np.array([[1.0, 2.0], [3.0, 4.0]]))]))
    assert y.values.tolist() == [[[1, 2], [1, 2], [1, 2]], [[3, 4], [3, 4], [3, 4]]]


def test_the_mask_ends_here_as_in_keras(keras: Any) -> None:
    x, mask, layer = np.ones((2, 3)), np.array([True, False]), layers_in(keras).RepeatVector(2)
    assert mask_in_keras(keras, layer, x, mask) == [None]
    assert_same_masks(in_replay(layer, x, mask), [None])
