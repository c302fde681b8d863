from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnverify.errors import UnsupportedError
from rnnverify.layers.activation import Activation
from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.layer import Call, Masked
from tests.layers.against_keras import (
    CLEAR,
    MASKS,
    assert_same,
    assert_same_masks,
    distance,
    draw,
    draw_mask,
    in_keras,
    in_replay,
    layers_in,
    mask_in_keras,
)


@pytest.mark.parametrize("mask", MASKS)
def test_activation_hands_the_mask_on_and_computes_masked_steps_too(keras: Any, mask: str) -> None:
    rng = np.random.default_rng(1)
    x, steps, layer = draw(rng, 4, 5, 3), draw_mask(rng, mask, 4, 5), layers_in(keras).Activation("softmax")
    replayed = in_replay(layer, x, steps)
    assert_same(replayed, in_keras(keras, layer, x))
    assert_same_masks(replayed, mask_in_keras(keras, layer, x, steps))


def test_relu_by_hand() -> None:
    (y,) = Activation(activation=ACTIVATIONS["relu"])(Call([Masked(np.array([[-1.0, 2.0]]))]))
    assert y.values.tolist() == [[0, 2]]


def test_another_activation_differs(keras: Any) -> None:
    x, layer = draw(np.random.default_rng(1), 4, 5), layers_in(keras).Activation("gelu")
    assert distance(in_replay(layer, x, config={"activation": "silu"}), in_keras(keras, layer, x)) > CLEAR


def test_a_function_of_the_users_own_is_refused(keras: Any) -> None:
    def mine(x: Any) -> Any:
        return x + 1

    layer = keras.layers.Activation(mine)
    with pytest.raises(UnsupportedError, match=r"the activation .*mine.* is not implemented by the replay"):
        in_replay(layer, np.ones((1, 2)))
