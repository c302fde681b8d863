"""What stands in a saved model's file, read without Keras, so that a class without a replay is never instantiated."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rnnverify.errors import RequestError, UnsupportedError
from rnnverify.replay.registry import REPLAYS

CONTAINERS = {"Functional", "Sequential", "Model", "InputLayer"}


def check_saved_classes(path: str) -> None:
    """Refuse a file that holds a layer without a replay, a Lambda say, before Keras executes any of it.

    Raises:
        RequestError: the file is missing, damaged, or no Keras model.
        UnsupportedError: a layer in it has no replay.
    """
    config = read_config(path)
    for module in modules_in(config):
        if module.split(".")[0] not in ("keras", "builtins"):
            raise UnsupportedError(f"{path}: expected parts of Keras alone, got one from the module {module[:80]!r}")
    for class_name, name in layers_in(config):
        if class_name not in REPLAYS and class_name not in CONTAINERS:
            raise UnsupportedError(
                f"{path}: layer {name!r}: the class {class_name} has no replay; those that have: {', '.join(REPLAYS)}"
            )


def read_config(path: str) -> Any:
    """The architecture in a .keras or .h5 file, as JSON."""
    if not Path(path).is_file():
        raise RequestError(f"{path}: no such file; give the path of a saved model (.keras, .h5)")
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return json.loads(archive.read("config.json"))
        import h5py  # only .h5 files need it

        with h5py.File(path, "r") as file:
            return json.loads(file.attrs["model_config"])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, RecursionError) as error:
        raise RequestError(f"{path}: not a saved Keras model: {str(error)[:120]}") from None


def layers_in(config: Any) -> Iterator[tuple[str, str]]:
    """(class name, name) of every layer in a config, nested ones too."""
    if isinstance(config, list):
        for part in config:
            yield from layers_in(part)
    elif isinstance(config, dict):
        inner = config.get("config")
        if "class_name" in config and isinstance(inner, dict) and is_layer(config, inner):
            yield str(config["class_name"]), str(inner.get("name", ""))
        for part in config.values():
            yield from layers_in(part)


def modules_in(config: Any) -> Iterator[str]:
    """Every module that the config would have Keras import."""
    if isinstance(config, list):
        for part in config:
            yield from modules_in(part)
    elif isinstance(config, dict):
        if isinstance(config.get("module"), str):
            yield config["module"]
        for part in config.values():
            yield from modules_in(part)


def is_layer(config: dict[str, Any], inner: dict[str, Any]) -> bool:
    """Layers have a name and a trainable flag; initializers, policies, operations and tensors lack one of them."""
    if ".ops." in (config.get("module") or ""):
        return False  # a mask on its way; whether it is one is seen when the graph is read
    return "inbound_nodes" in config or {"name", "trainable"} <= inner.keys() or "layers" in inner
