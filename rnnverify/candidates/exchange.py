"""Tasks and answers as files, for candidates in a process of their own, in any language.

Two forms: an .npz, or a folder of raw little-endian numbers (float32, or int32 for token ids) with a `manifest.json` of their
names and shapes, for languages without zip. In both a weight is named `lstm.kernel`, an input as the model names it. An answer
holds tensors by name; in a folder a file `dense.f32` will do without a manifest: the number of its elements tells the shape.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from rnnverify.candidates.candidate import Answer, CandidateError, Task
from rnnverify.layers.arrays import Array
from rnnverify.observation.arrays_file import write_arrays
from rnnverify.observation.opening import opened

FORMS = ("npz", "raw")
LONGEST = 200  # bytes of a file's name, which no file system refuses


def arrays_of(task: Task) -> dict[str, Array]:
    """All that a task holds, by name; in float32, or int32, unless it is float64."""
    weights = {f"{layer}.{name}": array for layer, named in task.weights.items() for name, array in named.items()}
    return {name: narrowed(array) for name, array in {**task.inputs, **(task.states or {}), **weights}.items()}


def narrowed(array: Array) -> Array:
    if array.dtype.kind in "iub":
        return array.astype("<i4")
    return array.astype("<f8" if array.dtype == np.float64 else "<f4")


def write_task(task: Task, path: str, form: str) -> None:
    """Write a task to a new file or folder."""
    arrays = arrays_of(task)
    if form == "npz":
        write_arrays(path, arrays)
        return
    os.mkdir(path)
    entries: list[dict[str, Any]] = []
    for name, array in arrays.items():
        stem = name.replace("/", "_") if len(name.encode()) < LONGEST else f"array_{len(entries)}"
        file = f"{stem}.{array.dtype.kind}{8 * array.dtype.itemsize}"
        array.tofile(os.path.join(path, file))
        entries.append({"name": name, "file": file, "shape": list(array.shape), "dtype": array.dtype.name})
    wanted = [{"name": name, "shape": list(shape)} for name, shape in task.outputs.items()]
    with open(os.path.join(path, "manifest.json"), "w", encoding="utf-8") as manifest:
        json.dump({"arrays": entries, "outputs": wanted}, manifest, indent=2)


def read_answer(path: str, form: str, shapes: Mapping[str, Sequence[tuple[int, ...]]]) -> Answer:
    """Read what a process wrote.

    Raises:
        CandidateError: it wrote nothing, or what cannot be read.
    """
    try:
        if form == "npz":
            with opened(path) as stream, np.load(stream, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        return read_folder(path, shapes)
    except FileNotFoundError:
        raise CandidateError("it wrote no outputs; expected them where {outputs} says") from None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise CandidateError(f"what it wrote as outputs cannot be read: {error}") from None


def read_folder(path: str, shapes: Mapping[str, Sequence[tuple[int, ...]]]) -> dict[str, Any]:
    manifest = os.path.join(path, "manifest.json")
    if os.path.exists(manifest):
        with open(manifest, encoding="utf-8") as file:
            entries = json.load(file)["arrays"]
        return {
            one["name"]: np.fromfile(
                os.path.join(path, os.path.basename(one["file"])),
                np.dtype(one.get("dtype", "float32")).newbyteorder("<"),
            ).reshape(one["shape"])
            for one in entries
        }
    made: dict[str, Any] = {}
    for file_name in sorted(os.listdir(path)):
        name, _, kind = file_name.rpartition(".")
        if kind in ("f32", "f64"):
            numbers = np.fromfile(os.path.join(path, file_name), "<f4" if kind == "f32" else "<f8")
            fitting = next((shape for shape in shapes.get(name, ()) if prod(shape) == numbers.size), numbers.shape)
            made[name] = numbers.reshape(fitting)
    return made
