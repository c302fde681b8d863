from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnverify.errors import UnsupportedError
from rnnverify.layers.activation import Activation
from rnnverify.layers.activations import ACTIVATIONS
from tests.layers.against_keras import CLEAR, MASKS, called, check, draw, draw_mask, in_replay, layers_in, see


@pytest.mark.parametrize("mask", MASKS)
def test_activation_hands_the_mask_on_and_computes_masked_steps_too(keras: Any, mask: str) -> None:
    rng = np.random.default_rng(1)
    check(layers_in(keras).Activation("softmax"), draw(rng, 4, 5, 3), draw_mask(rng, mask, 4, 5))


def test_relu_by_hand() -> None:
    (y,) = called(Activation(activation=ACTIVATIONS["relu"]), [[-1.0, 2.0]])
    assert y.values.tolist() == [[0, 2]]


def test_another_activation_differs(keras: Any) -> None:
    assert see(layers_in(keras).Activation("gelu"), (4, 5)).error(config={"activation": "silu"}) > CLEAR


def test_a_function_of_the_users_own_is_refused(keras: Any) -> None:
    def mine(x: Any) -> Any:
        return x + 1

    with pytest.raises(UnsupportedError, match=r"the activation .*mine.* is not implemented by the replay"):
        in_replay(keras.layers.Activation(mine), np.ones((1, 2)))
