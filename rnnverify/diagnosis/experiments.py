"""A candidate that can be called is asked more: properties that need no reference, and the smallest call that differs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import numpy as np

from rnnverify.candidates.candidate import Answer, Candidate
from rnnverify.diagnosis import smaller
from rnnverify.diagnosis.deadline import OutOfTimeError
from rnnverify.diagnosis.lab import RIGHT, WRONG, Lab, Replayed, sizes_of
from rnnverify.diagnosis.properties import properties
from rnnverify.diagnosis.task import task_of
from rnnverify.errors import RequestError
from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.observation import Observation
from rnnverify.results import Case, Why

log = logging.getLogger(__name__)

TRIED = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)  # sizes, the smallest first
TELLING = ("bias", "recurrent_kernel")  # weights without which something is left to be wrong

# Of each letter how a call is made smaller.
CUTS: dict[str, Callable[[Observation, int], Observation]] = {
    "N": lambda one, size: smaller.of_samples(one, range(size)),
    "T": lambda one, size: smaller.of_timesteps(one, slice(0, size)),
    "D": smaller.of_features,
    "M": smaller.of_units,
}


def experiments(observed: Observation, candidate: Candidate, replayed: Replayed, seconds: float, answer: Answer) -> Why:
    """Ask a candidate more.

    Args:
        observed: the model and its inputs.
        candidate: what is asked; each call of it may take a process.
        replayed: the model and its inputs as it is taken to compute them.
        seconds: how long it may take in all.
        answer: what it gave already, and was judged by.
    """
    log.info("asking the candidate more")
    lab = Lab(observed, candidate, replayed, seconds)
    held: dict[str, bool] = {}
    sizes: list[str] = []
    shrinking = Shrinking(lab)
    complete = True
    try:
        for sentence, holds in properties(lab, answer):
            held[sentence] = holds
        if lab.outcome(observed).word == WRONG:
            shrinking.began = True
            for sentence in shrinking.sentences():
                sizes.append(sentence)
    except OutOfTimeError:
        complete = False
    return Why(
        broken=tuple(sentence for sentence, holds in held.items() if not holds),
        held=tuple(sentence for sentence, holds in held.items() if holds),
        sizes=tuple(sizes),
        smallest=sizes_of(shrinking.smallest) if shrinking.began else {},
        case=case_of(shrinking.smallest) if shrinking.began else None,
        complete=complete,
    )


class Shrinking:
    """A call that differs, made smaller as long as it does."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.smallest, self.began = lab, lab.observed, False

    def sentences(self) -> Iterator[str]:
        """Make it smaller; for which sizes and weights it is right on the way."""
        yield from self.right_where()
        for letter, cut in CUTS.items():
            yield from self.cut_to(letter, cut)
        for node in self.smallest.nodes:
            for name in node.weights:
                self.keep_if_wrong(zeroed(self.smallest, node.layer, name))

    def keep_if_wrong(self, other: Observation) -> None:
        if self.lab.outcome(other).word == WRONG:
            self.smallest = other

    def right_where(self) -> Iterator[str]:
        """With which weights, or states, of zero it is right."""
        observed = self.lab.observed
        names = {plain(name) for node in observed.nodes for name in node.weights}
        for name in (name for name in TELLING if name in names):
            if self.lab.outcome(zeroed(observed, None, name)).word == RIGHT:
                yield f"right where every {name} is zero"
        states = observed.states_fed
        if states:
            inputs = {name: np.zeros_like(x) if name in states else x for name, x in observed.inputs.items()}
            if self.lab.outcome(smaller.replayed(observed, inputs, observed.nodes)).word == RIGHT:
                yield "right where the initial states are zero"

    def cut_to(self, letter: str, cut: Callable[[Observation, int], Observation]) -> Iterator[str]:
        """Try small sizes of one letter, the smallest first."""
        now = sizes_of(self.smallest).get(letter, 0)
        right: list[int] = []
        for size in (size for size in TRIED if size < now):
            try:
                other = cut(self.smallest, size)
            except (ValueError, IndexError, RequestError):
                break  # the model is none of this size
            outcome = self.lab.outcome(other)
            if outcome.failed:
                yield f"with {letter}={size} it gives nothing to judge: {outcome.word}"
                break
            if outcome.word == WRONG:
                self.smallest = other
                yield (
                    f"right for {listed(letter, right)}, wrong for {letter}={size}"
                    if right
                    else f"wrong for {letter}={size}"
                )
                return
            right.append(size)
        if right:
            yield f"right for {listed(letter, right)}"


def zeroed(observed: Observation, layer: str | None, name: str) -> Observation:
    """The model with a weight of one layer, or of all, that is zero."""

    def made(own: str, weight: str, array: Array) -> Array:
        meant = plain(weight) == name if layer is None else (own, weight) == (layer, name)
        return np.zeros_like(array) if meant else array

    return smaller.with_other_weights(observed, made)


def plain(weight: str) -> str:
    """A weight's name in either direction of a Bidirectional."""
    return weight.removeprefix("forward_").removeprefix("backward_")


def listed(letter: str, sizes: list[int]) -> str:
    return f"{letter}={sizes[0]}" + f" to {sizes[-1]}" * (len(sizes) > 1)


def case_of(observed: Observation) -> Case:
    """The call, and what is right."""
    graph = Graph(observed.nodes)
    done = graph.run(observed.inputs)
    return Case(
        inputs=observed.inputs,
        weights={node.layer: dict(node.weights) for node in observed.nodes},
        expected={
            name: done[ref].values for name, ref in zip(task_of(observed, graph).outputs, observed.outputs, strict=True)
        },
    )
