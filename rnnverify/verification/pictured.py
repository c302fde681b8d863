"""What a page draws of a check: residuals over limits by timestep and unit, and how two runs drift apart.

Nothing of it is needed for a verdict. It is kept as the comparisons go by, folded to a size that can be looked at: cells hold
the largest ratio of what they stand for, so that nothing that is beyond its limit is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.observation import Observation, Ref
from rnnverify.results import Divergence
from rnnverify.results.pictures import Box, Closeup, Pictures, Series
from rnnverify.verification.claims import Claim
from rnnverify.verification.drifts import drift_of, drifts, goes_back
from rnnverify.verification.folding import Folded
from rnnverify.verification.look import Look
from rnnverify.verification.outputs import tensor_label
from rnnverify.verification.tally import Tally, Tensor

AROUND = 12  # timesteps, and units, on each side of a place that is wrong


@dataclass
class Pictured(Tally):
    """A tally that keeps what it sees for pictures."""

    folded: dict[Tensor, Folded] = field(default_factory=dict)
    closeup: Closeup | None = None
    closeup_of: Divergence | None = None

    def forget(self, look: Look) -> None:
        """Not what is drawn."""

    def keep(self, tensor: Tensor, start: int | None, look: Look) -> None:
        ratio = look.ratio
        if not ratio.size:
            return
        if self.first is not None and self.first is not self.closeup_of:
            self.closeup_of, self.closeup = self.first, closeup(self.first, start or 0, look)
        timed = start is not None
        if ratio.ndim < 2 + timed:  # one number for each sample, or for each timestep
            ratio = ratio[..., np.newaxis]
        largest = ratio.max(axis=(0, *range(1 + timed, ratio.ndim - 1)))
        largest = largest if timed else largest[np.newaxis]
        self.folded.setdefault(tensor, Folded(largest.shape[-1], timed)).add(largest, start or 0)


def closeup(first: Divergence, start: int, look: Look) -> Closeup:
    """What is around a place that is wrong."""
    keras, value, allowed, ratio = look.keras, look.value, look.allowed, look.ratio
    timed = first.timestep is not None and keras.ndim > 1
    whole = [slice(None)] * keras.ndim
    whole[0] = slice(first.sample, first.sample + 1)
    if first.timestep is not None:
        whole[1] = slice(first.timestep - start, first.timestep - start + 1)
    whole[-1] = slice(first.unit, first.unit + 1)
    here = ratio[tuple(whole)]
    offset = np.unravel_index(int(np.argmax(here)), here.shape)  # of several places, the worst
    index = [int(place) + (part.start or 0) for place, part in zip(offset, whole, strict=True)]
    of_time = series(index, 1, start, keras, value, allowed) if timed else None
    of_units = series(index, keras.ndim - 1, 0, keras, value, allowed)
    return Closeup(first.layer, first.sample, first.timestep, first.unit, of_time, of_units)


def series(index: Sequence[int], axis: int, start: int, *arrays: Array) -> Series:
    """What is around an element along one axis.

    Args:
        index: of the element.
        axis: along which it goes.
        start: which timestep, or unit, the first one of the arrays is.
        arrays: what was given, the replay, and what is allowed.
    """
    low = max(0, index[axis] - AROUND)
    part: list[Any] = list(index)
    part[axis] = slice(low, index[axis] + AROUND + 1)
    given, replay, allowed = (array[tuple(part)].copy() for array in arrays)
    return Series(start + low, given, replay, allowed)


def pictures_of(
    observed: Observation, graph: Graph, tallies: Mapping[str, Tally], first: Divergence | None
) -> Pictures:
    """What is drawn of a model that was checked with tallies that keep pictures."""
    maps = [
        folded.map_of(name, named(graph, name, tensor), goes_back(graph.layers[name], tensor[0]))
        for name, tally in tallies.items()
        if isinstance(tally, Pictured)
        for tensor, folded in tally.folded.items()
    ]
    return Pictures(
        tuple(boxes(observed)), tuple(maps), tuple(drifts(observed, graph)), closeup_at(first, list(tallies.values()))
    )


def pictures_of_claims(
    graph: Graph,
    claims: Sequence[Claim],
    tallies: Mapping[str, Tally],
    made: Callable[[Claim], Any],
    first: Divergence | None,
) -> Pictures:
    """What is drawn of somebody else's implementation.

    Args:
        graph: the replays of the model's nodes.
        claims: what was given.
        tallies: by the claims' names, of which those are drawn that keep pictures.
        made: what the replay makes of a claim, end to end.
        first: the first place that is wrong.
    """
    maps = [
        folded.map_of(claim.tensor.node, claim.name)
        for claim in claims
        if isinstance(tally := tallies.get(claim.name), Pictured)
        for folded in tally.folded.values()
    ]
    drifts = [
        drift_of(claim.tensor.node, claim.name, claim.array, made(claim)) for claim in claims if claim.tensor.timed
    ]
    return Pictures((), tuple(maps), tuple(drifts), closeup_at(first, list(tallies.values())))


def closeup_at(first: Divergence | None, tallies: Sequence[Tally]) -> Closeup | None:
    """That of the first place that is wrong."""
    found = (tally for tally in tallies if isinstance(tally, Pictured) and first is not None)
    return next((tally.closeup for tally in found if tally.closeup_of is first), None)


def boxes(observed: Observation) -> Iterator[Box]:
    """The graph of the model: its inputs, then each call of a layer."""
    returned = {ref.node for ref in observed.outputs}
    for name, x in observed.inputs.items():
        yield Box(name, "input", x.shape, (), returned=name in returned)
    for node in observed.nodes:
        reads = tuple(dict.fromkeys(ref.node for ref in node.reads))
        shape = observed.emitted[Ref(node.name)].shape
        yield Box(node.name, node.class_name, shape, reads, node.opaque, node.name in returned)


def named(graph: Graph, node: str, tensor: Tensor) -> str:
    """`gru.h` of a state, also where there is no other: the layer's output may differ from what was seen of its steps."""
    told = tensor_label(graph, node, tensor)
    return f"{node}.{graph.layers[node].walked_names[0]}" if tensor[0] is not None and told == node else told
