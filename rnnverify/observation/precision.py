"""The precisions that Keras's dtype policies compute in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rnnverify.errors import UnsupportedError

if TYPE_CHECKING:  # a spec is read, and refused, without NumPy
    import numpy as np
    import numpy.typing as npt

# Policy -> the dtype that layers compute in.
POLICIES: Mapping[str, str] = {
    "float16": "float16",
    "bfloat16": "bfloat16",
    "float32": "float32",
    "float64": "float64",
    "mixed_float16": "float16",
    "mixed_bfloat16": "bfloat16",
}

# In a config: what a layer is handed, where it does not cast it and that is not what it computes in.
HANDED = "input_dtype"

# Unit roundoff: half the spacing of the numbers just above 1.
UNIT_ROUNDOFF: Mapping[str, float] = {
    "float16": 2.0**-11,
    "bfloat16": 2.0**-8,
    "float32": 2.0**-24,
    "float64": 2.0**-53,
}

LARGEST: Mapping[str, float] = {
    "float16": 65504.0,
    "bfloat16": (2 - 2.0**-7) * 2.0**127,
    "float32": (2 - 2.0**-23) * 2.0**127,
    "float64": (2 - 2.0**-52) * 2.0**1023,
}


def compute_dtype(policy: Any) -> str:
    """The dtype that a layer computes in, from the `dtype` of its config.

    Raises:
        UnsupportedError: the policy is not one of those above (a quantised one, say).
    """
    inner = policy.get("config") if isinstance(policy, Mapping) else None
    name = inner.get("name") if isinstance(inner, Mapping) else policy
    if not isinstance(name, str) or name not in POLICIES:
        shown = repr(name)[:60]
        raise UnsupportedError(f"the dtype policy {shown} is not implemented; those that are: {', '.join(POLICIES)}")
    return POLICIES[name]


def dtypes_in(config: Mapping[str, Any]) -> tuple[str, ...]:
    """What a layer computes in, then the layer inside it, from the outside in: each casts what it is given.

    One that rounds to the dtype that it is handed (`input_dtype`) before it rounds to its own casts nothing: see `casts_in`.

    Raises:
        UnsupportedError: a policy is not implemented, the two directions of a Bidirectional have different ones, or a
            TimeDistributed has another than the layer inside it.
    """
    own = (compute_dtype(config.get("dtype")),)
    for key in ("activation", "recurrent_activation"):
        given = config.get(key)
        inside = given.get("config") if isinstance(given, Mapping) else None
        if isinstance(inside, Mapping) and "dtype" in inside and compute_dtype(inside["dtype"]) != own[0]:
            raise UnsupportedError(
                f"{config.get('name')}: it computes in {own[0]} and its {key}, given as a layer, in another precision, which is"
                " not implemented; give both the same dtype"
            )
    for cell in cells_in(config.get("cell")):
        if cell.get("dtype") is not None and compute_dtype(cell["dtype"]) != own[0]:
            raise UnsupportedError(
                f"{config.get('name')}: it computes in {own[0]} and its cell {cell.get('name')} in another precision, which is"
                " not implemented; give both the same dtype: cells in a list with"
                f" keras.layers.StackedRNNCells(cells, dtype={own[0]!r})"
            )
    parts = [config[key] for key in ("layer", "backward_layer") if isinstance(config.get(key), Mapping)]
    inner = [part["config"] for part in parts if isinstance(part.get("config"), Mapping)]
    if not inner:
        return own if HANDED not in config else (compute_dtype(config[HANDED]), *own)
    first, *others = map(dtypes_in, inner)
    if not others and first != own and config.get("backward_layer") is None:
        raise UnsupportedError(
            f"{config.get('name')}: it computes in {own[0]} and the layer inside in {first[-1]}: Keras then casts neither its"
            " inputs nor its weights as it does elsewhere, which is not implemented; give both the same dtype"
        )
    if any(other != first for other in others):
        raise UnsupportedError(
            f"{config.get('name')}: layer computes in {first[-1]} and backward_layer in {others[0][-1]}, which is not"
            " implemented; give both the same dtype"
        )
    return own + first


def casts_in(config: Mapping[str, Any]) -> tuple[str, ...]:
    """What a layer that casts what it is given rounds it to, one after the other."""
    return () if HANDED in config else dtypes_in(config)


def cells_in(cell: Any) -> Iterator[Mapping[str, Any]]:
    """The configs of a cell, and of those in it where it is a stack: which casts what it is given, too."""
    config = cell.get("config") if isinstance(cell, Mapping) else None
    if isinstance(config, Mapping):
        yield config
        for one in config.get("cells", ()):
            yield from cells_in(one)


# What each of them can hold without rounding.
HOLDS: Mapping[str, frozenset[str]] = {
    "float16": frozenset({"float16"}),
    "bfloat16": frozenset({"bfloat16"}),
    "float32": frozenset({"float16", "bfloat16", "float32"}),
    "float64": frozenset(UNIT_ROUNDOFF),
}


def at_least_single(dtype: str) -> str:
    """What is computed in where Keras does it in at least float32."""
    return "float64" if dtype == "float64" else "float32"


def rounded(values: npt.NDArray[Any], dtype: str) -> npt.NDArray[np.float64]:
    """Round floats to a dtype and widen the result to float64, which holds it exactly.

    TensorFlow rounds float64 to half precision by way of float32, which is not the same halfway between two numbers.
    """
    import numpy as np

    if dtype in ("float16", "bfloat16"):
        values = values.astype(np.float32)
    if dtype == "bfloat16":
        import ml_dtypes

        return values.astype(ml_dtypes.bfloat16).astype(np.float64)
    return values.astype(dtype).astype(np.float64)
