"""What a spec may say of each layer: Keras's own arguments, derived from what the layer declares of itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Annotated, Any, ClassVar, cast

from pydantic import create_model

from rnnverify.layers.activations import ACTIVATIONS, ActivationFunction, linear
from rnnverify.layers.arguments import (
    REQUIRED,
    Axes,
    Axis,
    Constraint,
    Ends,
    Initializer,
    MaybeAxes,
    MaybeNumbers,
    MaybeReal,
    MaybeSizes,
    Numbers,
    Order,
    Rate,
    Real,
    Regularizer,
    Seed,
    Size,
    Target,
    choices_of,
)
from rnnverify.layers.arguments import Sizes as SizesOfAxes
from rnnverify.layers.layer import Layer
from rnnverify.layers.recurrent import Recurrent
from rnnverify.layers.registry import CELLS, LAYERS
from rnnverify.layers.rnn import OF_WALKS
from rnnverify.observation.precision import POLICIES
from rnnverify.spec.types import (
    AXIS,
    COUNT,
    FLAG,
    OPEN_SIZE,
    RATE,
    REAL,
    SEED,
    SIZE,
    Arguments,
    Check,
    Flag,
    MaybeName,
    References,
    Sizes,
    integers,
    one_of,
    one_or_several,
    or_none,
)

INITIALIZERS = (
    "zeros",
    "ones",
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "orthogonal",
    "identity",
    "uniform",
    "normal",
)

CHECKS: Mapping[Any, Check] = {
    Size: SIZE,
    Axis: AXIS,
    Axes: one_or_several(AXIS, "a whole number, or a list of them"),
    MaybeAxes: or_none(one_or_several(AXIS, "a whole number, a list of them, or null")),
    SizesOfAxes: one_or_several(SIZE, "a size of at least 1, or a list with one for each axis"),
    MaybeSizes: or_none(one_or_several(SIZE, "a size of at least 1, a list with one for each axis, or null")),
    Ends: one_or_several(COUNT, "a whole number of at least 0, or a list of one for the start and one for the end"),
    Order: integers(SIZE, 6, "a list of axes, such as [2, 1]; the first after the samples is 1"),
    Target: integers(OPEN_SIZE, 6, "a list of sizes without the samples, of which one may be -1, such as [T, -1]"),
    Numbers: one_or_several(REAL, "a finite number, or a list with one for each feature"),
    MaybeNumbers: or_none(one_or_several(REAL, "a finite number, a list with one for each feature, or null")),
    MaybeReal: or_none(REAL),
    Real: REAL,
    Rate: RATE,
    Seed: SEED,
    bool: FLAG,
    Initializer: one_of(*INITIALIZERS),
    Regularizer: one_of("l1", "l2", "l1l2", None),
    Constraint: one_of("max_norm", "non_neg", "unit_norm", None),
}


class LayerArguments(Arguments):
    """What every entry takes."""

    name: MaybeName = None

    ours: ClassVar[frozenset[str]] = frozenset({"inputs", "initial_state"})  # keys that are not Keras's arguments

    def keras_arguments(self) -> dict[str, Any]:
        """The arguments that the spec sets, for Keras's constructor."""
        return {key: getattr(self, key) for key in self.model_fields_set if key not in self.ours}


class InputLayer(LayerArguments):
    """An input of the model."""

    shape: Sizes


class Called(LayerArguments):
    """What every layer takes that is called on something, which is every one but an InputLayer."""

    trainable: Flag = True
    dtype: Annotated[str | None, one_of(*POLICIES, None)] = None
    inputs: References = None


def entries() -> tuple[str, ...]:
    """The classes that a list of layers may hold."""
    return tuple(sorted([*LAYERS, "InputLayer"]))


# Those that `layer` may name, as a shorthand.
RECURRENT = [name for name, layer in LAYERS.items() if issubclass(layer, Recurrent)]


@dataclass(frozen=True)
class NestedLayer:
    """The layer inside a Bidirectional or a TimeDistributed, or a cell of an RNN."""

    class_name: str
    arguments: LayerArguments
    layer: Layer


@cache
def arguments_of(class_name: str) -> type[LayerArguments]:
    """The model that validates the arguments of one class."""
    if class_name == "InputLayer":
        return InputLayer
    layer = declared(class_name)
    left_out = {*layer.of_call, *(NO_CELLS if class_name in CELLS else ())}
    made: dict[str, Any] = {}
    defaults = {one.name: REQUIRED if one.default is MISSING else one.default for one in fields(layer)}
    for name, kind in layer.arguments().items():
        if name not in left_out:
            made[name] = field_of(kind, defaults[name])
    for name, inert in layer.inert_arguments().items():
        if inert.kind is not None and name not in left_out:
            made[name] = field_of(inert.kind, inert.default)
    if layer.takes_initial_state and class_name not in CELLS:
        made["initial_state"] = (References, None)
    return cast(type[LayerArguments], create_model(class_name, __base__=Called, **made))


# Arguments of recurrent layers that their cells do not have.
NO_CELLS = frozenset({*OF_WALKS, "activity_regularizer", "use_cudnn"})


def declared(class_name: str) -> type[Layer]:
    """A layer of Keras's, or that which an RNN is over a cell."""
    return LAYERS[class_name] if class_name in LAYERS else CELLS[class_name]


def field_of(kind: Any, default: Any) -> tuple[Any, Any]:
    """An argument's type and default, for pydantic."""
    required = default is REQUIRED
    if kind == ActivationFunction:
        names = sorted(ACTIVATIONS)
        check: Check | None = one_of(*names) if required else one_of(*names, None)
        default = default if required else name_of(default)
    elif (choices := choices_of(kind)) is not None:
        check = one_of(*choices)
    else:
        check = CHECKS.get(kind)  # none for a layer inside another, which is parsed before
    return (Any if check is None else Annotated[Any, check]), (... if required else default)


def name_of(function: ActivationFunction) -> str | None:
    """An activation's name; linear, which is Keras's default, goes without."""
    return None if function is linear else next(name for name, known in ACTIVATIONS.items() if known is function)


def layer_from(class_name: str, arguments: LayerArguments) -> Layer:
    """The layer that a spec's arguments describe."""
    made = declared(class_name)
    values = {}
    for name, kind in made.arguments().items():
        if name not in type(arguments).model_fields:
            continue
        value = getattr(arguments, name)
        if isinstance(value, NestedLayer):
            value = value.layer
        elif isinstance(value, tuple) and value and isinstance(value[0], NestedLayer):
            value = tuple(one.layer for one in value)
        elif value is None and kind == ActivationFunction:
            value = "linear"
        values[name] = value
    return made.of(values)


def snake_case(class_name: str) -> str:
    """Keras's naming: SimpleRNN is simple_rnn, LSTM is lstm, PReLU is p_re_lu."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])", "_", class_name).lower()
