"""From the list of layers to a graph: who feeds whom, with every shape checked before Keras sees any of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rnnverify.layers.layer import Layer, MisfitError, Shape
from rnnverify.layers.walking import is_stateful
from rnnverify.observation import Ref
from rnnverify.spec.arguments import Called, InputLayer, snake_case
from rnnverify.spec.entries import Entry, Parser
from rnnverify.spec.model import Input, LayerSpec
from rnnverify.spec.problems import Problems, near, shown
from rnnverify.spec.source import Path
from rnnverify.spec.types import LARGEST_SIZE

MOST_LAYERS = 200


@dataclass
class Assembly:
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
        parser = Parser(self.problems, self.letters, self.random_states)
        for index, entry in enumerate(entries):
            place = (*path, index)
            parsed = parser.parse(entry, place)
            if parsed is None:
                return
            class_name, arguments, layer = parsed
            at = (*place, class_name)
            if layer is not None and not self.last and not self.add_implied_input(layer, at):
                return
            name = arguments.name or self.fresh_name(snake_case(class_name))
            if any(ref.node == name for ref in self.shapes):
                self.problems.add((*at, "name"), f"expected a name of its own; {name!r} is taken by an earlier one")
                return
            if isinstance(arguments, InputLayer):
                self.add_input(Input(name, arguments.shape, "ids" if self.ids else "features"))
                self.last = name
            elif not self.add_layer(name, parsed, at, later):
                return
            later.discard(name)

    def add_input(self, added: Input) -> None:
        self.inputs.append(added)
        self.shapes[Ref(added.name)] = added.shape

    def add_layer(self, name: str, entry: Entry, at: Path, later: set[str]) -> bool:
        class_name, arguments, layer = entry
        assert isinstance(arguments, Called)
        assert layer is not None
        inputs = self.resolve_inputs(arguments, layer, at, later)
        if inputs is None:
            return False
        shapes = [self.shapes[ref] for ref in inputs]
        try:
            outputs = layer.output_shapes(shapes)
            if max(size for shape in outputs for size in shape) > LARGEST_SIZE:
                raise MisfitError(f"outputs of at most {LARGEST_SIZE} along each axis; this layer makes more")
        except MisfitError as error:
            self.problems.misfit(at, error)
            return False
        states = self.resolve_states(name, arguments, layer, shapes, at, later)
        if states is None:
            return False
        self.shapes |= {Ref(name, index): shape for index, shape in enumerate(outputs)}
        self.used.update(ref.node for ref in (*inputs, *states))
        self.layers.append(LayerSpec(name, class_name, arguments, layer, inputs, states))
        self.last = name
        return True

    def add_implied_input(self, layer: Layer, at: Path) -> bool:
        ids = self.ids or layer.vocabulary is not None
        if not (shape := self.default_shape.get("ids" if ids else "features")):
            missing = "T" if ids or "T" not in self.letters else "D"
            self.problems.add(
                at, f"the model's input needs the letter {missing}, which is not set; add `{missing}: 3`, say"
            )
            return False
        self.add_input(Input(self.fresh_name("input"), shape, "ids" if ids else "features"))
        self.last = self.inputs[0].name
        return True

    def resolve_inputs(self, arguments: Called, layer: Layer, at: Path, later: set[str]) -> tuple[Ref, ...] | None:
        refs: list[Ref] = []
        for text in arguments.inputs or (self.last,):
            if (found := self.refer(text, (*at, "inputs"), later)) is None:
                return None
            name, index = found
            ys = [index] if index is not None else self.main_outputs(name)
            if len(ys) > 1 and not layer.several_inputs:
                names = " or ".join(f"{name}.{n}" for n in self.output_names(name)[: len(ys)])
                self.problems.add((*at, "inputs"), f"expected one of the outputs of {name}: {names}; got {name}")
                return None
            refs += [Ref(name, y) for y in ys]
        return tuple(refs)

    def resolve_states(
        self, name: str, arguments: Called, layer: Layer, inputs: list[Shape], at: Path, later: set[str]
    ) -> tuple[Ref, ...] | None:
        if not layer.takes_initial_state:
            return ()
        wanted, state_names = layer.state_shapes(inputs), layer.state_names
        given: tuple[str, ...] | None = getattr(arguments, "initial_state", None)
        if given is None:
            if not self.random_states or is_stateful(layer):  # which goes on from its own
                return ()
            fed = [
                Input(self.fresh_name(f"{name}_{state}"), shape, "state")
                for state, shape in zip(state_names, wanted, strict=True)
            ]
            for added in fed:
                self.add_input(added)
            return tuple(Ref(added.name) for added in fed)
        refs: list[Ref] = []
        for text in given:
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
        return next((one.layer.output_names for one in self.layers if one.name == name), ("",))

    def main_outputs(self, name: str) -> list[int]:
        """The outputs that are no states: one, or two where a Bidirectional does not merge."""
        states = next((one.layer.state_outputs for one in self.layers if one.name == name), 0)
        return list(range(len(self.output_names(name)) - states))

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
            for index in range(len(layer.layer.output_names))
        )
