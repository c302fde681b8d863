"""Which Keras class is replayed by which of ours. A layer that is not here is refused by name."""

from __future__ import annotations

from typing import Any

from rnnverify.errors import UnsupportedError
from rnnverify.layers.activation import Activation
from rnnverify.layers.bidirectional import Bidirectional
from rnnverify.layers.concatenate import Concatenate
from rnnverify.layers.dense import Dense
from rnnverify.layers.dropout import Dropout
from rnnverify.layers.embedding import Embedding
from rnnverify.layers.flatten import Flatten
from rnnverify.layers.gru import GRU
from rnnverify.layers.layer import Config, Layer
from rnnverify.layers.lstm import LSTM
from rnnverify.layers.masking import Masking
from rnnverify.layers.repeat_vector import RepeatVector
from rnnverify.layers.simple_rnn import SimpleRNN
from rnnverify.layers.time_distributed import TimeDistributed

REPLAYS: dict[str, type[Layer]] = {
    "Activation": Activation,
    "Bidirectional": Bidirectional,
    "Concatenate": Concatenate,
    "Dense": Dense,
    "Dropout": Dropout,
    "Embedding": Embedding,
    "Flatten": Flatten,
    "GRU": GRU,
    "LSTM": LSTM,
    "Masking": Masking,
    "RepeatVector": RepeatVector,
    "SimpleRNN": SimpleRNN,
    "TimeDistributed": TimeDistributed,
}


def replay_of(class_name: str, config: Config) -> Layer:
    """The replay for a layer of this Keras class with this config.

    Raises:
        UnsupportedError: no replay is registered for the class, or it does not implement one of the options.
    """
    if class_name not in REPLAYS:
        name: Any = config.get("name", "")
        raise UnsupportedError(
            f"layer {name!r}: the class {class_name} has no replay; those that have: {', '.join(REPLAYS)}"
        )
    return REPLAYS[class_name].from_config(config)
