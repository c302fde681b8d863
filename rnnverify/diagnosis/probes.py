"""Other calls than the one that a candidate was compared on: one call of one shape does not show what really breaks.

Those that the model admits are made: other numbers of samples and timesteps, the samples in another order, padding on each
side, and the same call twice in a row. A candidate that takes only some sizes refuses the others, which is no fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from rnnverify.candidates.candidate import Candidate, CandidateError, Task
from rnnverify.diagnosis import smaller
from rnnverify.diagnosis.lab import Replayed
from rnnverify.diagnosis.mistaken import diagnose
from rnnverify.diagnosis.task import task_of
from rnnverify.errors import RequestError
from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.observation import Observation, Turn
from rnnverify.results import Probe
from rnnverify.verification.claimed import Right, judge_claims, watched_in
from rnnverify.verification.claims import claims_of, numbers_of

NEAR = 1e-4  # how near two answers are that come of the same call
MORE = 3  # timesteps by which a sequence is made longer
LENGTHS = (1, 2, 3, 4, 6, 8, 12, 16, 32, 64, 128, 256)  # of the beginnings of a sequence that are tried
FEWEST = 3  # timesteps, of which some can be padded on both sides and some be left

Other = Callable[[], Observation]


def probes(observed: Observation, candidate: Candidate, replayed: Replayed) -> Iterator[Probe]:
    """Every call that the model admits, and what came of it.

    Args:
        observed: the model and its inputs.
        candidate: what is asked; each call of it may take a process.
        replayed: the model as it is taken to compute it.
    """
    if not observed.turns:  # a stateful model was called more than once, and is right
        yield from twice(observed, candidate)
    for name, other in calls(observed):
        try:
            made = other()
        except (ValueError, IndexError, RequestError):
            continue  # the model has no such call
        yield judged(name, made, candidate, replayed)


def calls(observed: Observation) -> Iterator[tuple[str, Other]]:
    """The other calls, by name."""
    states = observed.states_fed
    timed = {name: x for name, x in observed.inputs.items() if name not in states and x.ndim > 1}
    samples = len(next(iter(observed.inputs.values())))
    if not observed.turns:  # a stateful model is one for so many samples
        orders = {"N=1": [samples - 1], f"N={2 * samples}": [*range(samples)][::-1] * 2}
        if samples > 1:
            orders["samples in another order"] = [*range(1, samples), 0]
        for name, order in orders.items():
            if len(order) != samples or samples > 1:
                yield name, partial(smaller.of_samples, observed, order)
        timesteps = next((x.shape[1] for x in timed.values()), 0)
        if timesteps > 1:
            longer = [step % timesteps for step in range(timesteps + MORE)]
            yield "T=1", partial(smaller.of_timesteps, observed, slice(0, 1))
            yield f"T={timesteps + MORE}", partial(at_steps, observed, [*timed], longer)
    padded = padding_of(observed)
    for name, kept in sides(padded, observed).items() if padded else ():
        yield name, partial(with_padding, observed, padded, kept)


def prefixes(observed: Observation, candidate: Candidate, replayed: Replayed) -> Iterator[Probe]:
    """The first timesteps alone, more and more of them, until it is wrong: from where on it is.

    Args:
        observed: the model and its inputs, of which it is wrong on the whole.
    """
    states = observed.states_fed
    timesteps = next((x.shape[1] for name, x in observed.inputs.items() if name not in states and x.ndim > 1), 0)
    for length in (size for size in LENGTHS if size < timesteps):
        try:
            made = smaller.of_timesteps(observed, slice(0, length))
        except (ValueError, IndexError, RequestError):
            return  # the model takes no other number
        found = judged(f"T={length}", made, candidate, replayed)
        yield found
        if found.verdict in ("mismatch", "refused"):
            return


def at_steps(observed: Observation, names: list[str], steps: list[int]) -> Observation:
    """The model on these timesteps of its inputs that have time."""
    inputs = {name: x[:, steps] if name in names else x for name, x in observed.inputs.items()}
    return smaller.replayed(observed, inputs, observed.nodes)


def padding_of(observed: Observation) -> dict[str, Any]:
    """By input, with what its padded steps are filled: those that go straight to a layer that makes a mask of them."""
    found: dict[str, Any] = {}
    for node in observed.nodes:
        given = node.inputs[0].node if node.inputs else ""
        if given not in observed.inputs:
            continue
        if node.class_name == "Masking":
            found[given] = np.float32(node.config.get("mask_value", 0.0))
        elif node.class_name == "Embedding" and node.config.get("mask_zero"):
            found[given] = np.int32(0)
    return found


def sides(padded: dict[str, Any], observed: Observation) -> dict[str, Array]:
    """Which steps are left, (N, T) of bool, by where the others are."""
    samples, timesteps = observed.inputs[next(iter(padded))].shape[:2]
    if timesteps < FEWEST:
        return {}
    left = 1 + np.arange(samples) % (timesteps - 1)  # steps of each sample
    step, begin = np.arange(timesteps), ((timesteps - left) // 2)[:, np.newaxis]
    after = step < left[:, np.newaxis]
    return {
        "padding after": after,
        "padding before": after[:, ::-1],
        "padding on both sides": (step >= begin) & (step < begin + left[:, np.newaxis]),
        "a sample that is all padding": after & (np.arange(samples) > 0)[:, np.newaxis],
    }


def with_padding(observed: Observation, padded: dict[str, Any], kept: Array) -> Observation:
    """The model on inputs of which some steps are padded."""
    inputs = dict(observed.inputs)
    for name, value in padded.items():
        x = inputs[name]
        if x.shape[:2] == kept.shape:
            inputs[name] = np.where(kept.reshape(*kept.shape, *[1] * (x.ndim - 2)), x, value).astype(x.dtype)
    return smaller.replayed(observed, inputs, observed.nodes)


def judged(name: str, other: Observation, candidate: Candidate, replayed: Replayed) -> Probe:
    """One call, judged like the first."""
    asked = replayed(other)
    graph = Graph(asked.nodes)
    try:
        answer = candidate(task_of(other, graph))
    except CandidateError as error:
        return Probe(name, "refused", str(error), ())
    given = claims_of(asked, graph, answer)
    if not given.claims and not given.misfits:
        return Probe(name, "mismatch", "; ".join(given.findings), ())
    right = Right(asked, graph, watched_in([*given.claims, *given.misfits]), often=False)
    judgement = judge_claims(asked, graph, given.claims, right=right)
    if judgement.right and not given.findings:
        return Probe(name, "untested" if judgement.untested else "match", "", ())
    found = diagnose(asked, graph, given.claims, judgement, misfits=given.misfits, right=right, effort=0.0)
    explaining = tuple(dict.fromkeys(one.id for one in found.mistakes if one.explains))
    said = given.findings[0] if given.findings else f"it is up to {found.before:.2g} off"
    return Probe(name, "mismatch", said, explaining)


def twice(observed: Observation, candidate: Candidate) -> Iterator[Probe]:
    """The first call twice in a row, with nothing in between: only a stateful model may give something else."""
    first = task_of(observed, Graph(observed.nodes)).first_call
    stateful = bool(observed.turns)
    try:
        answer = candidate(in_a_row(first))
        pairs = [(numbers_of(answer[name]), numbers_of(answer[again(name)])) for name in first.outputs]
    except (CandidateError, KeyError):
        return  # it was asked for that call before
    same = all(np.array_equal(one, other, equal_nan=True) for one, other in pairs)
    name = "the same call twice"
    if not stateful and not all(np.allclose(*pair, rtol=NEAR, atol=NEAR, equal_nan=True) for pair in pairs):
        yield Probe(name, "mismatch", "it gives something else: it keeps something from call to call", ())
    elif stateful and same:
        says = "it gives the same: no state is kept from call to call"
        yield Probe(name, "mismatch", says, ())
    else:
        yield Probe(name, "match", "", ())


def in_a_row(task: Task) -> Task:
    """A call, twice."""
    return replace(
        task,
        inputs={**task.inputs, **{again(name): x for name, x in task.inputs.items()}},
        outputs={**task.outputs, **{again(name): shape for name, shape in task.outputs.items()}},
        tensors={**task.tensors, **{again(name): shapes for name, shapes in task.tensors.items()}},
        paths=(),
        turns=(Turn(tuple(task.inputs)), Turn(tuple(map(again, task.inputs)))),
    )


def again(name: str) -> str:
    return f"{name} once more"
