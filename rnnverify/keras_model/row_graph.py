"""Several calls of a model as one graph: see `in_a_row`. Without Keras's objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy.typing as npt

from rnnverify.keras_model.probe import Seen
from rnnverify.observation import Node, Ref, Turn

Array = npt.NDArray[Any]


class Called(NamedTuple):
    """One call."""

    inputs: Mapping[str, Array]
    before: Mapping[str, Sequence[Array]]  # of each stateful node the states that it started from
    after: Mapping[str, Sequence[Array]]  # and those that it kept for the next call
    predictions: Sequence[Array]
    seen: Seen
    seconds: float
    reset: bool  # whether it started anew


@dataclass(frozen=True)
class Unrolled:
    """Several calls as one graph: the nodes of the first have their own names, those of the others numbers beside them.

    Args:
        called: in their order.
        one: the nodes of one call.
        results: the outputs of one call.
        counts: how many outputs each node has.
    """

    called: Sequence[Called]
    one: Sequence[Node]
    results: Sequence[Ref]
    counts: Mapping[str, int]
    inputs: dict[str, Array] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    outputs: list[Ref] = field(default_factory=list)
    predictions: list[Array] = field(default_factory=list)
    emitted: dict[Ref, Array] = field(default_factory=dict)
    walks: dict[str, Any] = field(default_factory=dict)
    masks: dict[Ref, Array] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)

    def __post_init__(self) -> None:
        for index in range(len(self.called)):
            self.add(index)

    @cached_property
    def names(self) -> dict[str, list[str]]:
        """What each input and node is called in each of the calls."""
        names = {name: [name] for name in (*self.called[0].inputs, *(node.name for node in self.one))}
        taken = set(names)
        for name, own in names.items():
            base, number = name.partition(":")[0] if "/" not in name else name, 2
            while len(own) < len(self.called):
                if (free := f"{base}:{number}") not in taken:
                    own.append(free)
                    taken.add(free)
                number += 1
        return names

    def add(self, index: int) -> None:
        """Add one call."""
        call = self.called[index]

        def renamed(ref: Ref) -> Ref:
            return Ref(self.names[ref.node][index], ref.output)

        self.inputs.update({self.names[name][index]: array for name, array in call.inputs.items()})
        self.turns.append(Turn(tuple(self.names[name][index] for name in call.inputs), call.reset))
        self.emitted.update({renamed(ref): array for ref, array in call.seen.tensors.items()})
        self.masks.update({renamed(ref): array for ref, array in call.seen.masks.items()})
        self.walks.update({self.names[name][index]: walks for name, walks in call.seen.walks.items()})
        self.outputs.extend(map(renamed, self.results))
        self.predictions.extend(call.predictions)
        for node in self.one:
            name = self.names[node.name][index]
            inputs, starts = tuple(map(renamed, node.inputs)), tuple(map(renamed, node.initial_state))
            config = node.config
            if node.name in call.after:
                left, config = call.after[node.name], returning_states(config)
                first = self.counts[node.name] - (len(left) if returns_states(node.config) else 0)
                self.emitted.update({Ref(name, first + at): array for at, array in enumerate(left)})
                starts = starts or self.starts_of(node.name, index, first)
            self.nodes.append(replace(node, name=name, inputs=inputs, initial_state=starts, config=config))

    def starts_of(self, node: str, index: int, first: int) -> tuple[Ref, ...]:
        """What a stateful node starts from in a call: what the call before left, or the states that the model had."""
        call = self.called[index]
        if index and not call.reset:
            return tuple(Ref(self.names[node][index - 1], first + at) for at in range(len(call.after[node])))
        if call.reset or not any(array.any() for array in call.before[node]):
            return ()
        return tuple(self.given(node, place, state) for place, state in enumerate(call.before[node]))

    def given(self, node: str, place: int, state: Array) -> Ref:
        """A state that the model had before its first call, as one more input."""
        name = f"{node}_before_{place}".replace("/", "_").replace(":", "_")
        while name in self.inputs:
            name += "_"
        self.inputs[name] = state
        return Ref(name)


def returns_states(config: Mapping[str, Any]) -> bool:
    inner = config.get("layer")
    return bool(inner["config"]["return_state"] if isinstance(inner, Mapping) else config.get("return_state"))


def returning_states(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config of a layer that puts out its states, too."""
    if "layer" not in config:
        return {**config, "return_state": True}
    made = dict(config)
    for key in ("layer", "backward_layer"):
        if isinstance(part := config.get(key), Mapping):
            made[key] = {**part, "config": {**part["config"], "return_state": True}}
    return made
