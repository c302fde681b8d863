"""What a user gives a model or a layer as its inputs, as arrays in the order in which it takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnverify.errors import DataError
from rnnverify.keras_model.refusals import first_line
from rnnverify.spec.model import Input
from rnnverify.text import shape_text

Array = npt.NDArray[Any]


def arrays_of_model(x: Any, title: str, inputs: Sequence[Input], feed: Mapping[str, str] | None) -> list[Array]:
    """The inputs of a model.

    Args:
        x: an array, or lists of numbers, (N, ...); a list of those in the model's order, or a mapping of those by name.
        title: what the model is called in messages.
        inputs: what it takes.
        feed: by which names it wants its inputs, if not by their own.

    Raises:
        DataError: they are others, or no numbers, or of other shapes.
    """
    names = [given.name for given in inputs]
    if isinstance(x, Mapping):
        parts = by_name(x, title, names, feed or {})
    elif isinstance(x, list | tuple):
        parts = [x] if len(inputs) == 1 and is_one(x, len(inputs[0].shape) + 1) else list(x)
    else:
        parts = [x]
    if len(parts) != len(inputs):
        step = (
            f"give them in this order, {', '.join(names)}, or as a mapping by name" if names[1:] else "give one array"
        )
        plural = "s" if names[1:] else ""
        raise DataError(f"expected {len(inputs)} input{plural} for {title}, got {len(parts)}; {step}")
    arrays = [as_array(part, f"the input {name!r}") for name, part in zip(names, parts, strict=True)]
    for given, array in zip(inputs, arrays, strict=True):
        check_shape(given, array)
    return arrays


def arrays_of_layer(x: Any, title: str, axes: int | None) -> list[Array]:
    """The inputs of a single layer, which have no names.

    Args:
        x: an array, or lists of numbers, (N, ...); or a list of arrays.
        title: what the layer is called in messages.
        axes: how many it wants its input to have; None: any.

    Raises:
        DataError: they are no numbers.
    """
    if isinstance(x, Mapping):
        raise DataError(f"expected the input of {title} as an array, or a list of them: it has no name; got a mapping")
    several = isinstance(x, list | tuple) and not is_one(x, axes)
    return [as_array(part, f"the input of {title}") for part in (x if several else [x])]


def calls_in(x: Any, axes: Sequence[int]) -> list[Any]:
    """What a stateful model is fed in each of several calls: the elements of a list that is not the input of one.

    Args:
        x: what was given.
        axes: how many each of the model's inputs has.
    """
    if not isinstance(x, list | tuple) or not x:
        return [x]
    if all(isinstance(one, Mapping) for one in x) or (
        all(isinstance(one, list | tuple) for one in x) if axes[1:] else not is_one(x, axes[0])
    ):
        return list(x)
    return [x]


def by_name(x: Mapping[Any, Any], title: str, names: Sequence[str], feed: Mapping[str, str]) -> list[Any]:
    """The parts of a mapping in the order of these names, or of those that stand for them in `feed`."""
    if x.keys() != set(names) and feed:
        keys = {name: key for key, name in feed.items()}
        names = [keys[name] for name in names]
    missing, unknown = [name for name in names if name not in x], [key for key in x if key not in names]
    if missing or unknown:
        wrong = {"missing": missing, "unknown": unknown}
        found = "; ".join(f"{what}: {', '.join(map(repr, which))}" for what, which in wrong.items() if which)
        raise DataError(f"expected the inputs of {title} by their names, {', '.join(map(repr, names))}; {found}")
    return [x[name] for name in names]


def is_one(x: Sequence[Any], axes: int | None) -> bool:
    """Whether a list is one input, lists of numbers, rather than a list of inputs.

    Args:
        x: the list.
        axes: of the input; a list of one input has one more.
    """
    depth, inner = 0, x
    while isinstance(inner, list | tuple) and inner:
        depth, inner = depth + 1, inner[0]
    listed = np.ndim(inner) > 0 if hasattr(inner, "__array__") else isinstance(inner, list | tuple | Mapping)
    return not listed and not (len(x) == 1 and axes is not None and depth == axes + 1)


def as_array(value: Any, what: str) -> Array:
    """An array of what NumPy makes one of: tensors of other libraries, tables, lists of numbers.

    Raises:
        DataError: it makes none.
    """
    try:
        array = np.asarray(value)
    except Exception as error:  # every library has its own
        if lengths := uneven(value):
            some = " and some of ".join(map(str, lengths))
            pad = "pad them to one (keras.utils.pad_sequences does)"
            raise DataError(f"expected lists of one length in {what}, got some of {some}; {pad}") from None
        kind = f"{type(value).__name__}, of which NumPy makes no array ({first_line(error)})"
        raise DataError(f"expected numbers for {what}, got a {kind}; make it one first") from None
    if array.dtype.name == "bfloat16":  # no number of NumPy's
        return array.astype(np.float32)
    if array.dtype.kind not in "fiub":
        got = f"an array of {array.dtype}" if array.ndim else type(value).__name__
        raise DataError(f"expected numbers for {what}, got {got}")
    return array


def uneven(value: Any) -> list[int]:
    """Two lengths of lists that should have one; none where it is something else that is wrong."""
    level = [value]
    while level and all(isinstance(one, list | tuple) for one in level):
        lengths = sorted({len(one) for one in level})
        if len(lengths) > 1:
            return [lengths[0], lengths[-1]]
        level = [inner for one in level for inner in one]
    return []


def check_shape(given: Input, array: Array) -> None:
    """Refuse an array that an input does not take."""
    fits = [want in (None, have) for want, have in zip(given.shape, array.shape[1:], strict=False)]
    if array.ndim != len(given.shape) + 1 or not all(fits):
        sizes = [("any" if axis else "T") if size is None else size for axis, size in enumerate(given.shape)]
        raise DataError(
            f"expected the input {given.name!r} as {shape_text(('N', *sizes))}, got an array of shape {array.shape}"
        )
    if not array.size:
        raise DataError(f"expected at least one sample and timestep for {given.name!r}, got the shape {array.shape}")
