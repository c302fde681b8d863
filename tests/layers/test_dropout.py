from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from rnnverify.layers.dropout import Dropout
from tests.layers.against_keras import MASKS, called, check, draw, draw_mask, layers_in, seeds, sizes


@settings(max_examples=10)
@pytest.mark.parametrize(
    "options", [{"rate": 0}, {"rate": 0.9, "seed": 1}, {"rate": 0.5, "noise_shape": (None, 1, None)}], ids=str
)
@given(shape=sizes(3), seed=seeds)
def test_dropout_at_inference_is_what_keras_computes(
    keras: Any, options: dict[str, Any], shape: tuple[int, ...], seed: int
) -> None:
    check(layers_in(keras).Dropout(**options), draw(np.random.default_rng(seed), *shape), tolerance=0)


@pytest.mark.parametrize("mask", MASKS)
def test_dropout_hands_the_mask_on(keras: Any, mask: str) -> None:
    rng = np.random.default_rng(1)
    check(layers_in(keras).Dropout(0.5), draw(rng, 4, 5, 3), draw_mask(rng, mask, 4, 5), tolerance=0)


def test_nothing_is_changed_by_hand() -> None:
    (y,) = called(Dropout(), [[1.0, -2.0]])
    assert y.values.tolist() == [[1, -2]]
