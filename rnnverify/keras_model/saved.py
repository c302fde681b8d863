"""What stands in a saved model's file, read without Keras, so that a class without a replay is never instantiated."""

from __future__ import annotations

import json
import os
import zlib
from collections import deque
from collections.abc import Collection, Iterator
from typing import Any
from zipfile import BadZipFile, ZipFile, is_zipfile

from rnnverify.errors import RequestError, UnsupportedError

LARGEST_CONFIG = 1 << 26  # bytes
# What zipfile, zlib, h5py and json raise on a damaged file.
DAMAGE = (OSError, ValueError, LookupError, TypeError, EOFError, RuntimeError, MemoryError, BadZipFile, zlib.error)

MODELS = ["Sequential", "Functional", "Model"]
CONTAINERS = {*MODELS, "InputLayer"}


def check_saved_classes(path: str, known: Collection[str]) -> None:
    """Refuse a file that holds a layer without a replay, a Lambda say, before Keras executes any of it.

    Args:
        known: the classes that have a replay.

    Raises:
        RequestError: the file is missing, damaged, or no Keras model.
        UnsupportedError: a layer in it has no replay.
    """
    config = read_config(path)
    for module in modules_in(config):
        if module.split(".")[0] not in ("keras", "builtins"):
            raise UnsupportedError(f"{path}: expected parts of Keras alone, got one from the module {module[:80]!r}")
    for class_name, name in layers_in(config):
        if class_name not in known and class_name not in CONTAINERS:
            raise UnsupportedError(
                f"{path}: layer {name!r}: the class {class_name} has no replay; those that have: {', '.join(sorted(known))}"
            )
    if not isinstance(config, dict) or config.get("class_name") not in MODELS:
        raise RequestError(f"{path}: expected a saved model, {' or '.join(MODELS)}, got something else")


def read_config(path: str) -> Any:
    """The architecture in a .keras or .h5 file, as JSON."""
    if not os.path.isfile(path):
        raise RequestError(f"{path}: no such file; give the path of a saved model (.keras, .h5)")
    try:
        if is_zipfile(path):
            with ZipFile(path) as archive:
                if archive.getinfo("config.json").file_size > LARGEST_CONFIG:
                    raise RequestError(f"{path}: its config.json is larger than {LARGEST_CONFIG} bytes; no model's is")
                return json.loads(archive.read("config.json"))
        import h5py  # only .h5 files need it

        with h5py.File(path, "r") as file:
            return json.loads(file.attrs["model_config"])
    except DAMAGE as error:
        reason = " ".join(str(error).split())[:120]
        raise RequestError(f"{path}: not a saved Keras model: {reason}; give a .keras or .h5 file") from None


def layers_in(config: Any) -> Iterator[tuple[str, str]]:
    """(class name, name) of every layer in a config, nested ones too."""
    for part in mappings_in(config):
        inner = part.get("config")
        if "class_name" in part and isinstance(inner, dict) and is_layer(part, inner):
            yield str(part["class_name"])[:80], str(inner.get("name", ""))[:80]


def modules_in(config: Any) -> Iterator[str]:
    """Every module that the config would have Keras import."""
    for part in mappings_in(config):
        if isinstance(part.get("module"), str):
            yield part["module"]


def mappings_in(config: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a config, outer ones first."""
    waiting = deque([config])
    while waiting:
        part = waiting.popleft()
        if isinstance(part, dict):
            yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def is_layer(config: dict[str, Any], inner: dict[str, Any]) -> bool:
    """Layers have a name and a trainable flag; initializers, policies, operations and tensors lack one of them."""
    module = str(config.get("module"))
    if ".ops." in module:
        return False  # a mask on its way; whether it is one is seen when the graph is read
    if module.startswith(("keras.layers", "keras.src.layers")):
        return True
    return "inbound_nodes" in config or {"name", "trainable"} <= inner.keys() or "layers" in inner
