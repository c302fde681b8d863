"""Bidirectional: two recurrent layers, one of which walks time backwards, and the merging of what they give."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import numpy as np

from rnnverify.layers.arguments import OneOf
from rnnverify.layers.arrays import Array
from rnnverify.layers.layer import Call, Layer, Masked, MisfitError, Outputs, Shape
from rnnverify.layers.walk import Walk
from rnnverify.layers.walking import Walking
from rnnverify.observation import Walked

MERGES: dict[str, Callable[[Array, Array], Array]] = {
    "concat": lambda forward, backward: np.concatenate([forward, backward], axis=-1),
    "sum": lambda forward, backward: forward + backward,
    "mul": lambda forward, backward: forward * backward,
    "ave": lambda forward, backward: (forward + backward) / 2,
}


@dataclass(frozen=True)
class Bidirectional(Layer):
    layer: Walking
    backward_layer: Walking = field(default=None)  # type: ignore[assignment] # by default `layer`, backwards
    merge_mode: Annotated[str | None, OneOf((*MERGES, None))] = "concat"

    takes_initial_state = True

    def __post_init__(self) -> None:
        if self.backward_layer is None:
            object.__setattr__(self, "backward_layer", replace(self.layer, go_backwards=not self.layer.go_backwards))

    @property
    def rank(self) -> tuple[int, str] | None:  # type: ignore[override]
        return self.layer.rank

    @property
    def narrow_sums(self) -> bool:  # type: ignore[override]
        return any(layer.narrow_sums for _, layer in self.directions)

    @property
    def directions(self) -> tuple[tuple[str, Walking], ...]:
        return ("forward", self.layer), ("backward", self.backward_layer)

    def check(self, states_set: bool) -> None:
        forward, backward = self.layer, self.backward_layer
        for key in ("return_sequences", "return_state", "units"):
            ours, theirs = (json.dumps(getattr(layer, key, None)) for layer in (forward, backward))
            if ours != theirs and (key != "units" or self.merge_mode not in ("concat", None)):
                raise MisfitError(f"{key}: {ours}, as in `layer`; got {theirs}", "backward_layer")
        if (forward.return_state or states_set) and len(forward.state_names) != len(backward.state_names):
            raise MisfitError(
                f"as many states as `layer` has ({', '.join(forward.state_names)}), since they are returned or set; got"
                f" {', '.join(backward.state_names)}",
                "backward_layer",
            )
        if forward.go_backwards == backward.go_backwards:
            raise MisfitError("go_backwards: true, the opposite of `layer`; got the same", "backward_layer")
        if forward.go_backwards:
            raise MisfitError("go_backwards: false; the backward layer reverses time by itself", "layer")

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        ys = [layer.output_shapes(inputs)[0] for _, layer in self.directions]
        joined = -1 if self.merge_mode == "concat" else None
        if self.merge_mode is not None and ys[0][:joined] != ys[1][:joined]:
            raise MisfitError(f"an output that merges with {ys[0]}, which `layer` gives; got {ys[1]}", "backward_layer")
        if self.merge_mode == "concat":
            ys = [(*ys[0][:-1], ys[0][-1] + ys[1][-1])]
        elif self.merge_mode is not None:
            ys = ys[:1]
        return [*ys, *self.state_shapes(inputs)] if self.layer.return_state else ys

    def state_shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        return [shape for _, layer in self.directions for shape in layer.state_shapes(inputs)]

    def first_states(self, samples: int, inputs: Sequence[Shape], dtype: np.dtype[Any]) -> list[Array]:
        return [state for _, layer in self.directions for state in layer.first_states(samples, inputs, dtype)]

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        return {
            f"{direction}_{name}": shape
            for direction, layer in self.directions
            for name, shape in layer.weight_shapes(inputs).items()
        }

    def held(self, inputs: Sequence[Shape]) -> int:
        return sum(layer.held(inputs) for _, layer in self.directions)

    @property
    def weight_names(self) -> tuple[str, ...]:
        return tuple(f"{direction}_{name}" for direction, layer in self.directions for name in layer.weight_names)

    @property
    def state_names(self) -> tuple[str, ...]:
        return tuple(f"{direction}_{name}" for direction, layer in self.directions for name in layer.state_names)

    @property
    def walked_names(self) -> tuple[str, ...]:
        """What each step of both walks leaves, by name."""
        return tuple(f"{direction}_{name}" for direction, layer in self.directions for name in layer.walked_names)

    @property
    def output_names(self) -> tuple[str, ...]:
        merged = ("forward", "backward") if self.merge_mode is None else ("",)
        return (*merged, *self.state_names) if self.layer.return_state else merged

    @property
    def state_outputs(self) -> int:
        return len(self.state_names) if self.layer.return_state else 0

    def has_time(self, output: int, shape: Shape) -> bool:
        return output < len(self.output_names) - self.state_outputs and self.layer.return_sequences

    @property
    def tied_to_time(self) -> bool:
        return any(layer.tied_to_time for _, layer in self.directions)

    def calls_built(self, inputs: Sequence[Shape]) -> int:
        return sum(layer.calls_built(inputs) for _, layer in self.directions)

    def parts(self, call: Call) -> list[tuple[Walking, Call]]:
        """Either direction, with its share of the weights and of the initial states."""
        split, half = self.layer.weight_count, len(call.initial_state) // 2
        forward = call._replace(weights=call.weights[:split], initial_state=call.initial_state[:half])
        backward = call._replace(weights=call.weights[split:], initial_state=call.initial_state[half:])
        return [(self.layer, forward), (self.backward_layer, backward)]

    def weights_from(self, arrays: Sequence[Array]) -> Sequence[Array]:
        return [array for layer, part in self.parts(Call((), arrays)) for array in layer.weights_from(part.weights)]

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
