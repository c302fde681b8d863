"""The account of a config: every field is used, inert or fixed, and any other is refused by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from rnnverify.errors import UnsupportedError
from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.layer import COMMON, Call, Masked
from rnnverify.layers.registry import LAYERS, layer_of
from rnnverify.layers.rnn import Stack
from tests.layers.against_keras import in_replay, with_random_weights

CONV_LSTMS = ("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
# What the others are made with.
OTHERS: Mapping[str, tuple[str, *tuple[Any, ...]]] = {
    **{
        name: (name,)
        for name in (
            *("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"),
            *("ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Identity", "ActivityRegularization"),
            *("BatchNormalization", "LayerNormalization", "UnitNormalization", "Normalization"),
            *("Cropping1D", "ZeroPadding1D", "UpSampling1D", "MaxPooling1D", "MaxPooling2D"),
            *("GlobalAveragePooling1D", "GlobalMaxPooling1D"),
        )
    },
    **{
        name: (name, 0.5)
        for name in ("SpatialDropout1D", "AlphaDropout", "GaussianDropout", "GaussianNoise", "Rescaling")
    },
    **{name: (name, 2) for name in ("AveragePooling1D", "AveragePooling2D", "Dot", "DepthwiseConv1D")},
    "Attention": ("Attention",),
    "AdditiveAttention": ("AdditiveAttention",),
    "CategoryEncoding": ("CategoryEncoding", 3),
    **{name: (name, 2, 3) for name in ("MultiHeadAttention", "Conv1D", "Conv2D", "SeparableConv1D", *CONV_LSTMS)},
    "Reshape": ("Reshape", (2, 3)),
    "Permute": ("Permute", (2, 1)),
}


def made(class_name: str, *given: Any) -> Callable[[Any], Any]:
    return lambda layers: getattr(layers, class_name)(*given, name="it")


# One Keras layer of each class that has a replay.
EXAMPLES: Mapping[str, Callable[[Any], Any]] = {
    "Activation": lambda layers: layers.Activation("tanh", name="it"),
    "Bidirectional": lambda layers: layers.Bidirectional(layers.LSTM(2), name="it"),
    "Concatenate": lambda layers: layers.Concatenate(name="it"),
    "Dense": lambda layers: layers.Dense(2, name="it"),
    "Dropout": lambda layers: layers.Dropout(0.5, name="it"),
    "Embedding": lambda layers: layers.Embedding(3, 2, name="it"),
    "Flatten": lambda layers: layers.Flatten(name="it"),
    "GRU": lambda layers: layers.GRU(2, name="it"),
    "LSTM": lambda layers: layers.LSTM(2, name="it"),
    "Masking": lambda layers: layers.Masking(name="it"),
    "RNN": lambda layers: layers.RNN([layers.LSTMCell(2), layers.GRUCell(3)], name="it"),
    "RepeatVector": lambda layers: layers.RepeatVector(2, name="it"),
    "SimpleRNN": lambda layers: layers.SimpleRNN(2, name="it"),
    "TimeDistributed": lambda layers: layers.TimeDistributed(layers.Dense(2), name="it"),
    **{name: made(*given) for name, given in OTHERS.items()},
}
CHANNELS_LAST = (
    *("Conv1D", "Conv2D", "DepthwiseConv1D", "Flatten", "SeparableConv1D", "ZeroPadding1D"),
    *("MaxPooling1D", "AveragePooling1D", "MaxPooling2D", "AveragePooling2D"),
    *("GlobalMaxPooling1D", "GlobalAveragePooling1D"),
)
RECURRENT = ("GRU", "LSTM", "SimpleRNN")

every_class = pytest.mark.parametrize("class_name", sorted(LAYERS))


def used_fields(class_name: str) -> set[str]:
    return {field.name for field in fields(LAYERS[class_name])}


def test_every_class_has_an_example() -> None:
    assert set(EXAMPLES) == set(LAYERS)


@every_class
def test_every_field_of_a_keras_config_is_accounted_for(keras: Any, class_name: str) -> None:
    config, replay = EXAMPLES[class_name](keras.layers).get_config(), LAYERS[class_name]
    assert config.keys() <= used_fields(class_name) | replay.inert_arguments().keys() | replay.fixed.keys() | COMMON
    assert isinstance(layer_of(class_name, config), Stack if class_name == "RNN" else replay)


@every_class
def test_no_field_is_accounted_for_twice(class_name: str) -> None:
    replay = LAYERS[class_name]
    assert not used_fields(class_name) & (replay.inert_arguments().keys() | replay.fixed.keys())
    assert not replay.inert_arguments().keys() & replay.fixed.keys()


@every_class
def test_an_unknown_field_is_refused_by_name(keras: Any, class_name: str) -> None:
    config = {**EXAMPLES[class_name](keras.layers).get_config(), "peephole": "yes"}
    message = f"{class_name} 'it': the option 'peephole' (here 'yes') is unknown to the replay"
    with pytest.raises(UnsupportedError, match=f"^{re.escape(message)}$"):
        layer_of(class_name, config)


@every_class
def test_missing_fields_are_named(class_name: str) -> None:
    if missing := used_fields(class_name) - LAYERS[class_name].of_call - LAYERS[class_name].of_late:
        message = f"{class_name} 'it': its config lacks {', '.join(sorted(missing))}"
        with pytest.raises(UnsupportedError, match=f"^{re.escape(message)}$"):
            layer_of(class_name, {"name": "it"})
    else:
        assert layer_of(class_name, {"name": "it"}) == LAYERS[class_name]()


@pytest.mark.parametrize(
    ("class_name", "field", "value"),
    [(name, field, value) for name, replay in LAYERS.items() for field, value in replay.fixed.items()],
)
def test_a_fixed_field_of_another_value_is_refused_by_name(keras: Any, class_name: str, field: str, value: Any) -> None:
    config = {**EXAMPLES[class_name](keras.layers).get_config(), field: "other"}
    message = f"{class_name} 'it': {field}='other' is not implemented by the replay, only {field}={value!r} is"
    with pytest.raises(UnsupportedError, match=f"^{re.escape(message)}$"):
        layer_of(class_name, config)


def test_the_fixed_fields_are_these() -> None:
    assert {name: dict(replay.fixed) for name, replay in LAYERS.items() if replay.fixed} == {
        "Dense": {"quantization_config": None},
        "Embedding": {"quantization_config": None},
        "BatchNormalization": {"renorm": False},
        **{name: {"data_format": "channels_last"} for name in CHANNELS_LAST},
        "LayerNormalization": {"rms_scaling": False},
        "MultiHeadAttention": {"sliding_window": None, "use_gate": False},
        **{name: {"data_format": "channels_last"} for name in CONV_LSTMS},
    }


def test_lora_is_refused_by_name(keras: Any) -> None:
    # it adds to the kernel what get_weights() gives in two arrays of their own
    config = keras.layers.Dense(2, lora_rank=1, name="it").get_config()
    with pytest.raises(UnsupportedError, match=r"^Dense 'it': the option 'lora_rank' \(here 1\) is unknown"):
        layer_of("Dense", config)


@pytest.mark.parametrize("class_name", [*RECURRENT, "Dense"])
def test_a_function_of_the_users_own_as_activation_is_refused(keras: Any, class_name: str) -> None:
    def mine(x: Any) -> Any:
        return x + 1

    layer = with_random_weights(getattr(keras.layers, class_name)(2, activation=mine), (4, 5, 3), seed=1)
    with pytest.raises(
        UnsupportedError, match=r"^the activation .*mine.* is not implemented by the replay; use one that is"
    ):
        in_replay(layer, np.zeros((4, 5, 3)))


def test_the_fields_used_hold_what_the_config_says(keras: Any) -> None:
    layer = keras.layers.GRU(
        3, activation="relu", recurrent_activation="tanh", use_bias=False, return_sequences=True, reset_after=False
    )
    replay = layer_of("GRU", layer.get_config())
    assert {field.name: getattr(replay, field.name) for field in fields(replay)} == {
        "units": 3,
        "activation": ACTIVATIONS["relu"],
        "recurrent_activation": ACTIVATIONS["tanh"],
        "use_bias": False,
        "return_sequences": True,
        "return_state": False,
        "go_backwards": False,
        "zero_output_for_mask": False,
        "unroll": False,
        "stateful": False,
        "reset_after": False,
    }


@pytest.mark.parametrize("class_name", sorted(set(LAYERS) - {"Bidirectional", "TimeDistributed", "RNN", *RECURRENT}))
def test_a_layer_has_one_output_with_no_suffix(keras: Any, class_name: str) -> None:
    assert layer_of(class_name, EXAMPLES[class_name](keras.layers).get_config()).output_names == ("",)


@pytest.mark.parametrize("class_name", ["Activation", "Concatenate", "Dropout", "Flatten", "Masking", "RepeatVector"])
def test_a_layer_without_weights_counts_none(keras: Any, class_name: str) -> None:
    assert layer_of(class_name, EXAMPLES[class_name](keras.layers).get_config()).weight_count == 0


def test_x_is_the_input_of_a_layer_that_has_one() -> None:
    x = Masked(np.zeros((1, 2)))
    assert Call([x]).x is x
