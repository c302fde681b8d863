"""Token ids on their way from the model's inputs to every Embedding that they reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from rnnverify.errors import DataError
from rnnverify.keras_model.config_graph import InboundNode
from rnnverify.keras_model.operations import class_name_of
from rnnverify.observation.arguments import PREFIX

# What hands on ids as they are.
CARRIERS = frozenset(
    {
        *("Concatenate", "Flatten", "Masking", "RepeatVector"),
        *("Reshape", "Permute", "Cropping1D", "ZeroPadding1D", "UpSampling1D"),
        *("Dropout", "SpatialDropout1D", "AlphaDropout", "GaussianDropout", "GaussianNoise"),
        *("ActivityRegularization", "Identity"),
        *(PREFIX + name for name in ("GetItem", "Take", "Flip", "Roll", "Repeat", "Tile", "Pad", "Reshape")),
        *(PREFIX + name for name in ("ExpandDims", "Squeeze", "Transpose", "Swapaxes", "Moveaxis")),
        *(PREFIX + name for name in ("Concatenate", "Stack", "Split")),
    }
)


def ids_of(layer: Any) -> int | None:
    """How many ids a layer reads; None where it reads none."""
    if hasattr(layer, "embeddings") and hasattr(layer, "input_dim"):
        return int(layer.input_dim)  # it has a row for each of them
    return int(layer.num_tokens) if getattr(layer, "num_tokens", None) else None


def vocabularies_of(inputs: Iterable[str], nodes: Sequence[InboundNode], layers: Mapping[str, Any]) -> dict[str, int]:
    """For each input whose ids reach an Embedding, how many ids all of those that they reach have."""
    carried = {name: frozenset({name}) for name in inputs}  # by node: the inputs that it hands on
    found: dict[str, int] = {}
    for node in nodes:
        layer = layers[node.layer]
        sources = frozenset[str]().union(*(carried.get(ref.node, frozenset()) for ref in node.inputs))
        if (count := ids_of(layer)) is not None:
            found |= {name: min(count, found.get(name, count)) for name in sources}
        elif class_name_of(layer) in CARRIERS:
            carried[node.name] = sources
    return found


def check_ids(name: str, ids: npt.NDArray[Any], vocabulary: int | None, seen: str = "") -> None:
    """Refuse ids that the layers which they reach have no rows for.

    Args:
        name: of the input.
        ids: what it is given.
        vocabulary: how many ids there are; None where it takes other numbers.
        seen: how the ids came to be what they are, for the message.

    Raises:
        DataError: there are some.
    """
    if vocabulary is not None and (wrong := beyond(ids, vocabulary)) is not None:
        limit = "of at least 0" if wrong < 0 else f"below {vocabulary}"
        raise DataError(f"expected token ids {limit} in the input {name!r}{seen}, got {wrong:g}")


def beyond(ids: npt.NDArray[Any], vocabulary: int) -> Any:
    """An id that an Embedding of so many has no row for; None if there is none. Keras counts negative ones from the end."""
    if not ids.size or (ids.min() > -1 and ids.max() < vocabulary):  # floats are cut off
        return None
    return ids.max() if ids.max() >= vocabulary else ids.min()
