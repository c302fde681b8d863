from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings

from rnnverify.layers.repeat_vector import RepeatVector
from tests.layers.against_keras import called, check, draw, in_replay, layers_in, seeds, sizes


@settings(max_examples=15)
@given(shape=sizes(3), seed=seeds)
def test_repeat_vector_is_what_keras_computes(keras: Any, shape: tuple[int, ...], seed: int) -> None:
    N, D, n = shape
    check(layers_in(keras).RepeatVector(n), draw(np.random.default_rng(seed), N, D), tolerance=0)


def test_a_vector_three_times_in_a_row_by_hand() -> None:
    (y,) = called(RepeatVector(n=3), [[1.0, 2.0], [3.0, 4.0]])
    assert y.values.tolist() == [[[1, 2], [1, 2], [1, 2]], [[3, 4], [3, 4], [3, 4]]]


def test_the_mask_ends_here_as_in_keras(keras: Any) -> None:
    x, mask, layer = np.ones((2, 3)), np.array([True, False]), layers_in(keras).RepeatVector(2)
    check(layer, x, mask, tolerance=0)
    assert [y.mask for y in in_replay(layer, x, mask)] == [None]
