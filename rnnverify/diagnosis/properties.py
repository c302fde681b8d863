"""What a right implementation does whatever it computes: no reference is needed to see that one does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from rnnverify.candidates.candidate import Answer, CandidateError, each_sample
from rnnverify.diagnosis import smaller
from rnnverify.diagnosis.lab import Lab, read
from rnnverify.layers.arrays import Array
from rnnverify.layers.gate_map import gate_columns
from rnnverify.layers.graph import Graph
from rnnverify.observation import Observation
from rnnverify.verification.outputs import label

NEAR = 1e-4  # relative to the largest value: how near two answers of one candidate are to be
CLEAR = 10.0  # limits, by which a change of the weights must move an output, so that nobody can overlook it
SEED = 22

Answers = Mapping[str, Array]
Found = Iterator[tuple[str, bool]]  # sentences, and whether they hold


def properties(lab: Lab, answer: Answer) -> Found:
    """Each property, and whether the candidate has it.

    Args:
        lab: where it is asked.
        answer: what it gave before.
    """
    try:
        base = lab.ask(lab.observed)
        yield "it gives the same twice", same(read(answer), base) and same(base, lab.ask(lab.observed))
    except CandidateError:
        return
    samples = len(next(iter(lab.observed.inputs.values())))
    if samples > 1:
        yield from of_batches(lab, base, samples)
    yield from of_pieces(lab, base)
    yield from of_weights(lab, base)


def of_batches(lab: Lab, base: Answers, samples: int) -> Found:
    """A sample's outputs depend on no other sample."""
    in_order, alone = "a batch gives the same in another order", "a batch gives what its samples give alone"
    try:
        turned = lab.ask(smaller.of_samples(lab.observed, range(samples - 1, -1, -1)))
        told = {name: array[::-1] for name, array in turned.items() if array.ndim}
        yield in_order, same(base, told, limits=lab.limits)
    except CandidateError as error:
        yield f"{in_order}: {error}", False
    try:
        yield alone, same(base, lab.ask(lab.observed, each_sample(lab.candidate)), limits=lab.limits)
    except CandidateError as error:
        yield f"{alone}: with one of them {error}", False


def of_pieces(lab: Lab, base: Answers) -> Found:
    """Where the states of every recurrent layer go in and come out, two halves of a sequence give what the whole does."""
    carried = states_carried(lab.observed, base)
    timesteps = next((x.shape[1] for name, x in lab.observed.inputs.items() if name not in carried and x.ndim > 1), 0)
    if not carried or timesteps < 2:
        return
    try:
        first = lab.ask(smaller.of_timesteps(lab.observed, slice(0, timesteps // 2)))
        second = smaller.of_timesteps(lab.observed, slice(timesteps // 2, None))
        fed = {**second.inputs, **{name: last_of(first[state]) for name, state in carried.items()}}
        end = lab.ask(smaller.replayed(second, fed, second.nodes))
        whole, halves = ({state: last_of(one[state]) for state in carried.values()} for one in (base, end))
    except (CandidateError, KeyError):
        return
    yield (
        "two halves of a sequence, the second from the states of the first, end as the whole does",
        same(whole, halves),
    )


def states_carried(observed: Observation, base: Answers) -> dict[str, str]:
    """Each input that is a state, and the tensor that is the same state after the last step; empty unless that is all states."""
    graph = Graph(observed.nodes)
    carried: dict[str, str] = {}
    for node in observed.nodes:
        layer = graph.layers[node.name]
        if not layer.takes_initial_state:
            continue
        names = [f"{node.name}.{state}" for state in layer.state_names]
        refs = [ref.node for ref in node.initial_state]
        if len(refs) != len(names) or not set(names) <= base.keys() or not set(refs) <= observed.inputs.keys():
            return {}
        if getattr(layer, "go_backwards", True):  # a Bidirectional's second walk begins at the end
            return {}
        carried.update(zip(refs, names, strict=True))
    return carried


def of_weights(lab: Lab, base: Answers) -> Found:
    """Each block of weights, when it is changed, changes something."""
    right = Graph(lab.observed.nodes)
    before = right.run(lab.observed.inputs)
    names = {ref: label(right, ref) for ref in lab.observed.outputs if ref.node in right.layers}
    unread = []
    for block in blocks_of(lab.observed):
        other = smaller.with_other_weights(lab.observed, shifted(block))
        now = Graph(other.nodes).run(other.inputs)
        if not any(tells(now[ref].values - before[ref].values, lab.limits.get(name)) for ref, name in names.items()):
            continue  # with these inputs it makes no difference, or none that rounding leaves
        try:
            if same(base, lab.ask(other), near=0.0):
                unread.append(block.words)
        except CandidateError:
            return
    yield "every block of the weights is read", not unread
    yield from ((f"{words} is read (changing it changes nothing)", False) for words in unread)


class Block(NamedTuple):
    """A part of a weight."""

    words: str
    layer: str
    name: str
    index: Any  # where it is in the array


def blocks_of(observed: Observation) -> Iterator[Block]:
    """Each gate's part of each weight."""
    graph = Graph(observed.nodes)
    for node in observed.nodes:
        gates = gate_columns(graph.layers[node.name])
        for name, array in node.weights.items():
            rows = range(len(array)) if name.endswith("bias") and array.ndim > 1 else [None]
            for row in rows:
                at = "" if row is None else f" row {row}"
                for gate, (first, last) in gates.get(name, {"": (0, array.shape[-1] - 1)}).items():
                    columns = slice(first, last + 1)
                    words = f"{node.layer} {name}{at}" + f", gate {gate} (columns {first}-{last})" * bool(gate)
                    yield Block(words, node.layer, name, (..., columns) if row is None else (row, columns))


def shifted(block: Block) -> Callable[[str, str, Array], Array]:
    """A change of one block of the weights."""
    rng = np.random.default_rng(SEED)

    def made(layer: str, name: str, array: Array) -> Array:
        if (layer, name) != (block.layer, block.name):
            return array
        other = np.array(array)
        other[block.index] += rng.uniform(0.5, 1.0, other[block.index].shape).astype(array.dtype)
        return other

    return made


def tells(difference: Array, limit: Array | None) -> bool:
    """Whether a difference is more than rounding could hide."""
    return bool((np.abs(difference) > (0 if limit is None else CLEAR * limit)).any())


def same(one: Answers, other: Answers, near: float = NEAR, limits: Answers | None = None) -> bool:
    """Whether an answer has what another has, but for rounding: that of the arithmetic, where its limits are known."""
    found = limits or {}
    return all(name in one and close(one[name], array, near, found.get(name)) for name, array in other.items())


def close(one: Array, other: Array, near: float, limit: Array | None) -> bool:
    if one.shape != other.shape or np.array_equal(one, other):
        return one.shape == other.shape
    largest = max(1.0, float(np.abs(other).max(initial=0.0)))
    allowed = near * largest + (2 * limit if limit is not None and limit.shape == one.shape else 0)
    return near > 0 and bool((np.abs(one - other) <= allowed).all())


def last_of(state: Array) -> Array:
    """A state after the last step, from it alone (N, M) or at every step (N, T, M)."""
    made: Array = np.asarray(state, dtype=np.float32)
    return made[:, -1] if made.ndim > 2 else made
