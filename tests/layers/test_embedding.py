from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from rnnverify.layers.embedding import Embedding
from tests.layers.against_keras import (
    CLEAR,
    called,
    check,
    distance,
    in_keras,
    in_replay,
    layers_in,
    seeds,
    sizes,
    with_random_weights,
)


@settings(max_examples=20)
@pytest.mark.parametrize("mask_zero", [True, False])
@given(shape=sizes(4), seed=seeds)
def test_embedding_is_what_keras_computes(keras: Any, mask_zero: bool, shape: tuple[int, ...], seed: int) -> None:
    N, T, vocabulary, M = shape
    layer = with_random_weights(layers_in(keras).Embedding(vocabulary, M, mask_zero=mask_zero), (N, T), seed)
    ids = np.random.default_rng(seed).integers(0, vocabulary, size=(N, T)).astype(np.int32)
    check(layer, ids, tolerance=0)  # rows are copied: nothing is rounded


def test_ids_pick_rows_and_zero_is_masked_by_hand() -> None:
    layer = Embedding(input_dim=3, output_dim=2, mask_zero=True)
    (y,) = called(layer, [[2, 0, 1]], [[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
    assert y.values.tolist() == [[[5, 6], [1, 2], [3, 4]]]  # id 0 has its row, masked or not
    assert y.mask is not None
    assert y.mask.tolist() == [[True, False, True]]


def test_ids_that_come_as_floats_are_cut_to_integers(keras: Any) -> None:
    layer = with_random_weights(layers_in(keras).Embedding(5, 2), (1, 3), seed=1)
    check(layer, np.array([[0.9, 4.2, 3.0]]), tolerance=0)


def test_ids_are_not_rounded_to_the_precision_of_the_layer(keras: Any) -> None:
    # float16 has no 2049: were ids rounded, the row before it would be taken
    layer = with_random_weights(layers_in(keras, "float16").Embedding(2050, 1), (1, 2), seed=1)
    assert not Embedding.autocast
    check(layer, np.array([[2049.0, 2047.0]], dtype=np.float32), tolerance=0)


def test_ids_off_by_one_differ(keras: Any) -> None:
    layer = with_random_weights(layers_in(keras).Embedding(5, 2), (1, 3), seed=1)
    ids = np.array([[0, 3, 2]])
    assert distance(in_replay(layer, ids + 1), in_keras(layer, ids)) > CLEAR


def test_the_weight_count_is_keras_own(keras: Any) -> None:
    layer = with_random_weights(keras.layers.Embedding(5, 2), (1, 3), seed=1)
    assert Embedding.from_config(layer.get_config()).weight_count == len(layer.get_weights())
