"""Masks that a user gives beside the inputs of a model or a layer, which are inputs then, too.

Works on Keras's objects without importing Keras.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
import numpy.typing as npt

from rnnverify.errors import DataError, RequestError
from rnnverify.keras_model.given import as_array
from rnnverify.keras_model.in_a_row import is_stateful
from rnnverify.keras_model.refusals import first_line
from rnnverify.spec.model import Input

Array = npt.NDArray[Any]


def masks_beside(
    mask: Any, title: str, inputs: Sequence[Array], names: Sequence[str], feed: Mapping[str, str] | None = None
) -> list[Array | None]:
    """The mask of each input, of bool, (N, T).

    Args:
        mask: of one input an array, or lists; of several a list of those, or a mapping of them by name, None where there is none.
        title: what takes the inputs, in messages.
        inputs: the arrays.
        names: theirs.
        feed: other names that stand for these.

    Raises:
        DataError: they are others, or fit no input.
    """
    if mask is None:
        return [None] * len(inputs)
    if isinstance(mask, Mapping):
        known = {**{name: name for name in names}, **(feed or {})}
        if unknown := [key for key in mask if key not in known]:
            raise DataError(
                f"expected masks by the names of the inputs of {title}, {', '.join(map(repr, feed or names))}; got {unknown[0]!r}"
            )
        by_name = {known[key]: part for key, part in mask.items()}
        parts = [by_name.get(name) for name in names]
    else:
        parts = [mask] if len(names) == 1 else list(mask) if isinstance(mask, list | tuple) else [mask]
    if len(parts) != len(names):
        raise DataError(
            f"expected a list of a mask, or None, for each of the {len(names)} inputs of {title}; got {len(parts)}"
        )
    return [
        None if part is None else checked(part, name, x) for part, name, x in zip(parts, names, inputs, strict=True)
    ]


def checked(part: Any, name: str, x: Array) -> Array:
    """One mask, of bool."""
    array = as_array(part, f"the mask of {name!r}")
    wanted = x.shape[:2]
    if x.ndim < 2 or array.shape != wanted:
        expected = f"a mask (N, T) of shape {wanted}" if x.ndim > 1 else "no mask, as it has no timesteps"
        raise DataError(f"expected for {name!r} {expected}; got one of shape {array.shape}")
    if array.dtype.kind != "b" and not np.isin(array, (0, 1)).all():
        raise DataError(
            f"expected a mask of bool for {name!r}, True where a step counts; got {array.dtype} beside 0 and 1"
        )
    made: Array = array != 0
    return made


def mask_inputs(inputs: Sequence[Input], masks: Sequence[Array | None]) -> dict[str, str]:
    """A name for the input that each mask is, by that of the input that has it."""
    taken = {given.name for given in inputs}
    made: dict[str, str] = {}
    for given, mask in zip(inputs, masks, strict=True):
        if mask is not None:
            name = f"{given.name}_mask"
            while name in taken:
                name += "_"
            taken.add(name)
            made[given.name] = name
    return made


def wrapped(
    keras: Any,
    model: Any,
    inputs: Sequence[Input],
    dtypes: Mapping[str, str],
    names: Mapping[str, str],
    feed: Mapping[str, str] | None,
) -> Any:
    """A model that calls another one with masks, as `predict` takes none.

    Args:
        keras: the module.
        model: the other one.
        inputs: of it.
        dtypes: theirs, by name.
        names: of the inputs that masks are, by those of the inputs that have them.
        feed: by which names the other model wants its inputs; None: in their order.

    Raises:
        RequestError: Keras refuses.
    """
    fixed = any(map(is_stateful, model._flatten_layers()))  # for so many samples
    batch = keras.tree.flatten(model.inputs)[0].shape[0] if fixed else None
    symbols = {one.name: keras.Input(one.shape, batch, name=one.name, dtype=dtypes[one.name]) for one in inputs}
    masks = {name: keras.Input(symbols[name].shape[1:2], batch, name=own, dtype="bool") for name, own in names.items()}
    several = list(symbols.values()) if len(symbols) > 1 else next(iter(symbols.values()))
    x = several if feed is None else {key: symbols[name] for key, name in feed.items()}
    try:
        with catch_warnings():  # Keras knows nothing of masks that go through a model
            simplefilter("ignore")
            y = model(x, mask=[masks.get(name) for name in symbols] if len(symbols) > 1 else masks[inputs[0].name])
            return keras.Model([*symbols.values(), *masks.values()], y)
    except Exception as error:  # Keras raises all kinds; each means that this model cannot be called so
        raise RequestError(f"the model {model.name!r} cannot be called with this mask: {first_line(error)}") from None
