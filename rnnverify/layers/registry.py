"""The layers that have a replay, by the name of their Keras class. One that is not here is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from rnnverify.errors import UnsupportedError
from rnnverify.layers.activation import Activation
from rnnverify.layers.activations import ACTIVATIONS, ActivationFunction, activation
from rnnverify.layers.arguments import short
from rnnverify.layers.attention import AdditiveAttention, Attention
from rnnverify.layers.batch_normalization import BatchNormalization
from rnnverify.layers.bidirectional import Bidirectional
from rnnverify.layers.category_encoding import CategoryEncoding
from rnnverify.layers.concatenate import Concatenate
from rnnverify.layers.conv_lstm import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
from rnnverify.layers.convolution import Conv1D, Conv2D, DepthwiseConv1D, SeparableConv1D
from rnnverify.layers.dense import Dense
from rnnverify.layers.dot import Dot
from rnnverify.layers.dropout import (
    ActivityRegularization,
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    Identity,
    SpatialDropout1D,
)
from rnnverify.layers.embedding import Embedding
from rnnverify.layers.flatten import Flatten
from rnnverify.layers.gru import GRU
from rnnverify.layers.layer import COMMON, Call, Config, Layer, Masked
from rnnverify.layers.layer_normalization import LayerNormalization
from rnnverify.layers.lstm import LSTM
from rnnverify.layers.masking import Masking
from rnnverify.layers.merging import Add, Average, Maximum, Minimum, Multiply, Subtract
from rnnverify.layers.moving import Cropping1D, Permute, Reshape, UpSampling1D, ZeroPadding1D
from rnnverify.layers.multi_head_attention import MultiHeadAttention
from rnnverify.layers.normalization import Normalization
from rnnverify.layers.operations import OPERATIONS, operation_of
from rnnverify.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    MaxPooling1D,
    MaxPooling2D,
)
from rnnverify.layers.rectifiers import ELU, LeakyReLU, PReLU, ReLU
from rnnverify.layers.recurrent import Recurrent
from rnnverify.layers.registered import REGISTERED, RegisteredLayer, RegisteredRNN, own_config
from rnnverify.layers.repeat_vector import RepeatVector
from rnnverify.layers.rescaling import Rescaling
from rnnverify.layers.rnn import OF_WALKS, RNN, Stack
from rnnverify.layers.simple_rnn import SimpleRNN
from rnnverify.layers.softmax import Softmax
from rnnverify.layers.time_distributed import TimeDistributed
from rnnverify.layers.unit_normalization import UnitNormalization
from rnnverify.layers.walking import Walking
from rnnverify.observation.arguments import PREFIX

LAYERS: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        *(SimpleRNN, LSTM, GRU, ConvLSTM1D, ConvLSTM2D, ConvLSTM3D, RNN, Bidirectional, TimeDistributed),
        *(Dense, Embedding, Masking, RepeatVector, Flatten, Concatenate, Activation, Dropout, CategoryEncoding),
        *(Conv1D, SeparableConv1D, DepthwiseConv1D, Conv2D),
        *(MaxPooling1D, AveragePooling1D, GlobalMaxPooling1D, GlobalAveragePooling1D, MaxPooling2D, AveragePooling2D),
        *(BatchNormalization, LayerNormalization, UnitNormalization, Normalization, Rescaling),
        *(Attention, AdditiveAttention, MultiHeadAttention),
        *(Reshape, Permute, Cropping1D, ZeroPadding1D, UpSampling1D),
        *(Add, Subtract, Multiply, Average, Maximum, Minimum, Dot),
        *(ReLU, LeakyReLU, PReLU, ELU, Softmax),
        *(SpatialDropout1D, AlphaDropout, GaussianDropout, GaussianNoise, ActivityRegularization, Identity),
    )
}


# The cells of an RNN, with the layer that each of them makes of it.
CELLS: dict[str, type[Recurrent]] = {"SimpleRNNCell": SimpleRNN, "LSTMCell": LSTM, "GRUCell": GRU}
STACKED = "StackedRNNCells"

# What a saved model may hold: these layers with their cells, and operations between them.
REPLAYED = (*LAYERS, *CELLS, STACKED, *(PREFIX + name for name in OPERATIONS))

# Those that may be given as an activation.
ACTIVATION_LAYERS = ("ELU", "LeakyReLU", "ReLU", "Softmax")


def layer_of(class_name: str, config: Config) -> Layer:
    """The layer of this Keras class with this config, and those inside it.

    Raises:
        UnsupportedError: the class has no replay, or its replay does not implement one of the options.
    """
    if class_name.startswith(PREFIX):
        return operation_of(class_name, config)
    if class_name in REGISTERED:
        return RegisteredLayer.of_layer(class_name, config)
    if class_name not in LAYERS:
        name: Any = config.get("name", "")
        raise UnsupportedError(
            f"layer {name!r}: the class {class_name} has no replay (opaque, or --opaque {name}, takes what it puts"
            f" out as given, rnnverify.register({class_name!r}, ...) says what it computes);"
            f" those that have: {', '.join(sorted(LAYERS))}"
        )
    return LAYERS[class_name].from_config(own_config(config))


def layer_of_file(class_name: str, config: Config) -> Layer:
    """The same from a config that another version of Keras may have written, of which Keras itself says what it makes of it.

    What is missing has its default.

    Raises:
        UnsupportedError: as `layer_of`, but for that.
    """
    if class_name not in LAYERS:  # or an operation
        return layer_of(class_name, config)
    layer = LAYERS[class_name]
    if any(config.get(name, only) != only for name, only in layer.fixed.items()):
        return layer.from_config(config)
    config = own_config(config)
    known = {*layer.arguments(), *layer.inert_arguments(), *layer.fixed, *COMMON}
    if strange := [key for key in config if key not in known]:
        raise UnsupportedError(
            f"{class_name} {config.get('name', '')!r}: the option {strange[0]!r} is unknown to the replay"
        )
    lacking = [one.name for one in fields(layer) if one.default is MISSING and one.name not in config]
    if lacking:
        raise UnsupportedError(f"{class_name} {config.get('name', '')!r}: its config lacks {', '.join(lacking)}")
    return layer.of({name: config[name] for name in layer.arguments() if name in config})


def cell_of(part: Any) -> Walking:
    """The layer that an RNN over this cell is, from the cell's config as Keras serialises it: its walk has its defaults.

    Raises:
        UnsupportedError: it is of a class that has no replay, or as `layer_of`.
    """
    class_name, config = (part.get("class_name"), part.get("config")) if isinstance(part, Mapping) else (None, None)
    if not isinstance(config, Mapping):
        raise UnsupportedError(f"expected the cell of an RNN with its class and config, got {short(part)}")
    if class_name == STACKED:
        return Stack(tuple(cell_of(one) for one in config.get("cells", ())))
    if class_name in REGISTERED:
        return RegisteredRNN.of_cell(str(class_name), config)
    if class_name not in CELLS:
        raise UnsupportedError(
            f"the cell {class_name} has no replay (rnnverify.register({class_name!r}, ...) says what it computes); those that"
            f" have: {', '.join(CELLS)}"
        )
    if strange := [name for name in OF_WALKS if name in config]:
        raise UnsupportedError(f"{class_name}: the option {strange[0]!r} is unknown to the replay")
    return CELLS[class_name].from_config({**OF_WALKS, **config})


def activation_of(value: Any) -> ActivationFunction:
    """An activation from a config, by its name, or as a layer that is one.

    Raises:
        UnsupportedError: it is neither, or a layer that computes in another way, or has weights.
    """
    if not isinstance(value, Mapping) or value.get("class_name") not in ACTIVATION_LAYERS:
        return activation(value)
    layer = layer_of(value["class_name"], value["config"])
    if isinstance(layer, Softmax):
        if layer.axis != -1:
            raise UnsupportedError(
                f"the activation given as a Softmax along axis {layer.axis} is not implemented by the replay"
            )
        return ACTIVATIONS["softmax"]
    return lambda x: layer(Call([Masked(x)]))[0].values


def layer_inside(outer: type[Layer], config: Config) -> Layer:
    """A layer inside one of another class, from its config as Keras serialises it.

    Raises:
        UnsupportedError: it is of a class that may not stand there, or as `layer_of`.
    """
    class_name, inner = config.get("class_name"), config.get("config")
    if class_name not in inside_of(outer) or not isinstance(inner, Mapping):
        names = ", ".join(inside_of(outer))
        raise UnsupportedError(f"{outer.__name__}: the replay implements it around {names}, got {class_name}")
    return layer_of(class_name, inner)


def inside_of(outer: type[Layer]) -> list[str]:
    """The classes of which a layer may stand inside one of this class."""
    if outer is RNN:
        return list(CELLS)
    return [name for name, layer in LAYERS.items() if outer.holds(layer)]
