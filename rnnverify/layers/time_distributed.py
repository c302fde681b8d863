"""TimeDistributed: one layer applied to every timestep by itself, so time can be folded into the samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rnnverify.errors import UnsupportedError
from rnnverify.layers.activation import Activation
from rnnverify.layers.bidirectional import Bidirectional
from rnnverify.layers.dense import Dense
from rnnverify.layers.dropout import Dropout
from rnnverify.layers.flatten import Flatten
from rnnverify.layers.gru import GRU
from rnnverify.layers.layer import Call, Layer, Masked, Outputs
from rnnverify.layers.lstm import LSTM
from rnnverify.layers.recurrence import Recurrent
from rnnverify.layers.repeat_vector import RepeatVector
from rnnverify.layers.simple_rnn import SimpleRNN

INNER: dict[str, type[Layer]] = {
    "Activation": Activation,
    "Bidirectional": Bidirectional,
    "Dense": Dense,
    "Dropout": Dropout,
    "Flatten": Flatten,
    "GRU": GRU,
    "LSTM": LSTM,
    "RepeatVector": RepeatVector,
    "SimpleRNN": SimpleRNN,
}


@dataclass(frozen=True)
class TimeDistributed(Layer):
    layer: Layer

    pointwise = True

    @classmethod
    def read(cls, name: str, value: Any) -> Any:
        if value["class_name"] not in INNER:
            raise UnsupportedError(
                f"TimeDistributed: the replay implements it around {', '.join(INNER)}, got {value['class_name']}"
            )
        return INNER[value["class_name"]].from_config(value["config"])

    @property
    def weight_count(self) -> int:
        return self.layer.weight_count

    def weights_from(self, arrays: Any) -> Any:
        return self.layer.weights_from(arrays)

    def __call__(self, call: Call) -> Outputs:
        x, mask = call.x
        if mask is not None and isinstance(self.layer, Recurrent | Bidirectional):
            raise UnsupportedError("TimeDistributed: a mask over a recurrent layer is not implemented by the replay")
        samples, timesteps = x.shape[:2]
        folded = Masked(x.reshape(samples * timesteps, *x.shape[2:]))
        outputs = self.layer(Call([folded], call.weights))
        if len(outputs) > 1:
            raise UnsupportedError("TimeDistributed: a layer with several outputs is not implemented by the replay")
        y = outputs[0].values
        return (Masked(y.reshape(samples, timesteps, *y.shape[1:]), mask),)
