"""What a file is that is not what was expected, and which command or step is meant."""

from __future__ import annotations

import json
import os
import zipfile
from typing import Any

from rnnverify.observation.opening import opened

ARRAY, ARCHIVE, HDF5, TFLITE = b"\x93NUMPY", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"TFL3"
MOST = 1 << 20  # bytes of a text that are looked at


def what_it_is(path: str) -> str | None:
    """In words, with what to do; None where a file looks like nothing that is known here.

    Args:
        path: of a file or a folder that is there.
    """
    try:
        if os.path.isdir(path):
            return folder(path)
        with opened(path) as file:
            start = file.read(MOST)
    except OSError:
        return None
    if start.startswith(ARRAY):
        return array(path)
    if start.startswith(ARCHIVE):
        return archive(path)
    if start.startswith(HDF5):
        return (
            f"an HDF5 file; `rnnverify run {path}` verifies a saved model, if it ends in .h5; weights alone (save_weights) need"
            f" their model: a spec that names it takes them as `weights: {{file: {os.path.basename(path)}}}`"
        )
    if start[4:8] == TFLITE or path.endswith(".tflite"):
        return engine("a LiteRT model")
    if path.endswith(".onnx"):
        return engine("an ONNX model")
    if path.endswith(".pb"):
        return saved_model(os.path.dirname(path) or ".")
    if path.endswith(".py"):
        return (
            f"Python code; `rnnverify compare SPEC --candidate {path}:FUNCTION` judges a function in it, and"
            f" `model: {os.path.basename(path)[:-3]}:FUNCTION` in a spec names one that returns a keras.Model"
        )
    return document(path, start)


def folder(path: str) -> str | None:
    names = set(os.listdir(path))
    if "saved_model.pb" in names:
        return saved_model(path)
    if "sweep.json" in names:
        return f"a folder of a sweep; `rnnverify sweep GRID --output {path}` goes on with it"
    return None


def saved_model(path: str) -> str:
    return (
        f"a SavedModel ({path}), which holds TensorFlow's operations and no Keras layers; where the model was made, save it anew"
        " with model.save('model.keras')"
    )


def engine(kind: str) -> str:
    judged = "`rnnverify compare MODEL.keras --candidate outputs.npz` judges what it gave"
    return f"{kind}; run it on the model's inputs, and {judged}"


def array(path: str) -> str:
    return (
        f"an array; a spec is fed with it by `data: {{file: {os.path.basename(path)}}}`, and `rnnverify compare SPEC --candidate"
        f" {path}` judges it as somebody's output"
    )


def archive(path: str) -> str | None:
    """One of the files that are zip archives."""
    try:
        with zipfile.ZipFile(path) as file:
            names = set(file.namelist())
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return None
    if "config.json" in names:
        return f"a saved Keras model; `rnnverify run {path}` verifies it, if its name ends in .keras"
    if "content.npy" in names:
        return f"a saved observation; `rnnverify run {path}` verifies it"
    if names and all(name.endswith(".npy") for name in names):
        judged = f"`rnnverify compare SPEC --candidate {path}` judges them as somebody's outputs"
        return f"an archive of arrays; {judged}, and a spec takes it as data or as weights (`file: {os.path.basename(path)}`)"
    return None


def document(path: str, start: bytes) -> str | None:
    """One of the documents in JSON."""
    if not start.lstrip().startswith(b"{"):
        return None
    try:
        content: Any = json.loads(start)
    except (ValueError, RecursionError):
        return None
    if {"class_name", "config"} <= content.keys():
        return (
            "the architecture of a Keras model, without its weights; make the model of it (keras.models.model_from_json), load"
            " the weights, and save both with model.save('model.keras')"
        )
    if "rnnverify" in content:
        return "a report of rnnverify, and no spec"
    if content.get("$schema"):
        return "a JSON schema, and no spec"
    return None
