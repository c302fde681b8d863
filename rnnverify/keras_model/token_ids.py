"""Token ids on their way from the model's inputs to every Embedding that they reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from rnnverify.keras_model.config_graph import InboundNode

CARRIERS = frozenset({"Concatenate", "Dropout", "Flatten", "Masking", "RepeatVector"})  # they hand on ids as they are


def is_embedding(layer: Any) -> bool:
    """Whether a layer reads ids: it has a row for each of them."""
    return hasattr(layer, "embeddings") and hasattr(layer, "input_dim")


def vocabularies_of(inputs: Iterable[str], nodes: Sequence[InboundNode], layers: Mapping[str, Any]) -> dict[str, int]:
    """For each input whose ids reach an Embedding, how many ids all of those that they reach have."""
    carried = {name: frozenset({name}) for name in inputs}  # by node: the inputs that it hands on
    found: dict[str, int] = {}
    for node in nodes:
        layer = layers[node.layer]
        sources = frozenset[str]().union(*(carried.get(ref.node, frozenset()) for ref in node.inputs))
        if is_embedding(layer):
            found |= {name: min(layer.input_dim, found.get(name, layer.input_dim)) for name in sources}
        elif type(layer).__name__ in CARRIERS:
            carried[node.name] = sources
    return found


def beyond(ids: npt.NDArray[Any], vocabulary: int) -> Any:
    """An id that an Embedding of so many has no row for; None if there is none. Keras counts negative ones from the end."""
    if not ids.size or (ids.min() > -1 and ids.max() < vocabulary):  # floats are cut off
        return None
    return ids.max() if ids.max() >= vocabulary else ids.min()
