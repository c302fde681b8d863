from __future__ import annotations

import re
from typing import Any

import pytest

from rnnverify.errors import UnsupportedError
from rnnverify.layers.lstm import LSTM
from rnnverify.layers.registry import LAYERS, layer_of


def test_every_replay_is_registered_under_the_name_of_its_keras_class(keras: Any) -> None:
    for name, replay in LAYERS.items():
        assert getattr(keras.layers, name).__name__ == replay.__name__ == name


def test_the_replay_is_made_from_the_config(keras: Any) -> None:
    replay = layer_of("LSTM", keras.layers.LSTM(3).get_config())
    assert isinstance(replay, LSTM)
    assert replay.units == 3


@pytest.mark.parametrize(("class_name", "name"), [("Lambda", "own"), ("lstm", "small")])
def test_a_class_without_replay_is_refused_by_name(class_name: str, name: str) -> None:
    step = (
        f"(opaque, or --opaque {name}, takes what it puts out as given, rnnverify.register({class_name!r}, ...) says what it"
        " computes)"
    )
    message = (
        f"layer {name!r}: the class {class_name} has no replay {step}; those that have: {', '.join(sorted(LAYERS))}"
    )
    with pytest.raises(UnsupportedError, match=f"^{re.escape(message)}$"):
        layer_of(class_name, {"name": name})
