"""Every gate and state of a free-running replay, at every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.bidirectional import Bidirectional
from rnnverify.layers.graph import Graph
from rnnverify.layers.layer import Layer
from rnnverify.layers.rnn import Stack
from rnnverify.layers.steps import folded, sources, states_before, unfolded
from rnnverify.layers.walk import Walk, kept
from rnnverify.layers.walking import Walking
from rnnverify.observation import Ref

Traced = dict[str, dict[str, Array]]  # by layer, then by gate, state or output


def trace(graph: Graph, inputs: Mapping[str, Array]) -> Traced:
    """What each layer computes on the way to its outputs, in float64.

    Returns:
        For each layer its `output` (N, ...), and of each walk its gates after their activations, NaN at masked steps, and the
        states after each step, (N, T, M), by the timestep of x that the step reads, whichever way the walk goes. Those of a
        Bidirectional are named `forward_i` and `backward_i`.
    """
    done = graph.run(inputs)
    found: Traced = {}
    for node in graph.nodes:
        layer, own = graph.layers[node.name], found.setdefault(node.name, {})
        walks = layer.walks(graph.call(node, done, np.float64))
        for prefix, walk in zip(walks_of(layer), walks, strict=False):
            own.update({f"{prefix}{name}": array for name, array in of_walk(walk).items()})
        for index, suffix in enumerate(layer.output_names[: len(layer.output_names) - layer.state_outputs]):
            own[f"output_{suffix}".rstrip("_")] = done[Ref(node.name, index)].values
    return found


def walks_of(layer: Layer) -> dict[str, bool]:
    """The prefixes of the names of a layer's walks, and which of them go back in time."""
    if isinstance(layer, Bidirectional):
        return {f"{direction}_": inner.go_backwards for direction, inner in layer.directions}
    return {"": isinstance(layer, Walking) and layer.go_backwards}


def of_walk(walk: Walk) -> dict[str, Array]:
    """The gates and states of one walk; those of a stack are named `cell_0_i`, and so on."""
    if isinstance(walk.layer, Stack):
        x, found = walk.x, {}
        for index, own in enumerate(walk.layer.walks_of_cells(walk)):
            own = replace(own, x=x)
            with np.errstate(all="ignore"):
                x = own.run(every_step=True).sequence
            found.update({f"cell_{index}_{name}": array for name, array in of_walk(own).items()})
        return found
    samples, timesteps = walk.x.shape[:2]
    with np.errstate(all="ignore"):
        walked = walk.run(every_step=True)
        source = sources(np.ones((samples, timesteps), dtype=bool) if walk.mask is None else walk.mask)
        before, after = slice(0, timesteps), slice(1, timesteps + 1)
        h = states_before(walked.sequence, walk.states[0], source, before)
        gates = walk.cell.every_gate(walk.cell.project(folded(walk.x)), folded(h))
    made = {name: unfolded(gate, samples, timesteps) for name, gate in zip(walk.layer.gate_letters, gates, strict=True)}
    if walk.mask is not None:
        made = {name: kept(walk.mask, gate, np.full_like(gate, np.nan)) for name, gate in made.items()}
    pairs = zip((walked.sequence, *walked.others), walk.states, strict=True)
    held = [states_before(sequence, initial, source, after) for sequence, initial in pairs]
    made.update(zip(reversed(walk.layer.walked_names), reversed(held), strict=True))  # c before h, as they come about
    return {name: array[:, ::-1] for name, array in made.items()} if walk.layer.go_backwards else made
