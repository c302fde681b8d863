"""A mistake, and a model with mistakes in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from rnnverify.layers.graph import Graph
from rnnverify.layers.layer import Layer


@dataclass(frozen=True, eq=False)  # each is one of its kind
class Mistake:
    """A known wrong variant of the mathematics."""

    id: str  # `gru-reset-before`; a variant of a family is `lstm-gate-order/i-f-o-c`
    says: str  # what was done, in a sentence
    mend: str  # what to do about it, with the line of NumPy
    seen: str  # in public: `keras-team/keras#9112`; empty where it is only what beginners write
    change: Callable[[Any], Layer | None]  # the layer as the port has it; None where the mistake cannot occur in it
    inside: bool = True  # whether it may be made in a layer inside another, as well
    late: bool = False  # tried only where nothing else explains: it is rare, or takes many times as long to replay

    @property
    def family(self) -> str:
        """Its id without the variant."""
        return self.id.split("/")[0]


def made_in(layer: Layer, mistake: Mistake) -> Layer | None:
    """The layer with the mistake in it, and in the layers inside it; None where it can occur in none of them."""
    inside = {}
    for name, value in vars(layer).items() if mistake.inside else ():
        of_one = value if isinstance(value, tuple) else (value,)  # a stack has several cells
        wrong = [made_in(one, mistake) if isinstance(one, Layer) else None for one in of_one]
        if any(one is not None for one in wrong):
            made_anew = tuple(new or one for new, one in zip(wrong, of_one, strict=True))
            inside[name] = made_anew if isinstance(value, tuple) else made_anew[0]
    changed = replace(layer, **inside) if inside else layer
    made = mistake.change(changed)
    return made if made is not None else changed if inside else None


def with_mistakes(graph: Graph, mistakes: Iterable[Mistake], only: Collection[str] | None = None) -> Graph | None:
    """The model as a port has it that makes all of these mistakes, one after the other.

    Args:
        graph: the right model.
        mistakes: what is wrong.
        only: the names of the nodes in which they are made; by default wherever they can occur.

    Returns:
        Another graph over the same nodes; None where one of the mistakes can occur nowhere.
    """
    layers = dict(graph.layers)
    for mistake in mistakes:
        asked = layers if only is None else {name: layers[name] for name in only}
        wrong = {name: made for name, layer in asked.items() if (made := made_in(layer, mistake)) is not None}
        if not wrong:
            return None
        layers.update(wrong)
    return graph.with_layers(layers)
