"""What a saved model may have Keras make besides layers with a replay, where the user takes it as given: see `allowed`.

These layers and operations of Keras's compute with what they are given and with their weights. None of them runs code, reads a
file, holds a vocabulary, or hands its work to another library. A Lambda is never among them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from math import prod
from typing import Any

from rnnverify.errors import RequestError
from rnnverify.keras_model.plain import DEEPEST
from rnnverify.observation.arguments import PREFIX
from rnnverify.spec.opaque import ALL, MODELS, check_named

LAYERS = frozenset(
    {
        *("GroupQueryAttention", "GroupedQueryAttention", "EinsumDense"),
        *("RMSNormalization", "GroupNormalization", "SpectralNormalization"),
        *("Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "DepthwiseConv2D", "SeparableConv2D"),
        *("MaxPooling3D", "AveragePooling3D", "GlobalMaxPooling2D", "GlobalMaxPooling3D"),
        *("GlobalAveragePooling2D", "GlobalAveragePooling3D"),
        *("Cropping2D", "Cropping3D", "ZeroPadding2D", "ZeroPadding3D", "UpSampling2D", "UpSampling3D"),
        *("SpatialDropout2D", "SpatialDropout3D"),
    }
)
OPERATIONS = frozenset(
    {
        *("Cumsum", "Cumprod", "Prod", "Std", "Median", "Sort", "Argsort", "Argmax", "Argmin"),
        *("Sign", "Floor", "Ceil", "Round", "Mod", "Reciprocal", "Log1p", "Expm1", "Log2", "Log10"),
        *("Sin", "Cos", "Tan", "Arcsin", "Arccos", "Arctan", "Arctan2", "Sinh", "Cosh", "Arctanh"),
        *("Where", "Einsum", "Dot", "Tensordot", "Outer", "Diff"),
        *("Gelu", "LogSoftmax", "LogSigmoid", "Celu", "Glu", "HardTanh", "HardSilu", "Swish"),
    }
)
LARGEST = (
    1 << 28
)  # what the sizes in a config may come to: nothing of it is known that could be held to the memory there is
MOST_LOOKED_AT = 1000  # layers and operations
NO_SIZES = frozenset({"seed", "axis", "name", "trainable", "epsilon"})
# What to do with a Lambda, or another class of the user's own.
FROM_MEMORY = (
    "it is code, which is never loaded; verify the model from memory (rnnverify.verify(model, x, opaque=[...])) or by a function"
    " that returns it (`model: module:function` in a spec, with --allow-code), where --opaque takes such a layer as given"
)


def as_given(name: str, class_name: str, among: Collection[str]) -> str:
    """How to have a layer taken as given, as a part of what is said of it; nothing unless its class is one of those."""
    return f" (--opaque {name} takes what it puts out as given)" if class_name in among else ""


def check_asked(path: str, asked: Collection[str], config: Any) -> None:
    """Refuse names that are not there before anything else is refused, as far as the config is one.

    Raises:
        SpecError: there are some.
    """
    if asked and (layers := dict(named_in(config))):
        check_named(path, tuple(asked), layers)


def named_in(config: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every layer in the config of a model, and of those inside it, with its class, as far as they can be made out."""
    inner = config.get("config") if isinstance(config, Mapping) else None
    entries = inner.get("layers") if isinstance(inner, Mapping) else None
    for entry in entries[:MOST_LOOKED_AT] if isinstance(entries, list) and place.count("/") <= DEEPEST else ():
        own = entry.get("config") if isinstance(entry, Mapping) else None
        name = own.get("name") if isinstance(own, Mapping) else None
        class_name = entry.get("class_name") if isinstance(entry, Mapping) else None
        if not isinstance(name, str) or not isinstance(class_name, str) or class_name == "InputLayer":
            continue
        if class_name in MODELS:
            yield from named_in(entry, f"{place}{name}/")
        else:
            yield place + name, (PREFIX if ".ops" in str(entry.get("module")) else "") + class_name


def is_asked_for(asked: Collection[str], name: Any, class_name: str) -> bool:
    """Whether a layer or an operation was to be taken as given, if it has no replay; its name is anything, as the file has it."""
    names = {one.rpartition("/")[2] for one in asked}  # of a layer in a model inside, the last of its names
    return bool({ALL, str(name), class_name, PREFIX + class_name} & names)


def check_sizes(title: str, config: Mapping[str, Any]) -> None:
    """Refuse sizes in a plain config that come to more than any layer has.

    Raises:
        RequestError: they do.
    """
    if prod(sizes_in({key: value for key, value in config.items() if key not in NO_SIZES})) > LARGEST:
        raise RequestError(f"{title}: its sizes come to more than {LARGEST}, which no layer has")


def sizes_in(value: Any) -> list[int]:
    """All whole numbers above 1 in it."""
    if isinstance(value, Mapping):
        return [size for part in value.values() for size in sizes_in(part)]
    if isinstance(value, list):
        return [size for part in value for size in sizes_in(part)]
    return [value] if type(value) is int and value > 1 else []
