"""What Keras did, as somebody else would give it: every output of every layer, and every state after every step."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.observation import Observation
from rnnverify.verification.outputs import label
from rnnverify.verification.steps_given import in_order_put_out


def as_given(observed: Observation, graph: Graph) -> dict[str, Any]:
    """The tensors by the names of the reports.

    A state after every step takes the place of the same state after the last one, where that is its last step; where the layer
    returns another, what it returns is what counts.
    """
    made: dict[str, Array] = {label(graph, ref): array for ref, array in observed.emitted.items()}
    for node in observed.nodes:
        names = iter(graph.declared[node.name].walked_names if node.name in observed.walks else ())
        number = 0
        for walk in observed.walks.get(node.name, ()):
            for sequence in (walk.sequence, *walk.others):
                name = f"{node.name}.{next(names)}"
                if name not in made or np.array_equal(made[name], sequence[:, -1]):
                    made[name] = in_order_put_out(graph, node.name, number, sequence)
                number += 1
    for ref, array in zip(observed.outputs, observed.predictions, strict=True):
        name = label(graph, ref)
        if name not in made or made[name].shape == array.shape:  # else it is the state after every step
            made[name] = array
    return made
