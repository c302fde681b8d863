"""BatchNormalization: gamma (x - mean) / sqrt(variance + epsilon) + beta, with the mean and variance seen in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from rnnverify.layers.arguments import Axis, Inert, Initializer, Real
from rnnverify.layers.layer import Call, Masked, MisfitError, Outputs, Shape
from rnnverify.layers.normalizing import Normalizing


@dataclass(frozen=True)
class BatchNormalization(Normalizing):
    axis: Axis = -1

    inert = MappingProxyType(
        {
            "moving_mean_initializer": Inert(Initializer, "zeros"),
            "moving_variance_initializer": Inert(Initializer, "ones"),
            "momentum": Inert(Real, 0.99),
            "synchronized": Inert(),
            "renorm_momentum": Inert(),
            "renorm_clipping": Inert(),
        }
    )
    fixed = MappingProxyType({"renorm": False})

    @property
    def weight_names(self) -> tuple[str, ...]:
        return (*super().weight_names, "moving_mean", "moving_variance")

    @property
    def tied_to_time(self) -> bool:
        return self.axis == 1

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        rank = len(inputs[0]) + 1
        if not -rank < self.axis < rank or self.axis == 0:
            raise MisfitError(f"an axis of {inputs[0]}, where 1 is the first after the samples", "axis")
        return [inputs[0]]

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        size = inputs[0][self.axis if self.axis < 0 else self.axis - 1]
        return dict.fromkeys(self.weight_names, (size,))

    def __call__(self, call: Call) -> Outputs:
        x, mask = call.x
        across = [1] * x.ndim
        across[self.axis] = x.shape[self.axis]
        given = {name: array.reshape(across) for name, array in zip(self.weight_names, call.weights, strict=True)}
        return (Masked(self.normalized(x, given["moving_mean"], given["moving_variance"], given), mask),)
