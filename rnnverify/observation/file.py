"""An Observation as one .npz file: arrays, and JSON for the rest. No pickles; verified later without TensorFlow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnverify.errors import RequestError
from rnnverify.memory import NoRoomError, check_unpacked
from rnnverify.observation import Asked, Node, Observation, Ref, Tolerance, Walked
from rnnverify.observation.arrays_file import DamagedError, open_arrays, write_arrays
from rnnverify.observation.content import FORMAT, Content, read_content
from rnnverify.observation.opening import opened_to_write
from rnnverify.observation.recognised import what_it_is

if TYPE_CHECKING:
    from rnnverify.observation.observed import Array

LARGEST_CONTENT = 1 << 24  # bytes
TIMES_THEIR_SIZE = 7  # that arrays take in memory while they are verified


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
        "asked": {
            **vars(observed.asked),
            "spec": observed.asked.spec if observed.asked.spec.isprintable() else repr(observed.asked.spec),
            "tolerance": vars(observed.asked.tolerance),
        },
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
        RequestError: the file is missing, damaged, not an observation, too large, or of another version.
    """
    with reading(path), open_arrays(path) as file:
        if "content" not in file.names:
            raise DamagedError("it has no content")
        header = file.header("content")
        if header.dtype != np.uint8 or header.size > LARGEST_CONTENT:
            raise DamagedError(f"expected a content of at most {LARGEST_CONTENT} bytes")
        text = file.read("content").tobytes()
        check_format(path, text)
        content = read_content(text)
        names = [f"array_{index}" for index in range(len(content.dtypes))]
        if missing := set(names).difference(file.names):
            raise DamagedError(f"it lacks the array {sorted(missing)[0]}")
        headers = {name: file.header(name) for name in names}
        for name, header in headers.items():
            if header.dtype.kind not in "fiub" or 0 in header.shape:
                raise DamagedError(
                    f"expected numbers in {name}, got an array of {header.dtype} and shape {header.shape}"
                )
        size = sum(header.size for header in headers.values())
        check_unpacked(file.size, size, TIMES_THEIR_SIZE * size)
        return made_of(content, [file.read(name) for name in names])


def check_format(path: str, text: bytes) -> None:
    """Refuse what another version wrote.

    Raises:
        RequestError: it is that, or no JSON.
    """
    content = json.loads(text)
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise RequestError(f"{path}: expected an observation of format {FORMAT}, got {repr(found)[:60]}; save it anew")


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
    except NoRoomError as error:
        raise RequestError(f"{path}: {error}") from None
    except (DamagedError, ValueError, RecursionError) as error:
        known = what_it_is(path)
        if known is not None and not known.startswith("a saved observation"):
            raise RequestError(f"{path}: expected a saved observation; this is {known}") from None
        raise RequestError(f"{path}: not a saved observation, or damaged: {str(error)[:200]}; save it anew") from None


def made_of(content: Content, arrays: list[Array]) -> Observation:
    """An observation from its parts."""

    def at(index: int) -> Array:
        if index >= len(arrays):
            raise DamagedError(f"there is no array number {index}")
        return arrays[index]

    return Observation(
        asked=Asked(**{**dict(content.asked), "tolerance": Tolerance(**dict(content.asked.tolerance))}),
        inputs={name: at(index) for name, index in content.inputs.items()},
        nodes=tuple(
            Node(
                **{
                    **dict(node),
                    "weights": {name: at(index) for name, index in node.weights.items()},
                    "inputs": tuple(Ref(*ref) for ref in node.inputs),
                    "initial_state": tuple(Ref(*ref) for ref in node.initial_state),
                }
            )
            for node in content.nodes
        ),
        outputs=tuple(Ref(*ref) for ref in content.outputs),
        predictions=tuple(at(index) for index in content.predictions),
        emitted={Ref(node, output): at(index) for node, output, index in content.emitted},
        walks={
            name: tuple(Walked(at(one.sequence), (), tuple(map(at, one.others))) for one in of_one)
            for name, of_one in content.walks.items()
        },
        tf32=content.tf32,
        environment=content.environment,
        seconds=content.seconds,
    )
