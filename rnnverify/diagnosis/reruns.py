"""Many wrong replays at once: node by node, so that the walks of all of them can be taken side by side.

What a node puts out depends on the mistakes that are made in it and before it, and is kept under these: so the layers before a
mistake are those of the right replay, and two pairs of mistakes share what comes of the one that they have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from rnnverify.diagnosis.together import Kind, together
from rnnverify.errors import RequestError
from rnnverify.layers.graph import Graph
from rnnverify.layers.layer import Call, Layer, Masked, Outputs
from rnnverify.layers.walk import Walk
from rnnverify.mistakes import Mistake
from rnnverify.observation import Node, Observation, Ref, Walked

HELD = 1 << 29  # bytes that are kept
MISFIT = (ValueError, IndexError, RequestError)  # shapes that do not go on to the next layer, say


class Made(NamedTuple):
    """A mistake, and the nodes that it is made in."""

    mistake: Mistake
    nodes: tuple[str, ...]


Key = tuple[Made, ...]


class Reached(NamedTuple):
    """What a node does in a wrong replay."""

    outputs: Outputs
    walks: Sequence[Walked]  # with every step, where the node's states are looked at
    coarse: bool  # whether walks were taken side by side, its own or some before it


class Begun(NamedTuple):
    """The same, before its walks are taken."""

    layer: Layer
    call: Call
    walks: Sequence[Walk]
    coarse: bool


class Reruns:
    """Wrong replays, as far as they are known.

    Args:
        observed: of which the nodes are used.
        graph_of: the model with some mistakes in it.
        right: every tensor of the right replay, in float64.
        watched: the nodes whose states are looked at.
        kind: what walks are computed in that are taken side by side.
    """

    def __init__(
        self,
        observed: Observation,
        graph_of: Callable[[Key], Graph | None],
        right: Mapping[Ref, Masked],
        watched: Collection[str],
        kind: Kind,
    ) -> None:
        self.nodes, self.graph_of, self.right, self.watched = observed.nodes, graph_of, right, watched
        self.kind = kind
        self.before: dict[str, set[str]] = {}  # the nodes that each depends on, itself among them
        for node in self.nodes:
            fed = [self.before.get(ref.node, set()) for ref in node.reads]
            self.before[node.name] = {node.name}.union(*fed)
        self.known: dict[tuple[str, Key], Reached | None] = {}  # None where it cannot be computed
        self.each = max(1, sum(tensor.values.nbytes for tensor in right.values()))
        self.held = 0

    def up_to(self, node: str, made: Key) -> Key:
        """As much of some mistakes as a node depends on."""
        before = self.before[node]
        parts = [Made(mistake, tuple(name for name in nodes if name in before)) for mistake, nodes in made]
        return tuple(part for part in parts if part.nodes)

    def reach(self, several: Iterable[Key], coarse: bool = True) -> None:
        """Take these wrong replays, as many as memory allows; the others stay unknown.

        Args:
            several: mistakes that are made at once, one after the other.
            coarse: whether walks are taken side by side, where they can be.
        """
        if self.held > HELD // 2:
            self.known.clear()
            self.held = 0
        several = list(several)[: max(1, (HELD - self.held) // self.each)]
        with np.errstate(all="ignore"):
            for node in self.nodes:
                keys = {key for made in several if (key := self.up_to(node.name, made))}
                begun = {key: self.begun(node, key) for key in keys if (node.name, key) not in self.known}
                able = {key: one for key, one in begun.items() if one is not None}
                walks = {(key, at): walk for key, one in able.items() for at, walk in enumerate(one.walks)}
                done = together(walks, self.kind, node.name in self.watched) if coarse else {}
                for key, one in begun.items():
                    self.keep(node, key, None if one is None else self.ended(node, key, one, done))

    def keep(self, node: Node, key: Key, reached: Reached | None) -> None:
        self.known[node.name, key] = reached
        if reached is not None:
            arrays = [output.values for output in reached.outputs] + [walk.sequence for walk in reached.walks]
            self.held += sum(array.nbytes for array in arrays)

    def begun(self, node: Node, key: Key) -> Begun | None:
        """None where it cannot be begun, in this node or one before it."""
        graph, sources, coarse = self.graph_of(key), {}, False
        for ref in node.reads:
            own = self.up_to(ref.node, key) if ref.node in self.before else ()
            if own:
                reached = self.known[ref.node, own]
                if reached is None:
                    return None
                sources[ref], coarse = reached.outputs[ref.output], coarse or reached.coarse
            else:
                sources[ref] = self.right[ref]
        if graph is None:
            return None
        try:
            layer, call = graph.layers[node.name], graph.call(node, sources, np.float64)
            return Begun(layer, call, layer.walks(call), coarse)
        except MISFIT:
            return None

    def ended(self, node: Node, key: Key, begun: Begun, done: Mapping[tuple[Key, int], Walked]) -> Reached | None:
        """None where its walks do not go on."""
        layer, call, walks, coarse = begun
        watched = node.name in self.watched
        try:
            if not walks:
                return Reached(layer(call), (), coarse)
            places = [(key, at) for at in range(len(walks))]
            if all(place in done for place in places):
                taken, coarse = [done[place] for place in places], True
            else:
                taken = [walk.run(every_step=watched) for walk in walks]
            return Reached(layer.outputs(call, taken), taken if watched else (), coarse)
        except MISFIT:
            return None

    def found(self, made: Key) -> tuple[dict[Ref, Masked], dict[str, Sequence[Walked]], bool] | None:
        """What differs in one of them: tensors, walks, and whether they are coarse; None where it cannot be computed."""
        tensors: dict[Ref, Masked] = {}
        walks: dict[str, Sequence[Walked]] = {}
        coarse = False
        for node in self.nodes:
            key = self.up_to(node.name, made)
            if not key:
                continue
            reached = self.known[node.name, key]
            if reached is None:
                return None
            tensors.update({Ref(node.name, index): output for index, output in enumerate(reached.outputs)})
            if reached.walks:
                walks[node.name] = reached.walks
            coarse = coarse or reached.coarse
        return tensors, walks, coarse

    def knows(self, made: Key) -> bool:
        """Whether that wrong replay was taken."""
        keys = ((node.name, self.up_to(node.name, made)) for node in self.nodes)
        return all(not key or (name, key) in self.known for name, key in keys)
