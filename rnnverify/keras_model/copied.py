"""What Keras loads in place of a file: a model; or, where Keras 2 saved it, a config in Keras 3's words and plain weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnverify.keras_model.keras2 import Translation, version_of_keras_2
from rnnverify.keras_model.weights_file import Places, places_by_name, places_in_order

CONFIG = "config.json"
MODEL = "model_weights"  # the group with the weights of a whole model in an .h5 file


@dataclass(frozen=True)
class OfKeras2:
    """What a copy has beside its config where Keras 2 saved the file, whose layout is not that of Keras 3."""

    version: str
    weights: str  # the path of a plain HDF5 file
    places: Places


@dataclass(frozen=True)
class Copy:
    """The path of a model, or of its config alone, with where its weights are."""

    path: str
    old: OfKeras2 | None = None


def translation(path: str, version: Any) -> Translation | None:
    """For a file that was saved by Keras 2."""
    old = version_of_keras_2(version)
    return None if old is None else Translation(path, old)


def translated(config: Any, old: Translation | None) -> Any:
    return config if old is None else old.model(config)


def copy_of_keras_2(folder: Path, made: dict[str, Any], old: Translation, weights: Path) -> Copy:
    """The copy of a file that was saved by Keras 2, from its config as it was made anew and its plain HDF5 file."""
    import h5py

    (folder / CONFIG).write_text(json.dumps(made), encoding="utf-8")
    with h5py.File(weights, "r") as file:
        if MODEL in file:
            old.check_backend(file[MODEL].attrs.get("backend"))
            named = places_by_name(file[MODEL], old.layers)
        else:
            named = places_in_order(file, old.layers)
    places = {new: named[name] for name, new in old.names.items() if name in named}
    return Copy(str(folder / CONFIG), OfKeras2(old.version, str(weights), places))
