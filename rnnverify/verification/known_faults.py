"""Faults of Keras itself that are known: a mismatch by one of them says so."""

from __future__ import annotations

from collections.abc import Iterator

from rnnverify.layers.activations import sparsemax
from rnnverify.layers.layer import Layer
from rnnverify.results import Divergence

SPARSEMAX = (
    "its activation is sparsemax, which Keras computes wrongly where more than one value is in the support (it adds up"
    " their running sums): its outputs do not add up to 1; choose another activation until Keras is mended"
)


def known_fault(first: Divergence | None, layer: Layer | None) -> Iterator[str]:
    """A sentence on the fault of Keras that a divergence may come of.

    Args:
        first: where Keras and the replay part; None where they do not.
        layer: the layer that this is in.
    """
    if first is not None and layer is not None and uses_sparsemax(layer):
        yield f"{first.layer}: {SPARSEMAX}"


def uses_sparsemax(layer: Layer) -> bool:
    """Whether it is an activation of a layer, or of one inside it."""
    fields = list(vars(layer).values())
    return sparsemax in fields or any(uses_sparsemax(one) for one in fields if isinstance(one, Layer))
