"""The model that a spec names: loaded from the copy of its file, or returned by a function of the user's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rnnverify.errors import RequestError
from rnnverify.keras_model.copied import Copy, OfKeras2
from rnnverify.keras_model.refusals import first_line
from rnnverify.keras_model.weights import put_weights
from rnnverify.machine.own_code import module_called
from rnnverify.observation.arrays_file import DamagedError
from rnnverify.spec.model import Spec


def load_model(keras: Any, spec: Spec, copy: Copy | None) -> Any:
    """The model that a spec names: a file, or what a function of the user's returns.

    Args:
        copy: of the file, what is loaded in its place.

    Raises:
        RequestError: there is none, or it is not a Keras model.
    """
    name = spec.model or ""
    try:
        if copy is not None:
            return (
                of_keras_2(keras, copy.path, copy.old)
                if copy.old
                else keras.models.load_model(copy.path, compile=False)
            )
        model = getattr(module_of(name), name.rpartition(":")[2])()
    except KeyboardInterrupt:
        raise
    except DamagedError as error:
        raise RequestError(f"{name}: {error}; save the model anew") from None
    except BaseException as error:  # a damaged file, or whatever the user's function raises: sys.exit() too
        reason = first_line(error).replace(copy.path if copy is not None else name, name)
        raise RequestError(f"{spec.path}: model: {name} cannot be loaded: {reason}") from None
    if not isinstance(model, keras.Model):
        raise RequestError(f"{spec.path}: model: expected {name} to return a keras.Model, got {type(model).__name__}")
    return model


def module_of(name: str) -> Any:
    """The module of a function of the user's, `module:function`, which is imported if it is not yet."""
    return module_called(name.rpartition(":")[0])


def of_keras_2(keras: Any, config: str, old: OfKeras2) -> Any:
    """The model with this config, and the weights that Keras 2 saved.

    Raises:
        DamagedError: they are not its weights.
    """
    import h5py

    for _ in range(names_taken(old.places)):
        keras.layers.Concatenate()  # masks come together in operations, which Keras names in turn: these names are taken
    model = keras.models.model_from_json(Path(config).read_text(encoding="utf-8"))
    with h5py.File(old.weights, "r") as file:
        for layer in model.layers if model.built else ():
            put_weights(layer, file, old.places.get(layer.name, ()))
    return model


def names_taken(layers: Iterable[str]) -> int:
    """How many names that begin with `concatenate` come before the last of those that layers have."""
    numbers = [int(found[1] or 0) for name in layers if (found := re.fullmatch(r"concatenate(?:_(\d{1,3}))?", name))]
    return max(numbers, default=-1) + 1
