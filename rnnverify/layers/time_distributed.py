"""TimeDistributed: one layer applied to every timestep by itself, so time can be folded into the samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnnverify.errors import UnsupportedError
from rnnverify.layers.arrays import Array
from rnnverify.layers.layer import Call, Layer, Masked, MisfitError, Outputs, Shape
from rnnverify.layers.walking import is_stateful


@dataclass(frozen=True)
class TimeDistributed(Layer):
    layer: Layer

    pointwise = True
    distributes = False

    @classmethod
    def holds(cls, inner: type[Layer]) -> bool:
        return inner.distributes

    @property
    def narrow_sums(self) -> bool:  # type: ignore[override]
        return self.layer.narrow_sums

    def check(self, states_set: bool) -> None:
        self.layer.check(states_set=False)
        if is_stateful(self.layer):
            raise MisfitError("stateful: false inside TimeDistributed", "layer")
        if len(self.layer.output_names) > 1:
            raise MisfitError("a layer with one output inside TimeDistributed", "layer")

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        if len(inputs[0]) < 2:
            raise MisfitError(f"a layer before it that gives a sequence (timesteps, ...); what comes in is {inputs[0]}")
        timesteps, *rest = inputs[0]
        return [(timesteps, *shape) for shape in self.layer.output_shapes([tuple(rest)])]

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        return self.layer.weight_shapes([inputs[0][1:]])

    def held(self, inputs: Sequence[Shape]) -> int:
        timesteps, *rest = inputs[0]
        return timesteps * self.layer.held([tuple(rest)])

    def calls_built(self, inputs: Sequence[Shape]) -> int:
        timesteps, *rest = inputs[0]
        each = 15 if self.layer.takes_initial_state else 1  # as measured: a loop takes as long as 15 Dense
        return timesteps * max(each, self.layer.calls_built([tuple(rest)]))

    @property
    def weight_names(self) -> tuple[str, ...]:
        return self.layer.weight_names

    @property
    def tied_to_time(self) -> bool:
        return True  # with T open Keras 3.15 gives (N, N, M), or an error, in place of (N, T, M), as measured

    def weights_from(self, arrays: Sequence[Array]) -> Sequence[Array]:
        return self.layer.weights_from(arrays)

    def __call__(self, call: Call) -> Outputs:
        x, mask = call.x
        if is_stateful(self.layer):
            raise UnsupportedError("TimeDistributed: a stateful layer inside is not implemented by the replay")
        if mask is not None and (self.layer.takes_initial_state or self.layer.heeds_mask):
            kind = "a recurrent layer" if self.layer.takes_initial_state else f"a {type(self.layer).__name__}"
            raise UnsupportedError(f"TimeDistributed: a mask over {kind} is not implemented by the replay")
        samples, timesteps = x.shape[:2]
        folded = Masked(x.reshape(samples * timesteps, *x.shape[2:]))
        outputs = self.layer(Call([folded], call.weights))
        if len(outputs) > 1:
            raise UnsupportedError("TimeDistributed: a layer with several outputs is not implemented by the replay")
        y = outputs[0].values
        return (Masked(y.reshape(samples, timesteps, *y.shape[1:]), mask),)
