"""The layers of a spec take Keras's arguments under Keras's names, with Keras's defaults."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from rnnverify.layers.activations import ACTIVATIONS as REPLAYED
from rnnverify.layers.conv_lstm import ConvLSTM1D
from rnnverify.layers.layer import Layer
from rnnverify.layers.recurrent import Recurrent
from rnnverify.layers.registry import LAYERS
from rnnverify.observation.precision import POLICIES
from rnnverify.spec.arguments import INITIALIZERS, InputLayer, LayerArguments, arguments_of, entries

# Keras's constructors take these as **kwargs, so that no signature shows them.
EVERY_LAYER = {"name": None, "trainable": True, "dtype": None}
# and passes these on to keras.layers.RNN
EVERY_RECURRENT_LAYER: dict[type[Layer], set[str]] = {
    Recurrent: {"zero_output_for_mask"},
    ConvLSTM1D: {"zero_output_for_mask", "unroll"},
}
OURS = {"inputs", "initial_state"}

IMAGES = {"data_format": "channels come last, as after a recurrent layer"}
LEFT_OUT: dict[str, dict[str, str]] = {
    "AlphaDropout": {"noise_shape": "has an effect in training only"},
    "BatchNormalization": {
        "synchronized": "has an effect in training only",
        "renorm": "checked apart: true is refused",
        "renorm_clipping": "has an effect in training only",
        "renorm_momentum": "has an effect in training only",
    },
    **dict.fromkeys(("Conv1D", "Conv2D", "DepthwiseConv1D", "SeparableConv1D", "ZeroPadding1D"), IMAGES),
    **dict.fromkeys(("MaxPooling1D", "AveragePooling1D", "MaxPooling2D", "AveragePooling2D"), IMAGES),
    **dict.fromkeys(("GlobalMaxPooling1D", "GlobalAveragePooling1D"), IMAGES),
    **dict.fromkeys(("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"), IMAGES),
    "Bidirectional": {"weights": "weights come from `weights` in the spec"},
    "Dense": {
        "lora_rank": "fine-tuning adds weights that the replay does not know",
        "lora_alpha": "goes with lora_rank",
        "quantization_config": "quantised weights have no replay",
    },
    "CategoryEncoding": {"sparse": "sparse tensors have no replay"},
    "MultiHeadAttention": {
        "sliding_window": "checked apart: another than null is refused",
        "use_gate": "checked apart: true is refused",
        "flash_attention": "another way to compute the same",
    },
    "Dropout": {"noise_shape": "has an effect in training only"},
    "Embedding": {
        "weights": "weights come from `weights` in the spec",
        "lora_rank": "fine-tuning adds weights that the replay does not know",
        "lora_alpha": "goes with lora_rank",
        "quantization_config": "quantised weights have no replay",
    },
    "Flatten": {"data_format": "has an effect on images only"},
    "InputLayer": {
        "batch_size": "N is the spec's",
        "batch_shape": "another way to say `shape`",
        "input_tensor": "a tensor is nothing that YAML can say",
        "dtype": "ids or floats, as the layers after it need",
        "sparse": "sparse inputs have no replay",
        "ragged": "ragged inputs have no replay",
        "optional": "every input is fed",
    },
}

names = pytest.mark.parametrize("name", entries())


ACTIVATIONS = [name for name in arguments_of("LSTM").model_json_schema()["properties"]["activation"]["enum"] if name]


def choices(key: str) -> list[str]:
    """What a spec may say there, null apart."""
    return [name for name in arguments_of("LSTM").model_json_schema()["properties"][key]["enum"] if name is not None]


def constructor(keras: Any, name: str) -> dict[str, inspect.Parameter]:
    parameters = dict(inspect.signature(getattr(keras.layers, name).__init__).parameters)
    of_every_rnn = inspect.signature(keras.layers.RNN.__init__).parameters
    for kind, passed_on in EVERY_RECURRENT_LAYER.items():
        if issubclass(LAYERS.get(name, Layer), kind):
            parameters |= {key: of_every_rnn[key] for key in passed_on}
    return {key: given for key, given in parameters.items() if key not in ("self", "args", "kwargs")}


def theirs(model: type[LayerArguments]) -> set[str]:
    """The keys that are meant for Keras."""
    return set(model.model_fields) - OURS


@names
def test_every_argument_is_one_of_keras(keras: Any, name: str) -> None:
    assert theirs(arguments_of(name)) <= constructor(keras, name).keys() | EVERY_LAYER.keys()


@names
def test_every_argument_of_keras_is_taken_or_left_out_for_a_reason(keras: Any, name: str) -> None:
    assert constructor(keras, name).keys() - theirs(arguments_of(name)) == set(LEFT_OUT.get(name, {}))


@names
def test_every_default_is_that_of_keras(keras: Any, name: str) -> None:
    expected = EVERY_LAYER | {key: given.default for key, given in constructor(keras, name).items()}
    for key in theirs(arguments_of(name)):
        field = arguments_of(name).model_fields[key]
        if field.is_required():
            assert expected[key] in (inspect.Parameter.empty, None), key
        else:
            theirs_is = expected[key]  # Keras says zeros and Zeros
            assert field.default == (theirs_is.lower() if key.endswith("_initializer") else theirs_is), key


@names
def test_what_is_required_is_required_by_keras(keras: Any, name: str) -> None:
    required = {key for key, given in constructor(keras, name).items() if given.default is inspect.Parameter.empty}
    ours = {key for key, field in arguments_of(name).model_fields.items() if field.is_required()}
    assert ours - required <= {"shape"}  # Keras wants one of shape, batch_shape, input_tensor
    assert required <= ours


def test_the_layers_are_those_that_have_a_replay() -> None:
    assert {name for name in entries() if arguments_of(name) is not InputLayer} == set(LAYERS)


def test_the_activations_are_those_that_have_a_replay() -> None:
    assert set(ACTIVATIONS) == set(REPLAYED)
    assert len(ACTIVATIONS) == len(set(ACTIVATIONS))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_keras_knows_every_activation(keras: Any, name: str) -> None:
    assert callable(keras.activations.get(name))


@pytest.mark.parametrize("name", INITIALIZERS)
def test_keras_knows_every_initializer(keras: Any, name: str) -> None:
    assert callable(keras.initializers.get(name))


@pytest.mark.parametrize("name", choices("kernel_regularizer"))
def test_keras_knows_every_regularizer(keras: Any, name: str) -> None:
    assert callable(keras.regularizers.get(name))


@pytest.mark.parametrize("name", choices("kernel_constraint"))
def test_keras_knows_every_constraint(keras: Any, name: str) -> None:
    assert callable(keras.constraints.get(name))


@pytest.mark.parametrize("name", POLICIES)
def test_keras_knows_every_policy(keras: Any, name: str) -> None:
    assert keras.dtype_policies.get(name).compute_dtype == POLICIES[name]
