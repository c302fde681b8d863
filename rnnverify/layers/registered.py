"""Cells and layers of the user's own, of which the user says what they compute."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any, NamedTuple

import numpy as np

from rnnverify.errors import RequestError, UnsupportedError
from rnnverify.layers.arrays import Array
from rnnverify.layers.cell import Cell, States
from rnnverify.layers.layer import Call, Config, Layer, Masked, MisfitError, Outputs, Shape
from rnnverify.layers.ranks import SEQUENCE
from rnnverify.layers.users_code import asked, check_array, shown, wrong
from rnnverify.layers.walking import Walking

Function = Callable[..., Any]
REGISTERED: dict[str, Function] = {}  # by the name of the Keras class
SEEN = "seen"  # in a config: what Keras was seen to make of a class that is not its own


class Seen(NamedTuple):
    """What no config says of such a class."""

    weights: Mapping[str, Shape]
    states: tuple[Shape, ...] = ()
    output: Shape = ()  # of one step of a cell
    first: tuple[Array, ...] | None = None  # the states that it starts from, unless they are zero
    masks: str = "none"  # what a layer does with its input's mask: `on`, hands it on; `none`; `other`

    @classmethod
    def of(cls, name: str, config: Config) -> Seen:
        """From the config of the class of that name.

        Raises:
            UnsupportedError: it is not there, as in a file.
        """
        given = config.get(SEEN)
        if not isinstance(given, Mapping):
            raise UnsupportedError(
                f"{name}: a registered class can be replayed in a model that is in memory (rnnverify.verify(model, x), or"
                " `model: module:function` in a spec) alone"
            )
        first = given.get("first")
        return cls(
            {name: tuple(shape) for name, shape in given["weights"].items()},
            tuple(map(tuple, given.get("states", ()))),
            tuple(given.get("output", ())),
            None if first is None else tuple(np.asarray(one, dtype=np.float64) for one in first),
            given.get("masks", "none"),
        )


def register(name: str, function: Function) -> None:
    """Say what a Keras class of your own computes, so that it is replayed, verified and diagnosed like one of Keras's.

    Args:
        name: the class's, as in `class MyCell(keras.Layer)`.
        function: for a cell, which an RNN takes through time, `step(x, states, weights, config) -> (output, new_states)`:
            x is (N, D), states is a list of arrays (N, ...) in Keras's order, weights is the list of `get_weights()`,
            config what `get_config()` gave, and may be left away; for one step of all samples. For a layer `call(x,
            weights, config) -> y`, where x is a list of arrays if the layer is called on several; it may take `mask`, (N,
            T) of bool or None, as a further argument. It computes with operators and NumPy's functions on what it is
            given, which besides numbers carry how far rounding may take them: np.asarray and loops over elements would
            lose that. Activations: `rnnverify.layers.activations`.

    Raises:
        RequestError: the name is that of a class that has a replay, or no name; or the other is no function.
    """
    from rnnverify.layers.registry import CELLS, LAYERS

    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise RequestError(f"register: expected the name of a class, such as 'MyCell', got {name!r}")
    if name in LAYERS or name in CELLS or name == "StackedRNNCells":
        raise RequestError(
            f"register: {name} has a replay already; give the class of your own a name of its own, and register that"
        )
    if not callable(function):
        raise RequestError(
            f"register: expected a function step(x, states, weights, config) or call(x, weights, config), got"
            f" {type(function).__name__}"
        )
    REGISTERED[name] = function


@dataclass(frozen=True)
class RegisteredCell(Cell):
    name: str
    function: Function
    weights: tuple[Array, ...]
    config: Config

    def project(self, x: Array) -> Array:
        return x

    def step(self, zx: Array, states: States) -> States:
        _, *before = states  # the first is what the step before it put out, which no cell is given
        made = asked(self.name, self.function, zx, list(before), list(self.weights), dict(self.config))
        if not isinstance(made, tuple | list) or len(made) != 2:
            wrong(self.name, f"expected (output, new_states), got {shown(made)}")
        output, after = made
        after = list(after) if isinstance(after, list | tuple) else [after]
        if len(after) != len(before):
            wrong(self.name, f"expected {len(before)} new states, got {len(after)}")
        for what, array, shape in (
            ("the output", output, None),
            *(("a new state", new, old.shape) for new, old in zip(after, before, strict=True)),
        ):
            check_array(self.name, what, array, zx, shape)
        return (output, *after)


@dataclass(frozen=True)
class RegisteredRNN(Walking):
    """A registered cell, taken through time."""

    name: str
    function: Function
    config: Config
    seen: Seen

    puts_out = True

    @classmethod
    def of_cell(cls, name: str, config: Config) -> RegisteredRNN:
        """The cell of that class, with this config."""
        return cls(name, REGISTERED[name], own_config(config), Seen.of(name, config))

    @property
    def state_names(self) -> tuple[str, ...]:  # type: ignore[override]
        count = len(self.seen.states)
        return ("state",) if count == 1 else tuple(f"state_{index}" for index in range(count))

    def state_shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        return list(self.seen.states)

    def step_shape(self, inputs: Sequence[Shape]) -> Shape:
        if len(inputs[0]) < 2:
            raise MisfitError(f"{SEQUENCE[1]} as input of an RNN over {self.name}; what comes in is {inputs[0]}")
        return self.seen.output

    @property
    def width(self) -> int | None:
        return self.seen.output[-1] if self.seen.output else None

    def first_states(self, samples: int, inputs: Sequence[Shape], dtype: np.dtype[Any]) -> list[Array]:
        if self.seen.first is None:
            return super().first_states(samples, inputs, dtype)
        return [np.repeat(one[np.newaxis], samples, axis=0).astype(dtype) for one in self.seen.first]

    @property
    def weight_names(self) -> tuple[str, ...]:
        return tuple(self.seen.weights)

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        return dict(self.seen.weights)

    def cell_with(self, weights: Sequence[Array]) -> Cell:
        return RegisteredCell(self.name, self.function, tuple(weights), self.config)


@dataclass(frozen=True)
class RegisteredLayer(Layer):
    """A registered layer without a walk."""

    name: str
    function: Function
    config: Config
    seen: Seen

    several_inputs = True
    distributes = False

    @classmethod
    def of_layer(cls, name: str, config: Config) -> RegisteredLayer:
        """The layer of that class, with this config."""
        return cls(name, REGISTERED[name], own_config(config), Seen.of(name, config))

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        none = [Masked(np.zeros((1, *shape))) for shape in inputs]
        weights = [np.zeros(shape) for shape in self.seen.weights.values()]
        with np.errstate(all="ignore"):
            return [one.values.shape[1:] for one in self(Call(none, weights))]

    @property
    def weight_names(self) -> tuple[str, ...]:
        return tuple(self.seen.weights)

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        return dict(self.seen.weights)

    def __call__(self, call: Call) -> Outputs:
        values = [one.values for one in call.inputs]
        masks = [one.mask for one in call.inputs]
        masked = any(mask is not None for mask in masks)
        if masked and self.seen.masks == "other":
            raise UnsupportedError(
                f"{self.name}: what a registered layer with a compute_mask of its own makes of a mask is not implemented"
            )
        more = {"mask": masks[0]} if "mask" in signature(self.function).parameters else {}
        x: Any = values if len(values) > 1 else values[0]
        made = asked(self.name, self.function, x, list(call.weights), dict(self.config), **more)
        if isinstance(made, tuple | list):
            raise UnsupportedError(f"{self.name}: a registered layer with several outputs is not implemented")
        check_array(self.name, "the output", made, values[0], None)
        return (Masked(made, masks[0] if self.seen.masks == "on" else None),)


def own_config(config: Config) -> dict[str, Any]:
    """What Keras's config says, without what was seen beside it."""
    return {key: value for key, value in config.items() if key != SEEN}
