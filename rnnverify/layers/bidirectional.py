"""Bidirectional: two recurrent layers, one of which walks time backwards, and the merging of what they give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnverify.errors import UnsupportedError
from rnnverify.layers.arrays import Array
from rnnverify.layers.gru import GRU
from rnnverify.layers.layer import Call, Layer, Masked, Outputs
from rnnverify.layers.lstm import LSTM
from rnnverify.layers.recurrence import Recurrent, Walk
from rnnverify.layers.simple_rnn import SimpleRNN
from rnnverify.observation import Walked

DIRECTIONS: dict[str, type[Recurrent]] = {"SimpleRNN": SimpleRNN, "LSTM": LSTM, "GRU": GRU}

MERGES: dict[str, Callable[[Array, Array], Array]] = {
    "concat": lambda forward, backward: np.concatenate([forward, backward], axis=-1),
    "sum": lambda forward, backward: forward + backward,
    "mul": lambda forward, backward: forward * backward,
    "ave": lambda forward, backward: (forward + backward) / 2,
}


@dataclass(frozen=True)
class Bidirectional(Layer):
    layer: Recurrent
    backward_layer: Recurrent
    merge_mode: str | None

    @classmethod
    def read(cls, name: str, value: Any) -> Any:
        if name == "merge_mode":
            if value is not None and value not in MERGES:
                raise UnsupportedError(f"Bidirectional: merge_mode={value!r} is not one of {', '.join(MERGES)}, None")
            return value
        if value["class_name"] not in DIRECTIONS:
            raise UnsupportedError(
                f"Bidirectional: the replay implements it around {', '.join(DIRECTIONS)}, got {value['class_name']}"
            )
        return DIRECTIONS[value["class_name"]].from_config(value["config"])

    @property
    def weight_count(self) -> int:
        return self.layer.weight_count + self.backward_layer.weight_count

    @property
    def output_names(self) -> tuple[str, ...]:
        merged = ("forward", "backward") if self.merge_mode is None else ("",)
        if not self.layer.return_state:
            return merged
        forward = (f"forward_{name}" for name in self.layer.state_names)
        backward = (f"backward_{name}" for name in self.backward_layer.state_names)
        return (*merged, *forward, *backward)

    def parts(self, call: Call) -> list[tuple[Recurrent, Call]]:
        """Either direction, with its share of the weights and of the initial states."""
        split, half = self.layer.weight_count, len(call.initial_state) // 2
        forward = call._replace(weights=call.weights[:split], initial_state=call.initial_state[:half])
        backward = call._replace(weights=call.weights[split:], initial_state=call.initial_state[half:])
        return [(self.layer, forward), (self.backward_layer, backward)]

    def weights_from(self, arrays: Sequence[Array]) -> Sequence[Array]:
        forward, backward = arrays[: self.layer.weight_count], arrays[self.layer.weight_count :]
        return [*self.layer.weights_from(forward), *self.backward_layer.weights_from(backward)]

    def walks(self, call: Call) -> tuple[Walk, ...]:
        return tuple(walk for layer, part in self.parts(call) for walk in layer.walks(part))

    def outputs(self, call: Call, walked: Sequence[Walked]) -> Outputs:
        (forward, *forward_states), (backward, *backward_states) = (
            layer.outputs(part, [done]) for (layer, part), done in zip(self.parts(call), walked, strict=True)
        )
        if self.layer.return_sequences:
            backward = self.in_order_of_time(backward)
        merged = (forward, backward) if self.merge_mode is None else (self.merged(forward, backward),)
        return (*merged, *forward_states, *backward_states)

    def in_order_of_time(self, backward: Masked) -> Masked:
        """The backward walk gave its last timestep first."""
        return backward._replace(values=backward.values[:, ::-1])

    def merged(self, forward: Masked, backward: Masked) -> Masked:
        assert self.merge_mode is not None
        return Masked(MERGES[self.merge_mode](forward.values, backward.values), forward.mask)
