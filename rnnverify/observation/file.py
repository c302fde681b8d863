"""An Observation as one .npz file: arrays, and JSON for the rest. No pickles; verified later without TensorFlow.

docs/reference/observation-file.md describes the format, for programs in other languages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from rnnverify.errors import RequestError
from rnnverify.machine.memory import NoRoomError, check_unpacked
from rnnverify.observation import Asked, Node, Observation, Ref, Tolerance, Turn, Walked
from rnnverify.observation.arrays_file import ArraysFile, DamagedError, open_arrays, plain, write_arrays
from rnnverify.observation.content import BY_NUMBER, FORMAT, READ, Content, read_content
from rnnverify.observation.opening import opened_to_write
from rnnverify.observation.recognised import what_it_is

if TYPE_CHECKING:
    from rnnverify.observation.observed import Array

LARGEST_CONTENT = 1 << 24  # bytes
TIMES_THEIR_SIZE = 7  # that arrays take in memory while they are verified
ODD = re.compile(r"[^\w.:/ -]|\.\.+")  # in the name of an array, which is a path to whoever unpacks the file
LONGEST_NAME = 200  # characters


def save_observation(observed: Observation, path: str) -> None:
    """Write an observation to a file.

    Args:
        observed: what `rnnverify.observe` gave.
        path: of the file, which is replaced if it is there; by custom it ends in .npz.

    Raises:
        RequestError: the file cannot be written.
    """
    arrays: dict[str, Array] = {}
    dtypes: dict[str, str] = {}

    def keep(array: Array, *parts: object) -> str:
        """Put an array aside; its name stands in the JSON. Calls of one layer share its weights."""
        stored = np.asarray(plain(array), order="C")  # NumPy's format has no bfloat16: float32 holds it exactly
        for name in names("/".join(map(str, parts))):
            if name not in arrays:
                arrays[name], dtypes[name] = stored, array.dtype.name
                return name
            if dtypes[name] == array.dtype.name and np.array_equal(arrays[name], stored):
                return name
        raise AssertionError("names have no end")

    content = {
        "format": FORMAT,
        "asked": {
            **vars(observed.asked),
            "spec": observed.asked.spec if observed.asked.spec.isprintable() else repr(observed.asked.spec),
            "tolerance": vars(observed.asked.tolerance),
        },
        "inputs": {name: keep(x, "inputs", name) for name, x in observed.inputs.items()},
        "nodes": [
            {**vars(node), "weights": {name: keep(x, "layers", node.layer, name) for name, x in node.weights.items()}}
            for node in observed.nodes
        ],
        "outputs": observed.outputs,
        "paths": observed.paths,
        "turns": observed.turns,
        "predictions": [keep(array, "outputs", index) for index, array in enumerate(observed.predictions)],
        "emitted": [[*ref, keep(array, "emitted", *ref)] for ref, array in observed.emitted.items()],
        "walks": {
            name: [
                {
                    "sequence": keep(one.sequence, "walks", name, index, "sequence"),
                    "others": [keep(x, "walks", name, index, "others", state) for state, x in enumerate(one.others)],
                }
                for index, one in enumerate(of_one)
            ]
            for name, of_one in observed.walks.items()
        },
        "masks": [[*ref, keep(array, "masks", *ref)] for ref, array in observed.masks.items()],
        "tf32": observed.tf32,
        "environment": dict(observed.environment),
        "seconds": dict(observed.seconds),
        "dtypes": dtypes,
    }
    text = np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)
    try:
        with opened_to_write(path, "wb") as file:
            write_arrays(file, {"content": text, **arrays})
    except OSError as error:
        raise RequestError(f"{path}: cannot be written: {error.strerror or error}") from None


def names(path: str) -> Iterator[str]:
    """Names for an array that should be called so: without what is odd in it, and more, if that one is taken."""
    first = ODD.sub("_", path)[:LONGEST_NAME]
    yield first
    yield from (f"{first}_{number}" for number in count(2))


def load_observation(path: str) -> Observation:
    """Read an observation that `save_observation` wrote. TensorFlow is not needed.

    Raises:
        RequestError: the file is missing, damaged, not an observation, too large, or of another version.
    """
    with reading(path):
        with open_arrays(path) as file:
            content, arrays = read(file, path)
        return made_of(content, arrays)


def read(file: ArraysFile, path: str) -> tuple[Content, dict[str, Array]]:
    """The content of a file, and the arrays that it lists: all are judged by their headers before any is read."""
    if "content" not in file.names:
        raise DamagedError("it has no content")
    header = file.header("content")
    if header.dtype != np.uint8 or header.size > LARGEST_CONTENT:
        raise DamagedError(f"expected a content of at most {LARGEST_CONTENT} bytes")
    text = file.read("content").tobytes()
    content = read_content(text, checked_format(path, text))
    if missing := content.dtypes.keys() - set(file.names):
        raise DamagedError(f"it lacks the array {min(missing)}")
    headers = {name: file.header(name) for name in content.dtypes}
    for name, header in headers.items():
        if header.dtype.kind not in "fiub" or 0 in header.shape:
            raise DamagedError(f"expected numbers in {name}, got an array of {header.dtype} and shape {header.shape}")
    size = sum(header.size for header in headers.values())
    check_unpacked(file.size, size, TIMES_THEIR_SIZE * size)
    return content, {name: file.read(name) for name in headers}


def checked_format(path: str, text: bytes) -> int:
    """The format of a content, which is one that can be read.

    Raises:
        RequestError: it is not, or the content is no JSON.
    """
    content = json.loads(text)
    found = content.get("format") if isinstance(content, dict) else None
    if found in READ:
        return int(found)
    step = "save it anew (rnnverify run SPEC --save-observation FILE.npz)"
    if type(found) is int and 0 < found < BY_NUMBER:
        step = f"it lacks states that are verified now: {step}"
    elif type(found) is int and found > FORMAT:
        step = f"a later version of rnnverify wrote it: verify it with that one, or {step}"
    expected = f"expected an observation of format {FORMAT}, {' or '.join(map(str, READ[1:]))}"
    raise RequestError(f"{path}: {expected}, got {repr(found)[:60]}; {step}")


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
    except DamagedError as error:  # and no other: the rest would be a bug of ours
        known = what_it_is(path)
        if known is not None and not known.startswith("a saved observation"):
            raise RequestError(f"{path}: expected a saved observation; this is {known}") from None
        raise RequestError(f"{path}: not a saved observation, or damaged: {str(error)[:200]}; save it anew") from None


def made_of(content: Content, arrays: Mapping[str, Array]) -> Observation:
    """An observation from its parts."""

    def array(name: str) -> Array:
        if name not in arrays:
            raise DamagedError(f"there is no array {name}")
        return arrays[name]

    return Observation(
        asked=Asked(**{**dict(content.asked), "tolerance": Tolerance(**dict(content.asked.tolerance))}),
        inputs={name: array(stored) for name, stored in content.inputs.items()},
        nodes=tuple(
            Node(
                **{
                    **dict(node),
                    "weights": {name: array(stored) for name, stored in node.weights.items()},
                    "inputs": tuple(Ref(*ref) for ref in node.inputs),
                    "initial_state": tuple(Ref(*ref) for ref in node.initial_state),
                    "mask": tuple(ref and Ref(*ref) for ref in node.mask),
                }
            )
            for node in content.nodes
        ),
        outputs=tuple(Ref(*ref) for ref in content.outputs),
        paths=tuple(map(tuple, content.paths)),
        turns=tuple(Turn(tuple(inputs), reset) for inputs, reset in content.turns),
        predictions=tuple(map(array, content.predictions)),
        emitted={Ref(node, output): array(stored) for node, output, stored in content.emitted},
        walks={
            name: tuple(Walked(array(one.sequence), (), tuple(map(array, one.others))) for one in of_one)
            for name, of_one in content.walks.items()
        },
        masks={Ref(node, output): array(stored) for node, output, stored in content.masks},
        tf32=content.tf32,
        environment=content.environment,
        seconds=content.seconds,
    )
