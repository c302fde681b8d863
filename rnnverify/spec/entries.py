"""One entry of the list of layers, `Flatten` or `Dense: {units: K}`: its class, its arguments, and the layer they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from rnnverify.layers.layer import Layer, MisfitError
from rnnverify.layers.registry import LAYERS, inside_of
from rnnverify.spec.arguments import InputLayer, LayerArguments, NestedLayer, arguments_of, entries, layer_from
from rnnverify.spec.problems import Problems, near, shown
from rnnverify.spec.source import Path

Nested = NestedLayer | tuple[NestedLayer, ...]  # several are the cells of an RNN, from the bottom to the top


class Entry(NamedTuple):
    """What stands in one entry."""

    class_name: str
    arguments: LayerArguments
    layer: Layer | None  # None for an InputLayer


@dataclass(frozen=True)
class Parser:
    """Reads entries; what is wrong with them is added to the problems."""

    problems: Problems
    letters: Mapping[str, int]
    random_states: bool

    def parse(self, entry: Any, at: Path, allowed: tuple[str, ...] = ()) -> Entry | None:
        """One entry, of one of the classes allowed, by default of any; None where it is wrong."""
        allowed = allowed or entries()
        if isinstance(entry, str):
            entry = {entry: None}
        if not isinstance(entry, dict) or len(entry) != 1:
            self.problems.add(at, f"expected one layer, such as `LSTM: {{units: M}}`; got {shown(entry)}")
            return None
        ((class_name, given),) = entry.items()
        at = (*at, class_name)
        if class_name not in allowed:
            self.problems.add(
                at,
                f"expected one of the layers {', '.join(allowed)}; got {shown(class_name)}{near(class_name, allowed)}",
            )
            return None
        found = len(self.problems.found)
        given = self.without_fixed(class_name, given, at)
        nested = self.parse_nested(class_name, given, at)
        if nested is None or len(self.problems.found) > found:
            return None
        model = arguments_of(class_name)
        arguments = self.problems.validate(model, given if not nested else {**given, **nested}, at, dict(self.letters))
        if arguments is None or len(self.problems.found) > found:
            return None
        if isinstance(arguments, InputLayer):
            return Entry(class_name, arguments, None)
        layer = layer_from(class_name, arguments)
        try:
            layer.check(bool(getattr(arguments, "initial_state", None)) or self.random_states)
        except MisfitError as error:
            self.problems.misfit(at, error)
            return None
        return Entry(class_name, arguments, layer)

    def without_fixed(self, class_name: str, given: Any, at: Path) -> Any:
        """The arguments without those that may have one value alone, which is Keras's default."""
        fixed = LAYERS[class_name].fixed if class_name in LAYERS else {}  # cells have none
        if not isinstance(given, dict) or not fixed.keys() & given.keys():
            return given
        for name in fixed.keys() & given.keys():
            if given[name] != fixed[name]:
                self.problems.add(
                    (*at, name),
                    f"expected {shown(fixed[name])}, got {shown(given[name])}: the replay implements nothing else; remove"
                    " the key",
                )
        return {name: value for name, value in given.items() if name not in fixed}

    def parse_nested(self, class_name: str, given: Any, at: Path) -> dict[str, Nested] | None:
        """The layers inside a wrapper, and the cells of an RNN, parsed; None where one is wrong."""
        parsed: dict[str, Nested] = {}
        for key in LAYERS[class_name].layers_inside() if class_name in LAYERS else ():
            if not isinstance(given, dict) or key not in given:
                continue
            value, allowed = given[key], tuple(inside_of(LAYERS[class_name]))
            if key == "cell" and isinstance(value, list) and value:
                cells = [self.parse_inside(one, (*at, key, index), at, allowed) for index, one in enumerate(value)]
                if any(one is None for one in cells):
                    return None
                parsed[key] = tuple(one for one in cells if one is not None)
            elif value is not None or arguments_of(class_name).model_fields[key].is_required():
                inner = self.parse_inside(value, (*at, key), at, allowed)
                if inner is None:
                    return None
                parsed[key] = inner
        return parsed

    def parse_inside(self, entry: Any, place: Path, at: Path, allowed: tuple[str, ...]) -> NestedLayer | None:
        """One of them."""
        inner = self.parse(entry, place, allowed)
        if inner is None or inner.layer is None:
            return None
        if ours := sorted(inner.arguments.model_fields_set & inner.arguments.ours):
            for name in ours:
                self.problems.add(
                    (*place, inner.class_name, name), f"expected {name} on {at[-1]}, not on the layer inside it"
                )
            return None
        return NestedLayer(inner.class_name, inner.arguments, inner.layer)
