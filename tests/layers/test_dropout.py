from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from rnnverify.layers.dropout import Dropout
from rnnverify.layers.layer import Call, Masked
from tests.layers.against_keras import (
    MASKS,
    assert_same,
    assert_same_masks,
    draw,
    draw_mask,
    in_keras,
    in_replay,
    layers_in,
    mask_in_keras,
    seeds,
    sizes,
)


@settings(max_examples=10)
@pytest.mark.parametrize(
    "options", [{"rate": 0}, {"rate": 0.9, "seed": 1}, {"rate": 0.5, "noise_shape": (None, 1, None)}], ids=str
)
@given(shape=sizes(3), seed=seeds)
def test_dropout_at_inference_is_what_keras_computes(
    keras: Any, options: dict[str, Any], shape: tuple[int, ...], seed: int
) -> None:
    x, layer = draw(np.random.default_rng(seed), *shape), layers_in(keras).Dropout(**options)
    assert_same(in_replay(layer, x), in_keras(keras, layer, x), tolerance=0)


@pytest.mark.parametrize("mask", MASKS)
def test_dropout_hands_the_mask_on(keras: Any, mask: str) -> None:
    rng = np.random.default_rng(1)
    x, steps, layer = draw(rng, 4, 5, 3), draw_mask(rng, mask, 4, 5), layers_in(keras).Dropout(0.5)
    assert_same_masks(in_replay(layer, x, steps), mask_in_keras(keras, layer, x, steps))


def test_nothing_is_changed_by_hand() -> None:
    (y,) = Dropout()(Call([Masked(np.array([[1.0, -2.0]]))]))
    assert y.values.tolist() == [[1, -2]]
