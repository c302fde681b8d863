"""Layers of which somebody gave what they were fed and what they made of it: each step judged by itself, as Keras's are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.layers.steps import sources
from rnnverify.layers.walking import Walking
from rnnverify.observation import Node, Observation, Ref, Walked
from rnnverify.rounding import Rounded
from rnnverify.verification.claims import Claim
from rnnverify.verification.end_to_end import Expected
from rnnverify.verification.precision import precision_in
from rnnverify.verification.steps import NodeCheck
from rnnverify.verification.tally import Tally


def in_order_put_out(graph: Graph, node: str, state: int, sequence: Any) -> Any:
    """A sequence in the order of its walk, in the one in which the layer puts its steps out; or the other way round."""
    layer = graph.declared[node]
    flipped = hasattr(layer, "directions") and state >= len(layer.directions[0][1].walked_names)
    return sequence[:, ::-1] if flipped else sequence


@dataclass(frozen=True)
class StepsGiven:
    """A recurrent node of which all states at every step were given, and what it was fed is known."""

    check_of: NodeCheck
    sequences: Mapping[str, tuple[int, int, Array]]  # by the claim's name: which walk, which state, in the walk's order
    graph: Graph

    @classmethod
    def of(
        cls, observed: Observation, graph: Graph, node: Node, claims: Sequence[Claim], expected: Expected
    ) -> StepsGiven | None:
        """None where something is not known."""
        layer = graph.declared[node.name]
        inside = [direction for _, direction in layer.directions] if hasattr(layer, "directions") else [layer]
        if node.name not in observed.walks or graph.layers[node.name] is not layer:
            return None
        whole = {
            claim.tensor.state: claim
            for claim in claims
            if claim.tensor.node == node.name and claim.tensor.every_step and claim.tensor.state is not None
        }
        if len(inside) == 1 and 0 not in whole:  # a layer's own sequence is h at every step
            for claim in claims:
                if claim.tensor.node == node.name and claim.tensor.output == 0 and claim.tensor.timed:
                    whole[0] = claim
        if set(whole) != set(range(len(layer.walked_names))):
            return None
        given = {}
        for ref in (*node.inputs, *node.initial_state):
            known = known_as_fed(observed, graph, claims, expected, ref)
            if known is None:
                return None
            given[ref] = known
        masks = {ref: expected.tensors[ref].mask for ref in node.inputs}
        given |= {ref: np.asarray(expected.tensors[ref].values) for ref in node.mask if ref is not None}
        walked, sequences, number = [], {}, 0
        for index, direction in enumerate(inside):
            states = []
            for state in range(len(direction.walked_names)):
                claim = whole[number]
                sequence = np.asarray(in_order_put_out(graph, node.name, number, claim.array))
                sequences[claim.name] = index, state, sequence
                states.append(sequence)
                number += 1
            walked.append(Walked(states[0], others=tuple(states[1:])))
        given[Ref(node.name)] = walked[0].sequence
        made = NodeCheck(node, graph, given, masks, walked, precision_in(graph, node, observed.tf32))
        return cls(made, sequences, graph)

    def check(self, kind: type[Tally] = Tally) -> dict[str, tuple[Tally, Array]]:
        """For each sequence what was found of it, and which of its elements are within their limits."""
        node = self.check_of.node.name
        tallies = {name: kind(node, self.graph.largest[node]) for name in self.sequences}
        within: dict[str, list[Array]] = {name: [] for name in self.sequences}
        names = {(walk, state): name for name, (walk, state, _) in self.sequences.items()}
        with np.errstate(all="ignore"):
            for comparison in self.comparisons():
                walk, state = comparison.tensor
                assert walk is not None
                name = names[walk, state]
                within[name].append(tallies[name].add(*comparison))
        made = {}
        for name, (walk, _, _) in self.sequences.items():
            number = 0 if walk == 0 else len(self.check_of.walks[0].sequences)
            parts = np.concatenate(within[name], axis=1)
            made[name] = tallies[name], np.asarray(in_order_put_out(self.graph, node, number, parts))
        return made

    def comparisons(self) -> Iterator[Any]:
        """Of every step, what was given beside what was expected. Of masked steps only what they put out is looked at."""
        for taken in self.check_of.walks:
            if taken.walk.mask is not None:
                others = tuple(as_put_out(taken.walk, one) for one in taken.emitted.others)
                object.__setattr__(taken, "emitted", replace(taken.emitted, others=others))
        yield from self.check_of.of_steps()


def as_put_out(walk: Any, sequence: Array) -> Array:
    """A state that goes on through masked steps, as it would be put out there: h is, and another need not be."""
    source = sources(walk.mask)[:, 1:].reshape(*walk.mask.shape, *[1] * (sequence.ndim - 2))
    last = np.where(source >= 0, np.take_along_axis(sequence, np.maximum(source, 0), axis=1), 0)
    if not walk.layer.zero_output_for_mask:
        return last
    return np.where(walk.mask.reshape(source.shape), sequence, 0)


def known_as_fed(
    observed: Observation, graph: Graph, claims: Sequence[Claim], expected: Expected, ref: Ref
) -> Array | None:
    """A tensor that a node was fed: the model's own input, one that was given, or one in which nothing has rounded."""
    if ref.node in observed.inputs:
        return observed.inputs[ref.node]
    for claim in claims:
        if claim.tensor.node == ref.node and claim.tensor.output == ref.output:
            return claim.array
    if (left := left_by_steps(graph, claims, ref)) is not None:
        return left
    value: Any = expected.tensors[ref].values
    if isinstance(value, Rounded):
        return None if value.inexact else value.value
    return np.asarray(value)


def left_by_steps(graph: Graph, claims: Sequence[Claim], ref: Ref) -> Array | None:
    """An output of a recurrent layer of which it is known what every step put out: h, all of it or the last; or a state."""
    layer = graph.declared[ref.node]
    if not isinstance(layer, Walking):
        return None
    state = ref.output if layer.puts_out else max(0, ref.output - 1)  # the first output is h as well
    for claim in claims:
        if claim.tensor.node == ref.node and claim.tensor.every_step and claim.tensor.state == state:
            return claim.array if ref.output == 0 and layer.return_sequences else claim.array[:, -1]
    return None


def outputs_given(
    observed: Observation,
    graph: Graph,
    node: Node,
    claims: Sequence[Claim],
    expected: Expected,
    kind: type[Tally] = Tally,
) -> dict[str, tuple[Tally, Array]]:
    """What was given of a layer without a walk, from what was given of those before it; nothing where that is not known."""
    own = {claim.tensor.output: claim for claim in claims if claim.tensor.node == node.name}
    if node.name in observed.walks or set(own) != set(range(len(graph.layers[node.name].output_names))):
        return {}
    given: dict[Ref, Array] = {}
    for ref in node.inputs:
        known = known_as_fed(observed, graph, claims, expected, ref)
        if known is None:
            return {}
        given[ref] = known
    masks = {ref: expected.tensors[ref].mask for ref in node.inputs}
    given |= {ref: np.asarray(expected.tensors[ref].values) for ref in node.mask if ref is not None}
    outputs = [own[index].array for index in range(len(own))]
    given[Ref(node.name)] = outputs[0]
    check = NodeCheck(node, graph, given, masks, (), precision_in(graph, node, observed.tf32))
    tallies = {index: kind(node.name, graph.largest[node.name]) for index in range(len(own))}
    within: dict[int, list[Array]] = {index: [] for index in tallies}
    with np.errstate(all="ignore"):
        for comparison in check.comparisons(outputs):
            _, index = comparison.tensor
            within[index].append(tallies[index].add(*comparison))
    return {
        own[index].name: (tallies[index], parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1))
        for index, parts in within.items()
    }
