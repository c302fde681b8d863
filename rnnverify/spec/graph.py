"""From the list of layers to a graph: who feeds whom, with every shape checked before Keras sees any of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import PydanticCustomError

from rnnverify.observation import Ref
from rnnverify.spec.layers import (
    LAYERS,
    Bidirectional,
    Called,
    Concatenate,
    Embedding,
    InputLayer,
    LayerArguments,
    Recurrent,
    Shape,
    check_rank,
)
from rnnverify.spec.model import Input, LayerSpec, NestedLayer
from rnnverify.spec.problems import Problems, near, shown
from rnnverify.spec.source import Path
from rnnverify.spec.types import LARGEST_SIZE, refuse

MOST_LAYERS = 200


@dataclass
class Graph:
    """The graph as it grows, entry by entry."""

    problems: Problems
    letters: dict[str, int]
    default_shape: dict[str, Shape]  # of the implied input, by role: features or ids
    ids: bool  # whether the data are token ids
    random_states: bool
    inputs: list[Input] = field(default_factory=list)
    layers: list[LayerSpec] = field(default_factory=list)
    shapes: dict[Ref, Shape] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    last: str = ""

    def add_all(self, entries: list[Any], path: Path, later: set[str]) -> None:
        """Add every entry; the first that is wrong ends it, since those after it depend on it."""
        for index, entry in enumerate(entries):
            place = (*path, index)
            parsed = self.parse(entry, place)
            if parsed is None:
                return
            class_name, arguments = parsed
            at = (*place, class_name)
            if isinstance(arguments, Called) and not self.last and not self.add_implied_input(arguments, at):
                return
            name = arguments.name or self.fresh_name(snake_case(class_name))
            if any(ref.node == name for ref in self.shapes):
                self.problems.add((*at, "name"), f"expected a name of its own; {name!r} is taken by an earlier one")
                return
            if isinstance(arguments, InputLayer):
                self.add_input(Input(name, arguments.shape, "ids" if self.ids else "features"))
                self.last = name
            elif not (isinstance(arguments, Called) and self.add_layer(name, class_name, arguments, at, later)):
                return
            later.discard(name)

    def add_input(self, added: Input) -> None:
        self.inputs.append(added)
        self.shapes[Ref(added.name)] = added.shape

    def add_layer(self, name: str, class_name: str, arguments: Called, at: Path, later: set[str]) -> bool:
        inputs = self.resolve_inputs(arguments, at, later)
        states = self.resolve_states(name, arguments, at, later)
        if inputs is None or states is None:
            return False
        shapes = [self.shapes[ref] for ref in inputs]
        try:
            if len(inputs) > 1 and not isinstance(arguments, Concatenate):
                raise refuse(f"one input for {class_name}, got {len(inputs)}")
            check_rank(class_name, arguments, shapes[0])
            for index, shape in enumerate(arguments.output_shapes(shapes)):
                if max(shape) > LARGEST_SIZE:
                    raise refuse(f"outputs of at most {LARGEST_SIZE} along each axis; this layer makes more")
                self.shapes[Ref(name, index)] = shape
        except PydanticCustomError as error:
            self.problems.custom(at, error)
            return False
        self.used.update(ref.node for ref in (*inputs, *states))
        self.layers.append(LayerSpec(name, class_name, arguments, inputs, states))
        self.last = name
        return True

    def add_implied_input(self, arguments: Called, at: Path) -> bool:
        ids = self.ids or isinstance(arguments, Embedding)
        if not (shape := self.default_shape.get("ids" if ids else "features")):
            missing = "T" if ids or "T" not in self.letters else "D"
            self.problems.add(
                at, f"the model's input needs the letter {missing}, which is not set; add `{missing}: 3`, say"
            )
            return False
        self.add_input(Input(self.fresh_name("input"), shape, "ids" if ids else "features"))
        self.last = self.inputs[0].name
        return True

    def resolve_inputs(self, arguments: Called, at: Path, later: set[str]) -> tuple[Ref, ...] | None:
        refs: list[Ref] = []
        for text in arguments.inputs or (self.last,):
            if (found := self.refer(text, (*at, "inputs"), later)) is None:
                return None
            name, index = found
            ys = [index] if index is not None else self.main_outputs(name)
            if len(ys) > 1 and not isinstance(arguments, Concatenate):
                names = " or ".join(f"{name}.{n}" for n in self.output_names(name)[: len(ys)])
                self.problems.add((*at, "inputs"), f"expected one of the outputs of {name}: {names}; got {name}")
                return None
            refs += [Ref(name, y) for y in ys]
        return tuple(refs)

    def resolve_states(self, name: str, arguments: Called, at: Path, later: set[str]) -> tuple[Ref, ...] | None:
        if not isinstance(arguments, Recurrent | Bidirectional):
            return ()
        wanted = arguments.state_shapes()
        state_names = arguments.joint_state_names() if isinstance(arguments, Bidirectional) else arguments.state_names
        if arguments.initial_state is None:
            if not self.random_states:
                return ()
            fed = [
                Input(self.fresh_name(f"{name}_{state}"), shape, "state")
                for state, shape in zip(state_names, wanted, strict=True)
            ]
            for added in fed:
                self.add_input(added)
            return tuple(Ref(added.name) for added in fed)
        refs: list[Ref] = []
        for text in arguments.initial_state:
            if (found := self.refer(text, (*at, "initial_state"), later)) is None:
                return None
            source, index = found
            states = range(len(self.main_outputs(source)), len(self.output_names(source)))
            refs += [Ref(source, i) for i in ([index] if index is not None else list(states) or [0])]
        if [self.shapes[ref] for ref in refs] != wanted:
            self.problems.add(
                (*at, "initial_state"),
                f"expected {len(wanted)} states ({', '.join(state_names)}) of shapes {' '.join(map(str, wanted))};"
                f" got {' '.join(str(self.shapes[ref]) for ref in refs)}",
            )
            return None
        return tuple(refs)

    def refer(self, text: str, at: Path, later: set[str]) -> tuple[str, int | None] | None:
        """A reference `name` or `name.output` as (name, index of the output, if one is named)."""
        name, dot, output = text.partition(".")
        known = list(dict.fromkeys(ref.node for ref in self.shapes))
        if name not in known:
            if name in later:
                self.problems.add(
                    at,
                    f"expected an earlier layer, got {shown(name)}, which does not come before; a cycle has no order",
                )
            else:
                self.problems.add(
                    at, f"expected an earlier layer ({', '.join(known)}), got {shown(name)}{near(name, known)}"
                )
            return None
        if not dot:
            return name, None
        names = self.output_names(name)
        if not output or output not in names:
            has = ", ".join(f"{name}.{n}" if n else name for n in names)
            self.problems.add(at, f"expected an output of {name} ({has}), got {shown(text)}{near(output, names)}")
            return None
        return name, names.index(output)

    def output_names(self, name: str) -> tuple[str, ...]:
        return next((layer.arguments.output_names() for layer in self.layers if layer.name == name), ("",))

    def main_outputs(self, name: str) -> list[int]:
        """The outputs that are no states: one, or two where a Bidirectional does not merge."""
        names = self.output_names(name)
        return [i for i, n in enumerate(names) if i == 0 or n == "backward"]

    def fresh_name(self, base: str) -> str:
        """base, base_1, base_2, ...: the first that is free."""
        taken = {ref.node for ref in self.shapes}
        number = 0
        while (name := f"{base}_{number}" if number else base) in taken:
            number += 1
        return name

    def outputs(self) -> tuple[Ref, ...]:
        """Every output of each layer that feeds no other."""
        return tuple(
            Ref(layer.name, index)
            for layer in self.layers
            if layer.name not in self.used
            for index in range(len(layer.arguments.output_names()))
        )

    def parse(
        self, entry: Any, at: Path, allowed: tuple[str, ...] = tuple(LAYERS)
    ) -> tuple[str, LayerArguments] | None:
        """One entry of the list, `Flatten` or `Dense: {units: K}`, as its class name and arguments."""
        if isinstance(entry, str):
            entry = {entry: None}
        if not isinstance(entry, dict) or len(entry) != 1:
            self.problems.add(at, f"expected one layer, such as `LSTM: {{units: M}}`; got {shown(entry)}")
            return None
        ((class_name, arguments),) = entry.items()
        at = (*at, class_name)
        if class_name not in allowed:
            self.problems.add(
                at,
                f"expected one of the layers {', '.join(allowed)}; got {shown(class_name)}{near(class_name, allowed)}",
            )
            return None
        model = LAYERS[class_name]
        if isinstance(arguments, dict) and "stateful" in arguments and issubclass(model, Recurrent):
            if arguments["stateful"] is not False:
                self.problems.add(
                    (*at, "stateful"),
                    f"expected false, got {shown(arguments['stateful'])}: every replay starts afresh; remove the key",
                )
                return None
            arguments = {key: value for key, value in arguments.items() if key != "stateful"}
        found = len(self.problems.found)
        nested = self.parse_nested(model, arguments, at)
        if nested is None:
            return None
        parsed = self.problems.validate(model, arguments if not nested else {**arguments, **nested}, at, self.letters)
        if parsed is None or len(self.problems.found) > found:
            return None
        if isinstance(parsed, Bidirectional) and not self.check_directions(parsed, at):
            return None
        return class_name, parsed

    def parse_nested(self, model: type[LayerArguments], arguments: Any, at: Path) -> dict[str, NestedLayer] | None:
        """The layers inside a wrapper, parsed; None where one is wrong."""
        parsed: dict[str, NestedLayer] = {}
        for key in getattr(model, "nested", ()):
            if not isinstance(arguments, dict) or key not in arguments:
                continue
            if arguments[key] is not None or model.model_fields[key].is_required():
                inner = self.parse(arguments[key], (*at, key), getattr(model, "inner", ()))
                if inner is None:
                    return None
                if ours := inner[1].model_fields_set & inner[1].ours:
                    self.problems.add(
                        (*at, key, inner[0], *ours), f"expected this on {at[-1]}, not on the layer inside it"
                    )
                    return None
                if model is not Bidirectional and len(inner[1].output_names()) > 1:
                    self.problems.add((*at, key), f"expected a layer with one output inside {at[-1]}")
                    return None
                parsed[key] = NestedLayer(*inner)
        return parsed

    def check_directions(self, parsed: Bidirectional, at: Path) -> bool:
        """The two directions must return the same kind of thing, or nothing could merge them."""
        forward, backward = parsed.directions()
        for key in ("return_sequences", "return_state", "units"):
            ours, theirs = getattr(forward, key), getattr(backward, key)
            if ours != theirs and (key != "units" or parsed.merge_mode not in ("concat", None)):
                self.problems.add(
                    (*at, "backward_layer"), f"expected {key}: {shown(ours)}, as in `layer`; got {shown(theirs)}"
                )
                return False
        stateful = forward.return_state or parsed.initial_state or self.random_states
        if stateful and len(forward.state_names) != len(backward.state_names):
            self.problems.add(
                (*at, "backward_layer"),
                f"expected as many states as `layer` has ({', '.join(forward.state_names)}), since they are returned or"
                f" set; got {', '.join(backward.state_names)}",
            )
            return False
        if parsed.backward_layer and forward.go_backwards == backward.go_backwards:
            self.problems.add(
                (*at, "backward_layer"), "expected go_backwards: true, the opposite of `layer`; got the same"
            )
            return False
        if forward.go_backwards:
            self.problems.add(
                (*at, "layer"), "expected go_backwards: false; the backward layer reverses time by itself"
            )
            return False
        return True


def snake_case(class_name: str) -> str:
    """Keras's naming: SimpleRNN is simple_rnn, LSTM is lstm."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", class_name).lower()
