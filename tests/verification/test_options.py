"""What -v says of the options of a layer."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.observation import Node, Ref
from rnnverify.verification.verdict import judge, options_of, value_of
from tests.recorded.observations import recorded


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


def test_of_a_part_its_class_is_said_and_of_a_policy_its_name() -> None:
    assert value_of({"class_name": "Zeros", "config": {"name": "another"}}) == "Zeros"
    assert value_of({"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}) == "mixed_float16"


@pytest.mark.parametrize(
    "value",
    [
        3,
        "tanh",
        None,
        {},
        {"class_name": "DTypePolicy", "config": {}},
        {"class_name": "Zeros", "config": None},
        {"class_name": 3, "config": {}},
        {"class_name": "Zeros"},
    ],
)
def test_what_is_no_part_is_said_as_it_is(value: Any) -> None:
    assert value_of(value) == value


def test_the_options_of_a_dense_are_these() -> None:
    policy, part = ({"class_name": name, "config": {"name": "float16"}} for name in ("DTypePolicy", "Zeros"))
    config = {"name": "it", "trainable": True, "dtype": policy, "use_bias": part, "units": 4, "seen": {}, "later": 1}
    node = Node("it", "it", "Dense", config, {}, (Ref("x"),))
    options = {"used": ("units=4", "use_bias='Zeros'", "dtype='float16'"), "inert": ("trainable", "later")}
    assert options_of(node) == options
    assert options_of(dataclasses.replace(node, class_name="Own")) == {}


def test_a_verdict_says_the_options_of_every_layer() -> None:
    lstm, gru, dense = judge(recorded("gated")).result.layers
    assert lstm.options["used"][:3] == ("units=5", "activation='tanh'", "use_bias=True")
    assert "reset_after=True" in gru.options["used"]
    assert dense.options["used"] == ("units=4", "activation='linear'", "use_bias=True", "dtype='float32'")
