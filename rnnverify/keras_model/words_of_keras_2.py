"""What Keras 2 called its layers and their options, and what Keras 3 has in their place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Where Keras 2 has its layers and models, under each of the names that it had.
HOME = re.compile(
    r"(tf_keras|tensorflow\.keras|tensorflow\.python\.keras|keras)(\.src)?(\.legacy)?(\.(layers|engine|models)\b.*)?"
)

# Classes with another name; each of the old ones computes what the new one computes with the options in IMPLIED.
CLASSES = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "CuDNNGRU": "GRU",
    "CuDNNLSTM": "LSTM",
    "Model": "Functional",
    "ThresholdedReLU": "ReLU",
    "UnifiedGRU": "GRU",
    "UnifiedLSTM": "LSTM",
}
FUNCTIONS = {"softmax_v2": "softmax"}  # activations with another name
OPTIONS: Mapping[tuple[str, str], str] = {("LeakyReLU", "alpha"): "negative_slope", ("ReLU", "theta"): "threshold"}
# What stands in no file of some version of Keras 2, for it could not be chosen then.
RECURRENT = {"return_state": False, "unroll": False, "zero_output_for_mask": False}
CUDNN = {**RECURRENT, "activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": True}
LAST = {"data_format": "channels_last"}
IMPLIED: Mapping[str, Mapping[str, Any]] = {
    "AveragePooling1D": LAST,
    "Conv1D": {**LAST, "groups": 1},
    "Conv2D": {"groups": 1},
    **dict.fromkeys(("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"), RECURRENT),
    "CuDNNGRU": {**CUDNN, "reset_after": True},
    "CuDNNLSTM": CUDNN,
    "GRU": {**RECURRENT, "reset_after": False},
    "GRUCell": {"reset_after": False},
    "GlobalAveragePooling1D": {**LAST, "keepdims": False},
    "GlobalMaxPooling1D": {**LAST, "keepdims": False},
    "LSTM": RECURRENT,
    "MaxPooling1D": LAST,
    "RNN": RECURRENT,
    "SimpleRNN": RECURRENT,
    "ThresholdedReLU": {"max_value": None, "negative_slope": 0.0},
    "UnifiedGRU": {**RECURRENT, "reset_after": False},
    "UnifiedLSTM": RECURRENT,
}
# Options that say nothing about what is computed.
WITHOUT_EFFECT = {"batch_input_shape", "fused", "implementation", "input_length", "renorm_clipping", "renorm_momentum"}
OF_DEPTHWISE = {
    "kernel_constraint",
    "kernel_initializer",
    "kernel_regularizer",
}  # those of its base class, which it has not
WITHOUT_EFFECT_IN: Mapping[str, set[str]] = {
    "MultiHeadAttention": {"key_shape", "query_shape", "value_shape"},
    "SeparableConv1D": OF_DEPTHWISE,
    "SeparableConv2D": OF_DEPTHWISE,
    "SpatialDropout1D": {"trainable"},
    "SpatialDropout2D": {"trainable"},
}
# ...while they have one of these values.
OFF: Mapping[str, tuple[Any, ...]] = {
    "adjustment": (None,),
    "causal": (False,),
    "dynamic": (False,),
    "num_constants": (None, 0),
    "optional": (False,),
    "ragged": (None, False),
    "renorm": (False,),
    "softmax_robust_masking": (False,),
    "sparse": (None, False),
    "time_major": (None, False),
    "virtual_batch_size": (None,),
}
OFF_IN: Mapping[tuple[str, str], tuple[Any, ...]] = {
    ("DepthwiseConv1D", "groups"): (1,),
    ("DepthwiseConv2D", "groups"): (1,),
    ("SeparableConv1D", "groups"): (1,),
    ("SeparableConv2D", "groups"): (1,),
    ("SpatialDropout1D", "noise_shape"): (None,),
    ("SpatialDropout2D", "noise_shape"): (None,),
}


def at_home(part: Mapping[str, Any]) -> bool:
    """Whether a part is one of Keras's own layers or models, or says nothing of where it comes from."""
    module = part.get("module")
    return module is None or (isinstance(module, str) and HOME.fullmatch(module) is not None)


def without_effect(class_name: str, key: str) -> bool:
    """Whether an option is left out, whatever its value."""
    return key in WITHOUT_EFFECT or key in WITHOUT_EFFECT_IN.get(class_name, ())


def off(class_name: str, key: str) -> tuple[Any, ...] | None:
    """The values with which an option is left out, and without which it means something that Keras 3 has no word for."""
    return OFF_IN.get((class_name, key), OFF.get(key))
