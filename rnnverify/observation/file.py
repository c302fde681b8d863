"""An Observation as one .npz file: arrays, and JSON for the rest. No pickles; verified later without TensorFlow."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnverify.errors import RequestError
from rnnverify.observation import Asked, Node, Observation, Ref, Tolerance, Walked
from rnnverify.observation.arrays_file import write_arrays
from rnnverify.observation.opening import opened, opened_to_write

if TYPE_CHECKING:
    from rnnverify.observation.observed import Array

FORMAT = 3
# What NumPy, zipfile, json and our own code raise where a file is damaged, or its parts do not fit together.
DAMAGE = (
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    AttributeError,
    EOFError,
    RecursionError,
    MemoryError,
    zipfile.BadZipFile,
)


def save_observation(observed: Observation, path: str) -> None:
    """Write an observation to a file.

    Args:
        observed: what `rnnverify.observe` gave.
        path: of the file, which is replaced if it is there; by custom it ends in .npz.

    Raises:
        RequestError: the file cannot be written.
    """
    arrays: dict[str, Any] = {}
    names: list[str] = []

    def keep(array: Array) -> int:
        """Put an array aside; its number stands in the JSON. NumPy's format has no bfloat16: float32 holds it exactly."""
        arrays[f"array_{len(arrays)}"] = array.astype(np.float32) if array.dtype.kind == "V" else array
        names.append(array.dtype.name)
        return len(names) - 1

    content = {
        "format": FORMAT,
        "asked": {**vars(observed.asked), "tolerance": vars(observed.asked.tolerance)},
        "inputs": {name: keep(x) for name, x in observed.inputs.items()},
        "nodes": [
            {**vars(node), "weights": {name: keep(weight) for name, weight in node.weights.items()}}
            for node in observed.nodes
        ],
        "outputs": observed.outputs,
        "predictions": [keep(array) for array in observed.predictions],
        "emitted": [[*ref, keep(array)] for ref, array in observed.emitted.items()],
        "walks": {
            name: [{"sequence": keep(one.sequence), "others": [keep(state) for state in one.others]} for one in of_one]
            for name, of_one in observed.walks.items()
        },
        "tf32": observed.tf32,
        "environment": dict(observed.environment),
        "seconds": dict(observed.seconds),
    }
    content["dtypes"] = names
    text = np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)
    try:
        with opened_to_write(path, "wb") as file:
            write_arrays(file, {"content": text, **arrays})
    except OSError as error:
        raise RequestError(f"{path}: cannot be written: {error.strerror or error}") from None


def load_observation(path: str) -> Observation:
    """Read an observation that `save_observation` wrote. TensorFlow is not needed.

    Raises:
        RequestError: the file is missing, damaged, not an observation, or of another version.
    """
    with (
        reading(path),
        opened(path) as stream,
        np.load(stream, allow_pickle=False) as file,  # by itself np.load leaves a damaged one open
    ):
        content = json.loads(file["content"].tobytes())
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            found = content.get("format") if isinstance(content, dict) else None
            raise RequestError(f"{path}: expected an observation of format {FORMAT}, got {found!r}; save it anew")
        arrays = [file[f"array_{index}"] for index in range(len(content["dtypes"]))]
        return made_of(content, arrays)


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Whatever goes wrong with what a file holds, as one message.

    Raises:
        RequestError: the file cannot be read, or is damaged.
    """
    try:
        yield
    except OSError as error:
        raise RequestError(f"{path}: cannot be read: {error.strerror or error}") from None
    except DAMAGE as error:
        raise RequestError(f"{path}: not a saved observation, or damaged: {str(error)[:120]}; save it anew") from None


def made_of(content: dict[str, Any], arrays: list[Array]) -> Observation:
    return Observation(
        asked=Asked(**{**content["asked"], "tolerance": Tolerance(**content["asked"]["tolerance"])}),
        inputs={name: arrays[index] for name, index in content["inputs"].items()},
        nodes=tuple(
            Node(
                **{
                    **node,
                    "weights": {name: arrays[index] for name, index in node["weights"].items()},
                    "inputs": tuple(Ref(*ref) for ref in node["inputs"]),
                    "initial_state": tuple(Ref(*ref) for ref in node["initial_state"]),
                }
            )
            for node in content["nodes"]
        ),
        outputs=tuple(Ref(*ref) for ref in content["outputs"]),
        predictions=tuple(arrays[index] for index in content["predictions"]),
        emitted={Ref(node, output): arrays[index] for node, output, index in content["emitted"]},
        walks={
            name: tuple(
                Walked(arrays[one["sequence"]], (), tuple(arrays[state] for state in one["others"])) for one in of_one
            )
            for name, of_one in content["walks"].items()
        },
        tf32=bool(content["tf32"]),
        environment=content["environment"],
        seconds=content["seconds"],
    )
