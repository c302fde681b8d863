"""What -v says of the options of a layer."""

from __future__ import annotations

from typing import Any

import numpy as np

import rnnverify


def test_every_option_of_a_layer_is_used_or_has_no_effect(keras: Any) -> None:
    layer = keras.layers.GRU(3, reset_after=False, dropout=0.2)
    (found,) = rnnverify.verify(layer_built(layer), np.ones((2, 4, 3), np.float32)).layers
    config = layer.get_config()
    used, inert = ({one.partition("=")[0] for one in found.options[what]} for what in ("used", "inert"))
    assert used | inert | {"name"} == set(config)
    assert not used & inert
    assert {"units=3", "reset_after=False", "dtype='float32'"} <= set(found.options["used"])
    assert {"dropout", "kernel_initializer", "trainable"} <= inert


def layer_built(layer: Any) -> Any:
    layer.build((2, 4, 3))
    return layer
