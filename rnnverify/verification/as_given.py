"""What Keras did, as somebody else would give it: every output of every layer, and every state after every step."""

from __future__ import annotations

from typing import Any

from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.observation import Observation
from rnnverify.verification.claims import EVERY_STEP
from rnnverify.verification.outputs import label
from rnnverify.verification.steps_given import in_order_put_out


def as_given(observed: Observation, graph: Graph) -> dict[str, Any]:
    """The tensors by the names of the reports."""
    made: dict[str, Array] = {label(graph, ref): array for ref, array in observed.emitted.items()}
    for node in observed.nodes:
        walks = observed.walks.get(node.name, ())
        sequences = [sequence for walk in walks for sequence in (walk.sequence, *walk.others)]
        for number, (state, sequence) in enumerate(
            zip(graph.declared[node.name].walked_names, sequences, strict=bool(walks))
        ):
            name = f"{node.name}.{state}"
            every_step = name if name not in made else name + EVERY_STEP
            made[every_step] = in_order_put_out(graph, node.name, number, sequence)
    predicted = zip(observed.outputs, observed.predictions, strict=True)
    return made | {label(graph, ref): array for ref, array in predicted}
