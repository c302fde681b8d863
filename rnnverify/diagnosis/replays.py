"""The replay of a model with mistakes in it, beside the right one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from rnnverify.diagnosis.together import together
from rnnverify.errors import RequestError
from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.layers.layer import Call, Layer, Masked
from rnnverify.layers.walk import Walk
from rnnverify.mistakes import Mistake, made_in, with_mistakes
from rnnverify.observation import Node, Observation, Ref, Walked
from rnnverify.verification.claimed import Right, made_of, watched_in
from rnnverify.verification.claims import Claim
from rnnverify.verification.end_to_end import Expected

Ids = tuple[str, ...]


class Made(NamedTuple):
    """A mistake, and the nodes that it is made in."""

    mistake: Mistake
    nodes: tuple[str, ...]


class Replays:
    """The tensors that are looked at, as the right replay makes them, and as wrong ones do.

    Args:
        observed: of which the inputs and nodes are used.
        graph: the right replays of those nodes.
        claims: the tensors that are looked at.
    """

    def __init__(self, observed: Observation, graph: Graph, claims: Sequence[Claim], kept: Right | None = None) -> None:
        self.observed, self.graph, self.claims = observed, graph, claims
        self.changed: dict[tuple[str, str], Layer | None] = {}  # by mistake and node
        self.calls: dict[str, Call] = {}  # what each node is given, where nothing before it is wrong
        self.taken: dict[tuple[str, Ids], list[Walked]] = {}  # by node and mistakes: walks that were taken together
        # The nodes of which states are looked at:
        self.watched = watched_in(claims)
        self.kept = kept or Right(observed, graph, self.watched)
        made = [made_of(graph, self.kept.expected, claim) for claim in claims]
        self.right = [np.asarray(one, dtype=np.float64) for one in made]
        # How far rounding takes it, end to end:
        self.limits = [
            one.precision.limit * np.sqrt(one.variance) + np.finfo(np.float32).tiny
            if hasattr(one, "variance")
            else np.full(one.shape, np.finfo(np.float32).tiny)
            for one in made
        ]
        self.masks = {ref.node: tensor.mask for ref, tensor in self.kept.expected.tensors.items() if ref.output == 0}

    @cached_property
    def tensors(self) -> dict[Ref, Masked]:
        """Every tensor of the right replay, in float64."""
        return self.graph.run(self.observed.inputs)

    def nodes_of(self, mistake: Mistake) -> list[Node]:
        """Where it may be made."""
        return [node for node in self.observed.nodes if self.layer_of(mistake, node.name) is not None]

    def layer_of(self, mistake: Mistake, node: str) -> Layer | None:
        """A node's layer with the mistake in it; None where it cannot occur there."""
        key = mistake.id, node
        if key not in self.changed:
            self.changed[key] = made_in(self.graph.layers[node], mistake)
        return self.changed[key]

    def graph_of(self, made: Sequence[Made]) -> Graph | None:
        """The model with mistakes in it; None where they do not go together."""
        if len(made) == 1:
            own = {node: self.layer_of(made[0].mistake, node) for node in made[0].nodes}
            found = {node: layer for node, layer in own.items() if layer is not None}
            return self.graph.with_layers({**self.graph.layers, **found}) if found else None
        graph: Graph | None = self.graph
        for mistake, nodes in made:
            graph = with_mistakes(graph, [mistake], nodes) if graph is not None else None
        return graph

    def take_together(self, several: Iterable[Sequence[Mistake]]) -> None:
        """Take the walks of many wrong replays side by side, for `wrong` to go on from.

        Args:
            several: mistakes that are made at once, one after the other, in each node where they can.
        """
        several = list(several)
        with np.errstate(all="ignore"):
            for node in self.observed.nodes:
                if not self.graph.layers[node.name].takes_initial_state or node.name in self.watched:
                    continue
                begun: dict[Ids, Sequence[Walk]] = {}
                for mistakes in several:
                    ids = tuple(one.id for one in mistakes)
                    if (node.name, ids) not in self.taken:
                        begun[ids] = self.walks_of(node, mistakes)
                done = together({(ids, at): walk for ids, walks in begun.items() for at, walk in enumerate(walks)})
                for ids, walks in begun.items():
                    ended = [done[ids, at] for at in range(len(walks)) if (ids, at) in done]
                    if walks and len(ended) == len(walks):
                        self.taken[node.name, ids] = ended

    def walks_of(self, node: Node, mistakes: Sequence[Mistake]) -> Sequence[Walk]:
        """The walks that a wrong node is about to take; none where it cannot."""
        graph = self.graph_of([Made(one, (node.name,)) for one in mistakes])
        if graph is None:
            return ()
        if node.name not in self.calls:
            self.calls[node.name] = self.graph.call(node, self.tensors, np.float64)
        try:
            weights = graph.weights(node, [self.tensors[ref].values.shape[1:] for ref in node.inputs], np.float64)
            return graph.layers[node.name].walks(self.calls[node.name]._replace(weights=weights))
        except (ValueError, IndexError, RequestError):
            return ()

    def wrong(self, made: Sequence[Made], exact: bool = True) -> tuple[Graph, list[Array]] | None:
        """The model with mistakes in it, and what it makes; None where they do not go together, or fit no shapes.

        Args:
            made: the mistakes.
            exact: whether it is made in float64 in any case, and not from walks that were taken together.
        """
        graph = self.graph_of(made)
        if graph is None:
            return None
        try:
            with np.errstate(all="ignore"):
                changed = {name for one in made for name in one.nodes}
                tensors = graph.rerun(self.tensors, changed, {} if exact else self.taken_of(made))
                watched = [node for node in self.observed.nodes if node.name in self.watched]
                walks = {node.name: graph.free_walks(node, tensors) for node in watched}
                return graph, [np.asarray(made_of(graph, Expected(tensors, walks), claim)) for claim in self.claims]
        except (ValueError, IndexError, RequestError):  # shapes that do not go on to the next layer, say
            return None

    def is_coarse(self, made: Sequence[Made]) -> bool:
        """Whether walks that were taken together may be all that is known of a wrong replay."""
        return bool(self.taken_of(made))

    def taken_of(self, made: Sequence[Made]) -> dict[str, list[Walked]]:
        """The walks of a wrong replay that were taken already: of the first node that is wrong, which has right inputs."""
        changed = {name for one in made for name in one.nodes}
        first = next(node.name for node in self.observed.nodes if node.name in changed)
        found = self.taken.get((first, tuple(one.mistake.id for one in made if first in one.nodes)))
        return {} if found is None else {first: found}

    def off(self, values: Sequence[Array]) -> float:
        """How far they are off the right ones at worst, in limits: up to 1 hardly anybody can tell them apart."""
        pairs = zip(values, self.right, self.limits, strict=True)
        return max((ratio(one, right, limit) for one, right, limit in pairs), default=0.0)


def ratio(one: Array, right: Array, limit: Array) -> float:
    """The largest difference in limits; infinite where one is no number, or between arrays of two shapes."""
    if one.shape != right.shape:
        return np.inf
    with np.errstate(all="ignore"):
        top = float(np.max(np.abs(one - right) / limit, initial=0.0))
    return np.inf if np.isnan(top) else top
