"""Somebody else's implementation against the replay.

Where all states of a layer at every step were given, and what it was fed is known, each step is judged by itself, from the
states that were given before it, as Keras's are (steps.py). All else is judged end to end, by how far rounding alone takes the
free-running replay (end_to_end.py); where that is as far as the values themselves, such a tensor says nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.observation import Observation, Ref, Tolerance
from rnnverify.results import Divergence, OutputResult
from rnnverify.rounding import Rounded
from rnnverify.verification.claims import Claim
from rnnverify.verification.end_to_end import Expected, expected_end_to_end
from rnnverify.verification.look import Rows
from rnnverify.verification.outputs import largest_deviation, output_rows, overflowed
from rnnverify.verification.second_look import worst_rows
from rnnverify.verification.steps_given import StepsGiven, in_order_put_out, left_by_steps, outputs_given
from rnnverify.verification.tally import Tally

NO_TOLERANCE = Tolerance()
TF32 = "tf32"  # a precision of products alone, and of no Keras policy


@dataclass(frozen=True)
class Judgement:
    """What was found of all claims."""

    rows: tuple[OutputResult, ...]
    first: Divergence | None
    untested: tuple[str, ...]  # claims of which no element could have shown a change of 10%
    by_step: tuple[str, ...]  # layers of which each step was judged by itself
    lost_from: Mapping[str, int]  # of a claim, the timestep from which on it can show nothing
    within: Mapping[str, Array]  # of a claim, which elements are within their limits
    worst_ratio: float  # the largest residual over its limit
    tallies: Mapping[str, Tally] = field(default_factory=dict)  # of a claim, what was found of it

    @property
    def right(self) -> bool:
        return all(row.passed for row in self.rows)


class Right:
    """The free-running replay, kept for several judgements.

    Args:
        observed: of which inputs and nodes are used.
        graph: the replays of those nodes.
        watched: the nodes of which states are claimed.
        often: whether so many judgements are near the limit that the second look is kept as well, of all samples.
    """

    def __init__(self, observed: Observation, graph: Graph, watched: Collection[str], often: bool = True) -> None:
        self.often = often
        self.made = partial(expected_end_to_end, observed, graph, watched=watched)
        self.expected = self.made()

    @cached_property
    def regular(self) -> Expected:
        """The same, of which roundings may have a direction."""
        return self.made(regular=True)


def watched_in(claims: Sequence[Claim]) -> set[str]:
    """The nodes of which states are claimed."""
    return {claim.tensor.node for claim in claims if claim.tensor.state is not None}


def computed_in(observed: Observation, dtype: str) -> Observation:
    """The same model, every layer computing in one precision: that of who gave the claims.

    tf32 is float32 of which products round their operands.
    """
    held = "float32" if dtype == TF32 else dtype
    nodes = tuple(replace(node, config=with_dtype(node.config, held)) for node in observed.nodes)
    return replace(observed, nodes=nodes, tf32=dtype == TF32)


def with_dtype(config: Mapping[str, Any], dtype: str) -> dict[str, Any]:
    """A layer's config, and those of the layers inside it, with another precision."""
    made: dict[str, Any] = {}
    for name, value in config.items():
        if name == "dtype":
            made[name] = dtype
        elif isinstance(value, Mapping) and isinstance(value.get("config"), Mapping) and "class_name" in value:
            made[name] = {**value, "config": with_dtype(value["config"], dtype)}
        else:
            made[name] = value
    return made


def judge_claims(
    observed: Observation,
    graph: Graph,
    claims: Sequence[Claim],
    tolerance: Tolerance = NO_TOLERANCE,
    by_step: bool = True,
    right: Right | None = None,
    kind: type[Tally] = Tally,
) -> Judgement:
    """Hold every claim against the replay.

    Args:
        observed: of which inputs and nodes are used; see `computed_in`.
        graph: the replays of those nodes, or those of a wrong port.
        claims: what was given, see `claims_of`.
        tolerance: a further demand on every element.
        by_step: whether steps are judged by themselves where that is possible, rather than all end to end.
        right: the free-running replay, where it was made already and serves for several judgements.
        kind: of the tallies that are kept.
    """
    expected = (right or Right(observed, graph, watched_in(claims))).expected
    rows: list[OutputResult] = []
    firsts: list[Divergence] = []
    untested, stepwise, lost, inside, worst = [], [], {}, {}, 0.0
    tallies: dict[str, Tally] = {}
    for node in observed.nodes:
        own = [claim for claim in claims if claim.tensor.node == node.name]
        stepped = StepsGiven.of(observed, graph, node, claims, expected) if by_step else None
        if stepped is not None:
            stepwise.append(node.name)
            found = {**stepped.check(kind), **handed_on(graph, node.name, own)}
        else:
            found = outputs_given(observed, graph, node, claims, expected, kind) if by_step else {}
        node_firsts = []
        for claim in own:
            value = made_of(graph, expected, claim)
            largest = graph.largest[node.name]
            if claim.name in found:
                tally, within = found[claim.name]
            else:
                tally = kind(node.name, largest)
                again = partial(claim_again, observed, graph, claim, right)
                with np.errstate(all="ignore"):
                    start = 0 if claim.tensor.timed else None
                    within = tally.add(claim.array, value, start, again=again, widens=True)
            tallies[claim.name] = tally
            if tally.first is not None:
                node_firsts.append(tally.first)
            if tally.untested:
                untested.append(claim.name)
            elif claim.name not in found and claim.tensor.timed and (end := nothing_from(value)) is not None:
                lost[claim.name] = end
            inside[claim.name], worst = within, max(worst, tally.worst_ratio)
            plain = overflowed(np.asarray(value, dtype=np.float64), largest)
            rows.extend(
                output_rows(
                    claim.name, claim.tensor.timed, claim.array, plain, largest_deviation(value), within, tolerance
                )
            )
        firsts.extend(sorted(node_firsts, key=lambda one: one.timestep if one.timestep is not None else np.inf)[:1])
    first = firsts[0] if firsts else None
    return Judgement(tuple(rows), first, tuple(untested), tuple(stepwise), lost, inside, worst, tallies)


def handed_on(graph: Graph, node: str, own: Sequence[Claim]) -> dict[str, tuple[Tally, Array]]:
    """The outputs of a recurrent layer that are what its steps left, which were judged."""
    found = {}
    for claim in own:
        left = None if claim.tensor.output is None else left_by_steps(graph, own, Ref(node, claim.tensor.output))
        if left is not None and np.array_equal(left, claim.array):
            found[claim.name] = Tally(node, graph.largest[node]), np.ones(claim.array.shape, dtype=bool)
    return found


def made_of(graph: Graph, expected: Expected, claim: Claim) -> Any:
    """What is expected of a claim, as Rounded numbers or as a plain array."""
    tensor = claim.tensor
    if tensor.output is not None:
        return expected.tensors[Ref(tensor.node, tensor.output)].values
    assert tensor.state is not None
    walked = [(one, index) for one in expected.walks[tensor.node] for index in range(1 + len(one.others))]
    walk, index = walked[tensor.state]
    if not tensor.every_step:
        return walk.states[index]
    return in_order_put_out(graph, tensor.node, tensor.state, (walk.sequence, *walk.others)[index])


def claim_again(
    observed: Observation, graph: Graph, claim: Claim, right: Right | None, over: Array
) -> tuple[Rows, Rounded]:
    """Samples of a claim that are off, looked at again: roundings that have a direction may explain it."""
    rows = worst_rows(over, 1, [weight for node in observed.nodes for weight in node.weights.values()])
    (samples,) = rows
    if right is not None and right.often:
        return rows, made_of(graph, right.regular, claim)[samples]
    fed = replace(observed, inputs={name: x[samples] for name, x in observed.inputs.items()})
    watched = () if claim.tensor.state is None else (claim.tensor.node,)
    made: Any = made_of(graph, expected_end_to_end(fed, graph, regular=True, watched=watched), claim)
    return rows, made


def nothing_from(value: Any) -> int | None:
    """The timestep from which on no element can show a change of 10%; None where the last one can."""
    if not isinstance(value, Rounded):
        return None
    blind: Any = np.abs(value.value) * 0.1 <= value.precision.limit * np.sqrt(value.variance)
    by_time: Any = blind.all(axis=(0, *range(2, blind.ndim)))
    if not by_time[-1]:
        return None
    seen = np.flatnonzero(~by_time)
    return int(seen[-1]) + 1 if len(seen) else 0
