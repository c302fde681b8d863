"""What a stateful layer keeps from one call to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnnverify.layers.arrays import Array
from rnnverify.layers.layer import Call, Layer, Masked, Outputs
from rnnverify.layers.walk import Walk
from rnnverify.layers.walking import Walking
from rnnverify.mistakes.changes import altered
from rnnverify.mistakes.mistake import Mistake
from rnnverify.mistakes.walk import from_zero
from rnnverify.observation import Walked


def left_as(starts: Any) -> Any:
    """A change of stateful layers: they start from what `starts` makes of a walk, and that is what is left of it, too."""

    def change(layer: Any) -> Layer | None:
        if not isinstance(layer, Walking) or not layer.stateful:
            return None
        own: Any = type(layer)

        def walks(self: Any, call: Call) -> tuple[Walk, ...]:
            return tuple(map(starts, own.walks(self, call)))

        def outputs(self: Any, call: Call, walked: Sequence[Walked]) -> Outputs:
            made: list[Masked] = list(own.outputs(self, call, walked))
            if self.return_state:
                (walk,) = walks(self, call)
                kept: Sequence[Array] = walk.states[1:] if self.puts_out else walk.states
                made[-len(kept) :] = map(Masked, kept)
            return tuple(made)

        return altered(layer, walks=walks, outputs=outputs)  # type: ignore[no-any-return]

    return change


def as_given(walk: Walk) -> Walk:
    return walk


LOST, RESET, FROZEN = "state-lost-between-calls", "state-reset-each-call", "state-frozen-at-export"
KEPT = "keep the states: what a call ends with is what the next one starts from"


CALLS = (
    Mistake(
        LOST,
        "the state is not kept: each call starts from zero",
        KEPT,
        "Keras on JAX",
        left_as(from_zero()),
    ),
    Mistake(
        RESET,
        "the layer is taken for one that is not stateful: each call starts from zero",
        KEPT,
        "microsoft/onnxruntime#1659",
        left_as(from_zero()),
    ),
    Mistake(
        FROZEN,
        "the state is a constant: each call starts from what the state was when the model was exported",
        "export a model without stateful layers, with its states as inputs and outputs",
        "tf2onnx",
        left_as(as_given),
    ),
)
