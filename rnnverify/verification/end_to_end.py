"""How far rounding alone takes a model's outputs: the free-running replay in rounding numbers.

The check of single steps (steps.py) cannot judge outputs that come from another run than the one that was observed: a model
that was compiled otherwise, or somebody else's implementation. Two right runs differ by what their roundings became on the
way, which a recurrence damps or amplifies; the replay in rounding numbers goes the same way, and its standard deviations
say by how much. Where they exceed the values the outputs say nothing any more, and the report says so. Worst-case bounds
would not do: they grow by a factor at every step.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph, with_masks
from rnnverify.layers.layer import Call, Masked
from rnnverify.observation import Node, Observation, Ref, Walked
from rnnverify.observation.precision import UNIT_ROUNDOFF
from rnnverify.rounding import Precision, Rounded, exact_matrices
from rnnverify.verification.given import off_by_rounding
from rnnverify.verification.merged import merged_into
from rnnverify.verification.precision import precision_in


class Expected(NamedTuple):
    """What rounding numbers make of a model."""

    tensors: Mapping[Ref, Masked]
    walks: Mapping[str, Sequence[Walked]]  # of the nodes that were asked for


def expected_end_to_end(
    observed: Observation, graph: Graph, regular: bool = False, watched: Collection[str] = ()
) -> Expected:
    """Every tensor of the model as Rounded numbers, from nothing but its inputs and weights.

    Args:
        observed: of which the inputs and nodes are used.
        graph: the replays of those nodes.
        regular: whether roundings may have a direction, rather than be as if drawn by lot. The terms of inner products may
            be in an order of their own, see `rounding.orders`, and begin with the bias, as compilers have it. And every step,
            or every unit, may err alike, as where data or weights repeat: errors that are the same add up where others
            average out, which takes them no more than the square root of their number times as far.
        watched: nodes of whose walks through time every step is kept.
    """
    done = {Ref(name): Masked(x) for name, x in observed.inputs.items()}
    walks = {}
    with np.errstate(all="ignore"):  # an overflow is Keras's too
        for node in observed.nodes:
            precision = replace(precision_in(graph, node, observed.tf32), ordered=regular, fused=regular)
            if node.opaque:
                done.update(off_by_rounding(node, observed, done, precision))
                continue
            call = call_of(node, graph, done, precision)
            layer = graph.layers[node.name]
            if node.name in watched:
                walks[node.name] = [walk.run(every_step=True) for walk in layer.walks(call)]
            outputs = layer.outputs(call, walks[node.name]) if walks.get(node.name) else layer(call)
            for index, output in enumerate(outputs):
                done[Ref(node.name, index)] = output
    if not regular:
        return Expected(done, walks)
    count = steps_of(observed)
    tensors = {ref: output._replace(values=alike(output.values, count)) for ref, output in done.items()}
    return Expected(tensors, {name: [alike_walk(one, count) for one in of_one] for name, of_one in walks.items()})


def steps_of(observed: Observation) -> int:
    """How many timesteps there are, at most."""
    return max((x.shape[1] for x in observed.inputs.values() if x.ndim > 1), default=1)


def alike(x: Any, count: int) -> Any:
    """What may be made by so many errors that are all alike, rather than drawn by lot."""
    return x.off_by(x.bound, x.variance * count) if isinstance(x, Rounded) else x


def alike_walk(walked: Walked, count: int) -> Walked:
    """The same of every step of a walk."""
    h, *others = (alike(one, count) for one in (walked.sequence, *walked.others))
    return Walked(h, walked.states, tuple(others))


def call_of(node: Node, graph: Graph, done: Mapping[Ref, Masked], precision: Precision) -> Call:
    """What a node is given in such a run."""
    layer = graph.layers[node.name]
    inputs = [done[ref]._replace(values=handed(node, graph, ref, done[ref].values, precision)) for ref in node.inputs]
    for merged in merged_into(node, graph, lambda ref: done[ref].values):
        x: Any = inputs[merged.place].values
        inputs[merged.place] = inputs[merged.place]._replace(values=merged.unrounded(x, layer))
    inputs = with_masks(node, inputs, lambda ref: done[ref].values)
    shapes = [x.values.shape[1:] for x in inputs]
    states = [handed(node, graph, ref, done[ref].values, precision) for ref in node.initial_state]
    if layer.takes_initial_state and not states:
        first = layer.first_states(len(inputs[0].values), shapes, np.dtype(np.float64))
        states = [Rounded.exact(state, precision) for state in first]
    return Call(
        inputs=inputs,
        weights=exact_matrices(graph.weights(node, shapes, np.float64), precision),
        initial_state=states,
        masked=node.masked,
    )


def handed(node: Node, graph: Graph, ref: Ref, x: Any, precision: Precision) -> Any:
    """A tensor as a node sees it: in its precision, rounded where Keras rounds it.

    What is off may be rounded to a neighbour of what is not: by one rounding of each.
    """
    values: Array = x.value if isinstance(x, Rounded) else x
    if values.dtype.kind in "iub":
        return values
    seen = graph.handed(node, ref, values, np.float64)
    if not isinstance(x, Rounded):
        return Rounded.exact(seen, precision)
    bound, variance, history = x.bound, x.variance, x.history
    if seen is not values:
        history = history._replace(beyond=history.beyond or not np.isfinite(seen).all())
        unit = max(UNIT_ROUNDOFF[dtype] for dtype in graph.casts[node.name])
        rounding = unit * np.abs(seen)
        bound, variance = bound + 2 * rounding, variance + 2 / 3 * rounding * rounding
    return Rounded(seen, bound, variance, precision, history)
