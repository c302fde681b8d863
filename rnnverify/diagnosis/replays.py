"""The replay of a model with mistakes in it, beside the right one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from rnnverify.diagnosis.reruns import MISFIT, Key, Reruns
from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.layers.layer import Layer, Masked
from rnnverify.mistakes import Mistake, made_in
from rnnverify.observation import Node, Observation, Ref, Walked
from rnnverify.verification.claimed import Right, made_of, watched_in
from rnnverify.verification.claims import Claim
from rnnverify.verification.end_to_end import Expected

MANY = 4096  # wrong models that are kept


class Wrong(NamedTuple):
    """A wrong replay."""

    graph: Graph
    values: list[Array]  # of the tensors that are looked at
    coarse: bool  # whether it comes of walks that were taken side by side


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
        self.graphs: dict[Key, Graph | None] = {}
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

    def graph_of(self, made: Key) -> Graph | None:
        """The model with mistakes in it, one after the other; None where one of them can occur nowhere."""
        if made not in self.graphs:
            if len(self.graphs) > MANY:
                self.graphs.clear()
            wrong: dict[str, Layer] = {}
            for mistake, nodes in made:
                tried = {
                    node: made_in(wrong[node], mistake) if node in wrong else self.layer_of(mistake, node)
                    for node in nodes
                }
                found = {node: layer for node, layer in tried.items() if layer is not None}
                if not found:
                    wrong = {}
                    break
                wrong.update(found)
            self.graphs[made] = self.graph.with_layers({**self.graph.layers, **wrong}) if wrong else None
        return self.graphs[made]

    @cached_property
    def reruns(self) -> Reruns:
        """Those wrong replays that were taken together."""
        return self.no_reruns()

    def no_reruns(self) -> Reruns:
        """None taken yet. Side by side they are taken as precisely as the limits are narrow."""
        kind = np.float64 if "float64" in self.graph.precisions.values() else np.float32
        return Reruns(self.observed, self.graph_of, self.tensors, self.watched, kind)

    @cached_property
    def walks(self) -> dict[str, Sequence[Walked]]:
        """The right walks of the nodes whose states are looked at."""
        watched = [node for node in self.observed.nodes if node.name in self.watched]
        return {node.name: self.graph.free_walks(node, self.tensors) for node in watched}

    def take_together(self, several: Iterable[Key]) -> None:
        """Take many wrong replays side by side, for `wrong` to go on from.

        Args:
            several: mistakes that are made at once, one after the other.
        """
        self.reruns.reach(made for made in several if self.graph_of(made) is not None)

    def wrong(self, made: Key, exact: bool = True) -> Wrong | None:
        """The model with mistakes in it, and what it makes; None where they do not go together, or fit no shapes.

        Args:
            made: the mistakes.
            exact: whether it is made in float64 in any case, and not from walks that were taken together.
        """
        graph = self.graph_of(made)
        if graph is None:
            return None
        reruns = self.reruns
        if exact or not reruns.knows(made):
            reruns = self.no_reruns()
            reruns.reach([made], coarse=False)
        found = reruns.found(made)
        if found is None:
            return None
        tensors, walks, coarse = found
        done = Expected({**self.tensors, **tensors}, {**self.walks, **walks})
        try:
            return Wrong(graph, [np.asarray(made_of(graph, done, claim)) for claim in self.claims], coarse)
        except MISFIT:
            return None

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
