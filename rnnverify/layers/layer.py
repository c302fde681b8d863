"""What the replays of all layers have in common: each is made from a Keras config and accounts for every field of it.

A replay is a frozen dataclass. Its own fields are the config fields that the mathematics uses, `inert` names those
without effect on inference, `fixed` those of which a single value is implemented. Any other field is refused by name,
so that an option of some later Keras can never be ignored silently.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Self

from rnnverify.errors import UnsupportedError
from rnnverify.layers.activations import activation
from rnnverify.layers.arrays import Array

Config = Mapping[str, Any]


class Masked(NamedTuple):
    """A tensor on its way through the graph: its values and, where a layer made one, its mask."""

    values: Array  # (N, ...) or (N, T, ...)
    mask: Array | None = None  # (N, T) of bool; False marks a step to skip


Outputs = tuple[Masked, ...]


class Call(NamedTuple):
    """What a layer is given: its inputs, its `get_weights()` and, for recurrent layers, the states to start from."""

    inputs: Sequence[Masked]
    weights: Sequence[Array] = ()
    initial_state: Sequence[Array] = ()
    masked: bool = True  # whether the input's mask is to be heeded; it is handed on in either case

    @property
    def x(self) -> Masked:
        """The input of a layer that has one."""
        return self.inputs[0]


@dataclass(frozen=True)
class Layer(ABC):
    """One Keras layer at inference."""

    inert: ClassVar[frozenset[str]] = frozenset()
    fixed: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    pointwise: ClassVar[bool] = (
        False  # whether every timestep is treated by itself, so that it can be looked at by itself
    )
    autocast: ClassVar[bool] = True  # whether Keras rounds its inputs to the precision it computes in

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Take the fields that the replay uses from what Keras's `get_config()` returned.

        Raises:
            UnsupportedError: a field is unknown, missing, or has a value that is not implemented.
        """
        used = {field.name for field in fields(cls)}
        title = f"{cls.__name__} {config.get('name', '')!r}"
        for name, value in config.items():
            if name in cls.fixed:
                if value != cls.fixed[name]:
                    raise UnsupportedError(
                        f"{title}: {name}={value!r} is not implemented by the replay, only {name}={cls.fixed[name]!r} is"
                    )
            elif name not in used | cls.inert | COMMON:
                raise UnsupportedError(f"{title}: the option {name!r} (here {value!r}) is unknown to the replay")
        if missing := used - config.keys():
            raise UnsupportedError(f"{title}: its config lacks {', '.join(sorted(missing))}")
        return cls(**{field.name: cls.read(field.name, config[field.name]) for field in fields(cls)})

    @classmethod
    def read(cls, name: str, value: Any) -> Any:
        """Turn one config value into the field's value: an activation's name into the function."""
        return activation(value) if name in ("activation", "recurrent_activation") else value

    @property
    def weight_count(self) -> int:
        """How many arrays `get_weights()` gives for this layer."""
        return 0

    @property
    def output_names(self) -> tuple[str, ...]:
        """A suffix for each output; the first is usually empty."""
        return ("",)

    def weights_from(self, arrays: Sequence[Array]) -> Sequence[Array]:
        """What it computes with, from what `get_weights()` gave."""
        return arrays

    def walks(self, call: Call) -> tuple[Any, ...]:
        """The walks through time that it takes (see `recurrence`): none, one, or one in each direction."""
        return ()

    def outputs(self, call: Call, walked: Sequence[Any]) -> Outputs:
        """Its outputs, from what its walks left behind."""
        raise NotImplementedError

    def __call__(self, call: Call) -> Outputs:
        """Compute the layer's outputs."""
        return self.outputs(call, [walk.run() for walk in self.walks(call)])


# Fields of every layer: a label, a training switch, and the policy, which is applied where weights are read.
COMMON = frozenset({"name", "trainable", "dtype"})

# Fields of layers with weights that matter in training or when weights are first drawn.
TRAINING = frozenset(
    f"{weight}_{role}"
    for weight in ("kernel", "recurrent", "bias", "embeddings", "activity")
    for role in ("initializer", "regularizer", "constraint")
)
