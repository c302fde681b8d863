"""Keras's operations between layers, `x[:, -1]` or `x + y`, by their Keras class: each a function of arrays, samples first.

An option that a function does not have is refused by name; so is what works across the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from math import prod
from typing import Any

import numpy as np

from rnnverify.errors import UnsupportedError
from rnnverify.layers.arguments import short
from rnnverify.layers.array_functions import (
    ACROSS,
    clip,
    concatenate,
    expand_dims,
    flip,
    get_item,
    largest,
    matmul,
    mean,
    moveaxis,
    pad,
    power,
    quotient,
    repeat,
    reshape,
    roll,
    smallest,
    softmax,
    split,
    squeeze,
    stack,
    swapaxes,
    take,
    tile,
    total,
    transpose,
    unary,
    variance,
)
from rnnverify.layers.arrays import Array
from rnnverify.layers.comparisons import COMPARISONS
from rnnverify.layers.layer import COMMON, Call, Config, Layer, Masked, MisfitError, Outputs, Shape
from rnnverify.layers.rectifiers import elu, leaky_relu
from rnnverify.observation.arguments import PREFIX, filled

OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "Add": lambda x, y: x + y,
    "Subtract": lambda x, y: x - y,
    "Multiply": lambda x, y: x * y,
    "TrueDivide": quotient,
    "Divide": quotient,
    "Negative": lambda x: -x,
    "Absolute": lambda x: np.abs(x),
    "Abs": lambda x: np.abs(x),
    "Square": lambda x: x * x,
    "Power": power,
    "Maximum": lambda x, y: np.maximum(x, y),
    "Minimum": lambda x, y: np.minimum(x, y),
    "Clip": clip,
    "Exp": lambda x: np.exp(x),
    "Log": lambda x: np.log(x),
    "Sqrt": lambda x: np.sqrt(x),
    "Mean": mean,
    "Sum": total,
    "Max": largest,
    "Min": smallest,
    "Var": variance,
    "GetItem": get_item,
    "Take": take,
    "Flip": flip,
    "Roll": roll,
    "Repeat": repeat,
    "Tile": tile,
    "Pad": pad,
    "Reshape": reshape,
    "ExpandDims": expand_dims,
    "Squeeze": squeeze,
    "Transpose": transpose,
    "Swapaxes": swapaxes,
    "Moveaxis": moveaxis,
    "Concatenate": concatenate,
    "Stack": stack,
    "Split": split,
    "Matmul": matmul,
    "Softmax": softmax,
    "LeakyRelu": leaky_relu,
    "Elu": elu,
    **COMPARISONS,
    **{
        name: unary(activation)
        for name, activation in {
            "Tanh": "tanh",
            "Sigmoid": "sigmoid",
            "Relu": "relu",
            "Relu6": "relu6",
            "Selu": "selu",
            "Silu": "silu",
            "Softplus": "softplus",
            "Softsign": "softsign",
            "HardSigmoid": "hard_sigmoid",
        }.items()
    },
}


@dataclass(frozen=True)
class Operation(Layer):
    """One operation with its options, called on tensors and constants."""

    name: str
    options: Mapping[str, Any]
    arguments: Any  # see `observation.arguments`

    several_inputs = True
    autocast = False
    distributes = False

    @classmethod
    def from_config(cls, config: Config) -> Operation:
        name = config["operation"]
        title = f"{config.get('name', '')!r}, Keras's operation {name},"
        known = signature(OPERATIONS[name]).parameters
        options = {}
        for key, value in config.items():
            if key in COMMON or key in ("operation", "arguments"):
                continue
            if key not in known:
                raise UnsupportedError(
                    f"{title} has the option {key!r} (here {short(value)}), which is unknown to the replay"
                )
            if known[key].default is None and value is None:
                continue
            options[key] = filled(value, lambda number: None) if isinstance(value, list | tuple) else value
        return cls(name, options, config["arguments"])

    @property
    def tied_to_time(self) -> bool:
        return True

    @property
    def output_names(self) -> tuple[str, ...]:
        parts = self.options.get("indices_or_sections") if self.name == "Split" else None
        if parts is None:
            return ("",)
        count = parts if isinstance(parts, int) else len(parts) + 1
        return tuple(str(number) for number in range(count)) if count > 1 else ("",)

    def made(self, tensors: Sequence[Array]) -> list[Any]:
        """What it makes of these tensors."""
        try:
            found = OPERATIONS[self.name](*filled(self.arguments, lambda number: tensors[number]), **self.options)
        except (ValueError, TypeError, IndexError, KeyError, np.exceptions.AxisError) as error:
            raise UnsupportedError(
                f"Keras's operation {self.name} is not implemented as it is called here: {error}"
            ) from None
        return found if isinstance(found, list) else [found]

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        if sum(map(prod, inputs)) == 0:
            raise MisfitError("inputs with numbers in them")
        made = self.made([np.zeros((0, *shape)) for shape in inputs])  # no sample takes no memory
        if any(one.ndim < 1 or one.shape[0] != 0 for one in made):
            raise UnsupportedError(f"Keras's operation {self.name} is not implemented as it is called here: {ACROSS}")
        return [one.shape[1:] for one in made]

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        self.shapes(inputs)  # it has none; but what it is called on is looked at here
        return {}

    def __call__(self, call: Call) -> Outputs:
        return tuple(Masked(one) for one in self.made([x.values for x in call.inputs]))  # masks end here


def operation_of(class_name: str, config: Config) -> Layer:
    """The replay of an operation, by its name with `PREFIX`.

    Raises:
        UnsupportedError: it has none, or not with these options.
    """
    name = class_name.removeprefix(PREFIX)
    if name not in OPERATIONS:
        given = config.get("name", "")
        raise UnsupportedError(
            f"{given!r} is a Keras operation ({name}) outside any layer, which has no replay"
            f" (opaque, or --opaque {given}, takes what it puts out as given); end the model before it, or use a layer that"
            f" does the same; those that have: {', '.join(sorted(OPERATIONS))}"
        )
    return Operation.from_config({**config, "operation": name})
