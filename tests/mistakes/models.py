"""Models in which every known mistake can be made and seen, and what Keras did for each of them."""

from __future__ import annotations

from typing import Any

from rnnverify.api import observe
from rnnverify.observation import Observation
from rnnverify.spec import spec_from_mapping

SIZES = {"N": 4, "T": 7, "D": 3, "M": 5, "K": 2}
HEAD: dict[str, Any] = {"Dense": {"units": "K", "activation": "softmax"}}
IDS: dict[str, Any] = {"Embedding": {"input_dim": 9, "output_dim": 3, "mask_zero": True}}
MODELS: dict[str, dict[str, Any]] = {
    "SimpleRNN": {"layers": [{"SimpleRNN": {"units": "M"}}, {"Dense": {"units": "K"}}]},
    "LSTM": {"layers": [{"LSTM": {"units": "M"}}, {"Dense": {"units": "K"}}]},
    "GRU": {"layers": [{"GRU": {"units": "M"}}, {"Dense": {"units": "K"}}]},
    "LSTM, sequences": {"layers": [{"LSTM": {"units": "M", "return_sequences": True}}, {"Dense": {"units": "K"}}]},
    "LSTM, saturated": {"layers": [{"LSTM": {"units": "M"}}, {"Dense": {"units": "K"}}], "weights": {"scale": 8.0}},
    "one SimpleRNN": {"layers": [{"SimpleRNN": {"units": "M"}}]},
    "Bidirectional": {
        "layers": [
            {"Bidirectional": {"layer": {"SimpleRNN": {"units": "M", "return_sequences": True}}}},
            {"Dense": {"units": "K"}},
        ]
    },
    "LSTM with states": {
        "layers": [{"LSTM": {"units": "M", "return_sequences": True, "return_state": True}}],
        "initial_state": "random",
    },
    "GRU, softmax": {"layers": [{"GRU": {"units": "M", "return_sequences": True}}, HEAD]},
    "GRU, reset before, other activations": {
        "layers": [
            {"GRU": {"units": "M", "reset_after": False, "recurrent_activation": "hard_sigmoid", "activation": "elu"}},
            HEAD,
        ]
    },
    "LSTM, other activations": {
        "layers": [{"LSTM": {"units": "M", "activation": "softsign", "recurrent_activation": "hard_sigmoid"}}, HEAD]
    },
    "backwards": {"layers": [{"GRU": {"units": "M", "return_sequences": True, "go_backwards": True}}]},
    "Bidirectional LSTM": {
        "layers": [{"Bidirectional": {"layer": {"LSTM": {"units": "M", "return_sequences": True}}}}],
        "initial_state": "random",
    },
    "Bidirectional, last": {"layers": [{"Bidirectional": {"layer": {"GRU": {"units": "M"}}}}]},
    "Bidirectional, mul": {"layers": [{"Bidirectional": {"layer": {"GRU": {"units": "M"}}, "merge_mode": "mul"}}]},
    "masked": {
        "layers": [
            IDS,
            {"LSTM": {"units": "M", "return_sequences": True}},
            {"GRU": {"units": 6, "return_sequences": True}},
        ],
        "data": {"tokens": {"lengths": "random"}},
    },
    "masked in front": {
        "layers": [IDS, {"LSTM": {"units": "M", "return_sequences": True}}],
        "data": {"tokens": {"lengths": "random", "padding": "pre"}},
    },
    "masked, both directions": {
        "layers": [IDS, {"Bidirectional": {"layer": {"GRU": {"units": "M", "return_sequences": True}}}}, HEAD],
        "data": {"tokens": {"lengths": "random"}},
    },
    "repeated": {
        "layers": [
            {"LSTM": {"units": "M"}},
            {"RepeatVector": {"n": 3}},
            {"GRU": {"units": 6, "return_sequences": True}},
        ]
    },
    "a layer that fits": {"layers": [{"GRU": {"units": "M", "return_sequences": True}}], "D": 5},
    "Bidirectional, sum": {"layers": [{"Bidirectional": {"layer": {"GRU": {"units": "M"}}, "merge_mode": "sum"}}]},
    "stateful": {
        "layers": [{"LSTM": {"units": "M", "stateful": True, "return_sequences": True}}, {"Dense": {"units": "K"}}],
        "calls": {"count": 3, "reset": [3]},
    },
    "normalized": {
        "layers": [
            {"GRU": {"units": "M", "return_sequences": True}},
            {"LayerNormalization": {}},
            {"BatchNormalization": {"epsilon": 1e-5}},
        ]
    },
    "a mean over time": {
        "layers": [IDS, {"LSTM": {"units": "M", "return_sequences": True}}, {"GlobalAveragePooling1D": {}}],
        "data": {"tokens": {"lengths": "random"}},
    },
    "images": {
        "layers": [
            {"InputLayer": {"shape": ["T", 8, 2]}},
            {"ConvLSTM1D": {"filters": 3, "kernel_size": 3, "dilation_rate": 2, "return_sequences": True}},
        ]
    },
    "a stack": {
        "layers": [{"RNN": {"cell": [{"GRUCell": {"units": "M"}}, {"SimpleRNNCell": {"units": "M"}}]}}],
        "initial_state": "random",
    },
    "N = T": {"layers": [{"SimpleRNN": {"units": "M"}}], "N": 7},
    "T = D": {"layers": [{"SimpleRNN": {"units": "M"}}], "D": 7},
}


def observations() -> dict[str, Observation]:
    """By the models' names."""
    return {
        name: observe(spec_from_mapping({**SIZES, "weights": {"scale": 1.5}, "seed": 3, **model}))
        for name, model in MODELS.items()
    }
