"""A candidate that can be called, and what it answers to other calls than the one that it was compared on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import NamedTuple

import numpy as np

from rnnverify.candidates.candidate import Answer, Candidate, CandidateError
from rnnverify.diagnosis import smaller
from rnnverify.diagnosis.deadline import Deadline
from rnnverify.diagnosis.replays import Replays
from rnnverify.diagnosis.task import task_of
from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.observation import Observation
from rnnverify.verification.claimed import judge_claims
from rnnverify.verification.claims import Claim, claims_of, numbers_of, tensors_of

RIGHT, WRONG = "right", "wrong"
Replayed = Callable[[Observation], Observation]


class Outcome(NamedTuple):
    """What came of a call: right, wrong, or why there is nothing to judge."""

    word: str

    @property
    def failed(self) -> bool:
        return self.word not in (RIGHT, WRONG)


class Lab:
    """A candidate that may be asked until a time is over.

    Args:
        observed: the model and its inputs.
        candidate: what is asked; each call of it may take a process.
        replayed: the model and its inputs as it is taken to compute them.
        seconds: how long it may be asked.
    """

    def __init__(self, observed: Observation, candidate: Candidate, replayed: Replayed, seconds: float) -> None:
        self.observed, self.candidate, self.replayed = observed, candidate, replayed
        self.deadline = Deadline(seconds)

    @cached_property
    def limits(self) -> dict[str, Array]:
        """How far rounding takes every tensor that may be given, end to end."""
        asked = self.replayed(self.observed)
        graph = Graph(asked.nodes)
        claims = [
            Claim(name, tensor, np.zeros(tensor.shape))
            for name, tensor in tensors_of(asked, graph)
            if tensor.state is None
        ]
        replays = Replays(asked, graph, claims)
        return {claim.name: limit for claim, limit in zip(claims, replays.limits, strict=True)}

    def ask(self, observed: Observation, candidate: Candidate | None = None) -> dict[str, Array]:
        """What it answers.

        Raises:
            CandidateError: it gives no answer.
            OutOfTimeError: there is no time to ask.
        """
        self.deadline.check()
        answer: Answer = (candidate or self.candidate)(task_of(observed, Graph(observed.nodes)))
        return read(answer)

    def outcome(self, observed: Observation) -> Outcome:
        """Whether it is right on another call."""
        try:
            answer = self.ask(observed)
        except CandidateError as error:
            return Outcome(str(error))
        asked = self.replayed(observed)
        graph = Graph(asked.nodes)
        given = claims_of(observed, graph, answer)
        if given.findings:
            return Outcome(given.findings[0])
        return Outcome(RIGHT if judge_claims(asked, graph, given.claims).right else WRONG)


def read(answer: Answer) -> dict[str, Array]:
    """An answer in float64.

    Raises:
        CandidateError: something in it are no numbers.
    """
    made = {}
    for name, given in answer.items():
        array = numbers_of(given)
        if isinstance(array, str):
            raise CandidateError(f"{name}: expected an array of numbers, got {array}")
        made[name] = array
    return made


def sizes_of(observed: Observation) -> Mapping[str, int]:
    """The letters' sizes, as far as there are such."""
    states = observed.states_fed
    x = next(x for name, x in observed.inputs.items() if name not in states)
    sizes = {"N": len(x), **({"T": x.shape[1]} if x.ndim > 1 else {}), **({"D": x.shape[-1]} if x.ndim > 2 else {})}
    units = [size for node in observed.nodes for size in smaller.units_of(node).values()]
    return {**sizes, "M": max(units)} if units else sizes
