"""What a candidate is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.observation import Turn
from rnnverify.observation.paths import Path, at, is_nested, taken_in_order


class CandidateError(Exception):
    """A candidate gave no answer: it raised, crashed, or ran out of time. A finding, and no fault of the request."""


class Walk(NamedTuple):
    """A walk through time, of which the states are wanted, too, where a candidate has them."""

    names: tuple[str, ...]  # of its states; empty for one that is not wanted
    units: int
    runs: str  # forward; backward; or aligned: backward, and put out in the order of time


@dataclass(frozen=True)
class Task:
    """One call: what a model was fed, its weights, and which outputs are wanted."""

    inputs: Mapping[str, Array]  # (N, ...) each, in the model's order
    weights: Mapping[str, Mapping[str, Array]]  # by layer and Keras's name, in the order of get_weights()
    outputs: Mapping[str, tuple[int, ...]]  # the names of the model's outputs, and their shapes
    tensors: Mapping[str, Sequence[tuple[int, ...]]]  # all that may be given, with the shapes that it may have
    states: Mapping[str, Array] | None = None  # where a single step is asked for: what stands before it, (N, M) each
    first: int | None = None  # where a single sample is asked for: which
    paths: tuple[tuple[str, Path], ...] = ()  # of each output its name, and where the model returns it
    turns: tuple[Turn, ...] = ()  # several calls in a row, of which each has an equal share of the outputs
    walks: tuple[Walk, ...] = ()  # all walks of the model, in its order, where their states are wanted

    @property
    def x(self) -> Any:
        """The input as a model takes it: an array, or a list of them."""
        several = [np.array(array) for array in self.inputs.values()]
        return several if len(several) > 1 else several[0]

    @property
    def lists(self) -> dict[str, list[Array]]:
        """The weights as get_weights() gives them, by layer: copies, which a port may write into."""
        return {layer: [np.array(array) for array in named.values()] for layer, named in self.weights.items()}

    @property
    def arguments(self) -> list[Any]:
        """What a function is called with: x and the weights; for a single step its states as well."""
        states = [] if self.states is None else [{name: np.array(array) for name, array in self.states.items()}]
        return [self.x, self.lists, *states]

    @property
    def words(self) -> list[str]:
        """What a function is called with, in words."""
        several = f"x, a list of {', '.join(self.inputs)}" if len(self.inputs) > 1 else "x"
        return [several, "weights", *([] if self.states is None else ["states"])]

    @property
    def in_turn(self) -> Iterator[tuple[Turn, list[str]]]:
        """Each call, and the names of the outputs that are wanted of it."""
        names, turns = list(self.outputs), self.turns or (Turn(tuple(self.inputs)),)
        share = len(names) // len(turns)
        for index, turn in enumerate(turns):
            yield turn, names[index * share : (index + 1) * share]

    @property
    def first_call(self) -> Task:
        """The first of several calls in a row, alone."""
        turn, names = next(self.in_turn)
        inputs = {name: self.inputs[name] for name in turn.inputs}
        return replace(self, inputs=inputs, outputs={name: self.outputs[name] for name in names}, turns=())

    @property
    def samples(self) -> int:
        return len(next(iter(self.inputs.values())))

    def of_sample(self, sample: int) -> Task:
        """The same task for one sample alone."""
        one = slice(sample, sample + 1)
        return replace(
            self,
            first=sample,
            inputs={name: array[one] for name, array in self.inputs.items()},
            outputs={name: (1, *shape[1:]) for name, shape in self.outputs.items()},
            tensors={name: [(1, *shape[1:]) for shape in shapes] for name, shapes in self.tensors.items()},
        )


Answer = Mapping[str, Any]  # arrays by the tensors' names


class Noted(dict[str, Any]):
    """An answer, and what is to be said of how it came about."""

    def __init__(self, arrays: Answer, notes: Sequence[str]) -> None:
        super().__init__(arrays)
        self.notes = tuple(notes)


def notes_of(answer: Answer) -> tuple[str, ...]:
    """What is to be said of how an answer came about."""
    return answer.notes if isinstance(answer, Noted) else ()


Candidate = Callable[[Task], Answer]


def named(returned: Any, task: Task) -> Answer:
    """What a function returned, by name: an array, a list of the model's outputs, or a mapping of names."""
    names = list(task.outputs)
    if task.states is not None:
        if isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[1], Mapping):
            output, states = returned
            return {**named(output, replace(task, states=None)), **states}
        if not isinstance(returned, Mapping):
            states = ", ".join(map(repr, task.states))
            raise CandidateError(
                f"expected a step to return its output and a mapping of the new states ({states}); got"
                f" {type(returned).__name__}"
            )
    if isinstance(returned, Mapping):
        return {str(name): array for name, array in returned.items()}
    if isinstance(returned, list | tuple) and is_nested(places := [path for _, path in task.paths]):
        found = taken_in_order(returned, places)
        if found is not None:
            return {name: array for (name, _), array in zip(task.paths, found, strict=True)}
    if len(names) > 1:
        if not isinstance(returned, list | tuple) or len(returned) != len(names):
            got = f"{len(returned)} of them" if isinstance(returned, list | tuple) else type(returned).__name__
            raise CandidateError(f"expected a list of the model's {len(names)} outputs ({', '.join(names)}), got {got}")
        return dict(zip(names, returned, strict=True))
    if returned is None:
        raise CandidateError("it returned nothing; expected the model's output, an array")
    if isinstance(returned, list | tuple) and len(returned) == 1 and np.shape(returned[0]) == task.outputs[names[0]]:
        return {names[0]: returned[0]}
    return {names[0]: returned}


def under_names(answer: Answer, task: Task) -> Answer:
    """An answer by the names of the report, where it came by those that the model returns its outputs under.

    One that is complete by the former stays as it is, whatever the model calls its outputs.
    """
    if all(name in answer for name in task.outputs):
        return answer
    own = {path[0] for _, path in task.paths}
    made = {name: array for name, array in answer.items() if name not in own}
    for name, path in task.paths:
        try:
            made[name] = at(answer, path)
        except LookupError:
            made |= {name: answer[name]} if name in answer else {}
    return Noted(made, notes_of(answer))


def each_sample(candidate: Candidate) -> Candidate:
    """A candidate that takes one sample at a time, asked for all."""

    def asked(task: Task) -> Answer:
        answers = [candidate(task.of_sample(sample)) for sample in range(task.samples)]
        if any(answer.keys() != answers[0].keys() for answer in answers):
            raise CandidateError("it gives other tensors for one sample than for another")
        try:
            made = {name: np.concatenate([np.asarray(answer[name]) for answer in answers]) for name in answers[0]}
        except ValueError as error:
            raise CandidateError(f"what it gives for single samples does not fit together: {error}") from None
        return Noted(made, notes_of(answers[0]))

    return asked
