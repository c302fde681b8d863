"""Weights that Keras saved without their model: an .h5 file of Keras 2 or 3, read for a model that comes from elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy.typing as npt

from rnnverify.errors import DataError
from rnnverify.keras_model.copied import MODEL
from rnnverify.keras_model.data_files import reading
from rnnverify.keras_model.flattening import Member
from rnnverify.keras_model.saved import copy_plain
from rnnverify.keras_model.weights_file import NAMES, Places, arrays_at, places_by_name, places_in_order, texts
from rnnverify.observation.arrays_file import DamagedError
from rnnverify.text import cleaned

ENDINGS = ".h5", ".hdf5"


class Wanted(NamedTuple):
    """What a layer has."""

    class_name: str
    names: Sequence[str]  # of its weights, in the order of get_weights()
    shapes: Sequence[tuple[int, ...]]


def read_hdf5(path: str, layers: Mapping[str, Wanted]) -> dict[str, npt.NDArray[Any]]:
    """The arrays of every layer, named layer/weight.

    Args:
        path: the file's.
        layers: those of the model that have weights, by name, in the model's order.

    Raises:
        DataError: it cannot be read, or does not hold this model's weights.
    """
    with reading(path, "an .h5 file of weights that Keras saved"), plain_copy(path) as file:
        places = places_for(path, file, layers)
        found: dict[str, npt.NDArray[Any]] = {}
        for name, (_, labels, shapes) in layers.items():
            try:
                arrays = arrays_at(file, places[name], labels, shapes)
            except DamagedError as error:
                raise DataError(f"{path}: the weights of layer {name!r}: {error}") from None
            found |= {f"{name}/{label}": array for label, array in zip(labels, arrays, strict=True)}
        return found


@contextmanager
def plain_copy(path: str) -> Iterator[Any]:
    """A copy of an HDF5 file with nothing but plain arrays in it."""
    import h5py

    with TemporaryDirectory(prefix="rnnverify-") as folder, open(path, "rb") as source:
        copy = Path(folder, "weights.h5")
        copy_plain(source, os.fstat(source.fileno()).st_size, copy, Path(folder, "config.json"))
        with h5py.File(copy, "r") as file:
            yield file


def places_for(path: str, file: Any, layers: Mapping[str, Wanted]) -> Places:
    """Where in the file the weights of each layer are: by the layers' names, or else in their order.

    Raises:
        DataError: it has those of more or fewer layers.
    """
    group = file.get(MODEL, file)
    if not texts(group, NAMES):
        kinds = [Member(one.class_name, name) for name, one in layers.items()]
        named = places_in_order(file, kinds)
    else:
        named = {name: places for name, places in places_by_name(group).items() if places}
    if layers.keys() == named.keys():
        return named
    if len(named) == len(layers):
        return dict(zip(layers, named.values(), strict=True))
    raise DataError(
        f"{path}: expected the weights of {len(layers)} layers, {listed(layers)}; got those of {len(named)}: {listed(named)}"
    )


def listed(names: Mapping[str, Any]) -> str:
    return cleaned(", ".join(names))[:200] or "none"
