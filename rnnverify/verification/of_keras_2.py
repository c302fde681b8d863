"""A second reference for what Keras 2 saved: where Keras 3 computes something else under the same name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from rnnverify.layers.graph import Graph
from rnnverify.layers.layer import Masked
from rnnverify.mistakes.activations import HARD_SIGMOID_OF_KERAS_2
from rnnverify.mistakes.mistake import with_mistakes
from rnnverify.observation import SAVED_BY, Observation, Ref


def graph_of_keras_2(graph: Graph) -> Graph | None:
    """The model with the functions of Keras 2; None where they are those of Keras 3."""
    return with_mistakes(graph, [HARD_SIGMOID_OF_KERAS_2])


def another_function(observed: Observation, graph: Graph, exact: Mapping[Ref, Masked]) -> Iterator[str]:
    """A sentence on what a model's file was trained with, if that is not what Keras 3 makes of it.

    Args:
        observed: what Keras 3 did.
        graph: its replay.
        exact: what that gave.
    """
    saved_by = observed.environment.get(SAVED_BY)
    old = graph_of_keras_2(graph) if saved_by is not None else None
    if old is None:
        return
    then = old.run(observed.inputs)
    with np.errstate(all="ignore"):
        moved = [np.abs(exact[ref].values - then[ref].values).max(initial=0) for ref in observed.outputs]
    yield (
        f"Keras 3 computes another function than the Keras that saved this file: up to {max(moved):.2g} on these outputs;"
        f" it was trained with the hard_sigmoid of {saved_by}, clip(0.2 x + 0.5, 0, 1); what is verified here is Keras 3 with its"
        " own, clip(x / 6 + 0.5, 0, 1)"
    )
