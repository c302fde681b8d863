"""What all layers have in common: each is declared once, by its class, and accounts for every field of a Keras config.

A layer is a frozen dataclass. Its own fields are the arguments that the mathematics uses, with Keras's defaults; `weights`
names what get_weights() gives, `inert` the arguments without effect at inference, `fixed` those of which a single value is
implemented. Any other is refused by name, so that an option of some later Keras can never be ignored silently. A spec's
arguments, its shapes, the estimate of its memory and the names of its outputs follow from the same class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache
from math import prod
from types import MappingProxyType
from typing import Any, ClassVar, Self, get_type_hints

import numpy as np

from rnnverify.errors import UnsupportedError
from rnnverify.layers.activations import ActivationFunction
from rnnverify.layers.arguments import Inert, choices_of, inert_for, short, suits
from rnnverify.layers.arrays import Array
from rnnverify.layers.call import Call as Call
from rnnverify.layers.call import Masked as Masked
from rnnverify.layers.call import Outputs as Outputs
from rnnverify.observation.precision import HANDED

Config = Mapping[str, Any]
Shape = tuple[int, ...]  # without the samples: (T, D) is one sequence


class MisfitError(ValueError):
    """What comes in, or stands beside it, is not what a layer takes; says what was expected."""

    def __init__(self, expected: str, argument: str | None = None) -> None:
        super().__init__(f"expected {expected}")
        self.expected = expected
        self.argument = argument  # the one that is wrong, if it is one


@dataclass(frozen=True)
class Layer:
    """One Keras layer at inference. It says how its outputs come about, or which walks it takes and what comes of them."""

    weights: ClassVar[Mapping[str, str]] = MappingProxyType({})  # in order, each with Keras's initializer
    inert: ClassVar[Mapping[str, Inert]] = MappingProxyType({})
    fixed: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    of_call: ClassVar[frozenset[str]] = frozenset()  # arguments that come with the call, where Keras's config has none
    of_late: ClassVar[frozenset[str]] = frozenset()  # ...that files which were saved before they were known do not have
    rank: ClassVar[tuple[int, str] | None] = None  # how many axes its input has, and in words
    several_inputs: ClassVar[bool] = False
    takes_initial_state: ClassVar[bool] = False
    heeds_mask: ClassVar[bool] = False  # whether a mask changes what it computes, where it has no states
    pointwise: ClassVar[bool] = False  # whether each timestep is treated by itself, so that it can be looked at alone
    autocast: ClassVar[bool] = True  # whether Keras rounds its inputs to the precision it computes in
    narrow_sums: ClassVar[bool] = False  # whether half precision may be added up in itself, and not in float32
    at_least_single: ClassVar[bool] = False  # whether its weights are read in float32 at least, in half precision, too
    distributes: ClassVar[bool] = True  # whether TimeDistributed may stand around it

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Take the fields that the mathematics uses from what Keras's `get_config()` returned.

        Raises:
            UnsupportedError: a field is unknown, missing, or has a value that is not implemented.
        """
        used = [field.name for field in fields(cls)]
        title = f"{cls.__name__} {config.get('name', '')!r}"
        for name, value in config.items():
            if name in cls.fixed:
                if value != cls.fixed[name]:
                    raise UnsupportedError(
                        f"{title}: {name}={short(value)} is not implemented by the replay, only {name}={cls.fixed[name]!r} is"
                    )
            elif name not in {*used, *cls.inert_arguments(), *COMMON}:
                raise UnsupportedError(f"{title}: the option {name!r} (here {short(value)}) is unknown to the replay")
        if missing := sorted(set(used) - config.keys() - cls.of_call - cls.of_late):
            raise UnsupportedError(f"{title}: its config lacks {', '.join(missing)}")
        return cls.of({name: config[name] for name in used if name in config})

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """A layer from the values of its fields as a config or a spec has them: activations by name."""
        return cls(**{name: cls.read(name, value) for name, value in values.items()})

    @classmethod
    def read(cls, name: str, value: Any) -> Any:
        """Turn one value into the field's: an activation's name into the function, a config into the layer inside."""
        kind = cls.arguments()[name]
        from rnnverify.layers.registry import activation_of, layer_inside  # it imports every layer, and so this module

        if name in cls.layers_inside() and isinstance(value, Mapping):
            return layer_inside(cls, value)
        if kind == ActivationFunction:
            return activation_of(value)
        absent = value is None and getattr(cls, name, MISSING) is None  # a layer inside that need not be there
        if not (absent or isinstance(value, Layer) if name in cls.layers_inside() else suits(kind, value)):
            raise UnsupportedError(f"{cls.__name__}: {name}={short(value)} is not implemented by the replay")
        if isinstance(value, list):  # as JSON has what Keras gives as a tuple
            value = tuple(value)
        choices = choices_of(kind)
        if choices is not None and value not in choices:
            raise UnsupportedError(
                f"{cls.__name__}: {name}={short(value)} is not one of {', '.join(map(str, choices))}"
            )
        return value

    @classmethod
    @cache
    def arguments(cls) -> Mapping[str, Any]:
        """The type of each of its own fields."""
        hints = get_type_hints(cls, include_extras=True)
        return {field.name: hints[field.name] for field in sorted(fields(cls), key=lambda field: field.kw_only is True)}

    @classmethod
    @cache
    def inert_arguments(cls) -> Mapping[str, Inert]:
        """All arguments without effect at inference, those that go with its weights among them."""
        return {**inert_for(dict(cls.weights)), **cls.inert}

    @classmethod
    def holds(cls, inner: type[Layer]) -> bool:
        """Whether a layer of that class may stand inside one of this."""
        return any(isinstance(kind, type) and issubclass(inner, kind) for kind in cls.layers_inside().values())

    @classmethod
    @cache
    def layers_inside(cls) -> Mapping[str, type[Layer]]:
        """The fields that are layers themselves, with what class they must be of."""
        kinds = cls.arguments().items()
        return {name: kind for name, kind in kinds if isinstance(kind, type) and issubclass(kind, Layer)}

    def check(self, states_set: bool) -> None:
        """Refuse arguments that do not go together; `states_set` says whether the call is given initial states.

        Raises:
            MisfitError: they do not.
        """

    def output_shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        """The shape of each output, without the samples.

        Raises:
            MisfitError: the inputs are not what the layer takes.
        """
        if not self.several_inputs and len(inputs) > 1:
            raise MisfitError(f"one input for {type(self).__name__}, got {len(inputs)}")
        if self.rank is not None and len(inputs[0]) != self.rank[0]:
            advice = "; return_sequences: true before it gives a sequence, token ids need an Embedding"
            advice = advice if len(inputs[0]) < self.rank[0] else ""
            raise MisfitError(f"{self.rank[1]} as input of {type(self).__name__}; what comes in is {inputs[0]}{advice}")
        return self.shapes(inputs)

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        """The shape of each output, for inputs of the right number and rank; may raise MisfitError."""
        return [inputs[0]]

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        """The shapes of its weights, by name, in the order of `get_weights()`."""
        return {}

    @property
    def weight_names(self) -> tuple[str, ...]:
        """The names of its weights, in the order of `get_weights()`."""
        return tuple(name for name in self.weights if name != "bias" or getattr(self, "use_bias", True))

    @property
    def weight_count(self) -> int:
        return len(self.weight_names)

    @property
    def output_names(self) -> tuple[str, ...]:
        """A suffix for each output; the first is usually empty."""
        return ("",)

    @property
    def state_names(self) -> tuple[str, ...]:
        return ()

    @property
    def walked_names(self) -> tuple[str, ...]:
        """What each step of its walks leaves, by name."""
        return self.state_names

    @property
    def state_outputs(self) -> int:
        """How many of its outputs, the last ones, are states."""
        return 0

    def has_time(self, output: int, shape: Shape) -> bool:
        """Whether the first axis of that output, of this shape without the samples, is time."""
        return output < len(self.output_names) - self.state_outputs and len(shape) > 1

    def state_shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        """The shapes of those states."""
        return []

    def first_states(self, samples: int, inputs: Sequence[Shape], dtype: np.dtype[Any]) -> list[Array]:
        """The states that it starts from by itself."""
        return [np.zeros((samples, *shape), dtype=dtype) for shape in self.state_shapes(inputs)]

    @property
    def vocabulary(self) -> int | None:
        """How many token ids it reads; None where its input is no ids."""
        return None

    @property
    def tied_to_time(self) -> bool:
        """Whether a model with it is built for one number of timesteps."""
        return False

    def calls_built(self, inputs: Sequence[Shape]) -> int:
        """How many calls Keras builds for it one by one, as many as there are timesteps; those of a Dense count as one."""
        return 0

    def held(self, inputs: Sequence[Shape]) -> int:
        """How many numbers it holds for each sample beside its outputs: where it has a kernel, one as wide for every step."""
        kernel = self.weight_shapes(inputs).get("kernel")
        return kernel[-1] * prod(inputs[0][:-1]) if kernel else 0

    @property
    def columnwise(self) -> bool:
        """Whether a unit depends on its own columns of the weights alone: the k-th of each gate's."""
        return False

    def weights_from(self, arrays: Sequence[Array]) -> Sequence[Array]:
        """What it computes with, from what `get_weights()` gave."""
        return arrays

    def walks(self, call: Call) -> tuple[Any, ...]:
        """The walks through time that it takes (see `walk`): none, one, or one in each direction."""
        return ()

    def outputs(self, call: Call, walked: Sequence[Any]) -> Outputs:
        """Its outputs, from what its walks left behind, whoever took them."""
        raise NotImplementedError

    def __call__(self, call: Call) -> Outputs:
        """Compute the layer's outputs."""
        return self.outputs(call, [walk.run() for walk in self.walks(call)])


# Fields of every layer: a label, a training switch, the policy, which is applied where weights are read, and what it is handed.
COMMON = frozenset({"name", "trainable", "dtype", HANDED})
