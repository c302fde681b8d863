"""The arrays that a spec's `data` stands for. Drawn with NumPy from the spec's seed: the same on every machine."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from rnnverify.errors import DataError
from rnnverify.observation.precision import LARGEST, POLICIES, rounded
from rnnverify.spec.data import Chars, Data, File, Normal, OneHot, Text, Tokens, Uniform
from rnnverify.spec.model import Input, Spec
from rnnverify.spec.types import LARGEST_SIZE

Array = npt.NDArray[Any]

# What NumPy, zipfile and zlib raise on a damaged file.
DAMAGE = (
    ValueError,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
)

INITIAL_STATE_SCALE = 0.5  # of the normal variables that random initial states are


def draw_inputs(spec: Spec, inputs: Sequence[Input], vocabularies: dict[str, int]) -> dict[str, Array]:
    """An array for every input, (N, *shape).

    Args:
        inputs: what the model takes.
        vocabularies: for each input that an Embedding reads, how many ids that has.

    Raises:
        DataError: a file cannot be read or does not fit, or an id lies outside its Embedding.
    """
    drawn: dict[str, Array] = {}
    states = names_in(spec.data) if isinstance(spec.data, File) else ()
    for index, given in enumerate(inputs):
        rng = np.random.default_rng([spec.seed, index])
        shape = (spec.N or 1, *given.shape)
        data = spec.data or (Tokens() if given.role == "ids" else Normal())
        if given.role == "state" and not (isinstance(data, File) and given.name in states):
            drawn[given.name] = fitted(INITIAL_STATE_SCALE * rng.standard_normal(shape), given, spec, None)
            continue
        if isinstance(data, File):
            own = data.model_copy(update={"key": None}) if given.role == "state" else data
            x = read_array(own, given.name, len(inputs))
        else:
            x = draw(data, rng, shape, vocabularies.get(given.name))
        drawn[given.name] = fitted(x, given, spec, data)
        if given.name in vocabularies:
            check_ids(drawn[given.name], vocabularies[given.name], given.name)
    return drawn


def draw(data: Data, rng: np.random.Generator, shape: tuple[int, ...], vocabulary: int | None) -> Array:
    """An array of one kind of data; for token ids, `vocabulary` is what the Embedding has."""
    if isinstance(data, Normal):
        return data.mean + data.scale * rng.standard_normal(shape)
    if isinstance(data, Uniform):
        return rng.uniform(data.low, data.high, shape)
    if isinstance(data, OneHot):
        return np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]
    if isinstance(data, Chars):
        return np.eye(len(data.alphabet))[[[data.alphabet.index(char) for char in text] for text in data.texts]]
    if isinstance(data, Tokens):
        return random_tokens(data, rng, shape, data.vocabulary or vocabulary or 2)
    text = cast(Text, data)
    size = text.vocabulary or vocabulary or 2
    if size < 2:
        raise DataError("expected an Embedding with an input_dim of at least 2, as id 0 is the padding; got 1")
    return padded(text.word_ids(size), shape, text.padding)


def random_tokens(data: Tokens, rng: np.random.Generator, shape: tuple[int, ...], vocabulary: int) -> Array:
    ids = rng.integers(min(1, vocabulary - 1), vocabulary, size=shape)
    if data.lengths == "full":
        return ids
    lengths = rng.integers(1, shape[-1] + 1, size=(*shape[:-1], 1))
    position = np.arange(shape[-1])
    kept = position < lengths if data.padding == "post" else position >= shape[-1] - lengths
    return np.where(kept, ids, 0)


def padded(rows: Sequence[Sequence[int]], shape: tuple[int, ...], padding: str) -> Array:
    """Rows of ids, each cut to its last T ids or filled up with 0 on one side, as Keras's pad_sequences does."""
    timesteps = shape[-1]
    ids = np.zeros((len(rows), timesteps), dtype=np.int64)
    for row, words in zip(ids, rows, strict=True):
        kept = words[-timesteps:]
        if kept:
            row[slice(len(kept)) if padding == "post" else slice(-len(kept), None)] = kept
    return ids


def read_array(data: File, name: str, inputs: int) -> Array:
    """The array in a file for one of the inputs.

    Raises:
        DataError: it cannot be read, or does not hold what is asked for.
    """
    with reading(data.path, "a .npy, .npz or .csv file of numbers"):
        if Path(data.path).suffix.lower() == ".csv":
            with open(data.path, encoding="utf-8-sig") as file:
                return np.loadtxt(file, delimiter=",", ndmin=2)
        loaded = load_numpy(data.path)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            key = data.key or (loaded.files[0] if inputs == 1 and len(loaded.files) == 1 else name)
            if key not in loaded.files:
                names = ", ".join(loaded.files)[:200] or "none"
                raise DataError(f"{data.path}: expected an array named {key!r}, got {names}")
            return np.asarray(loaded[key])


def names_in(data: File) -> tuple[str, ...]:
    """The names of the arrays in a file, which may hold initial states beside the inputs."""
    with reading(data.path, "a .npy, .npz or .csv file of numbers"):
        if Path(data.path).suffix.lower() == ".csv":
            return ()
        loaded = load_numpy(data.path)
        if isinstance(loaded, np.ndarray):
            return ()
        with loaded:
            return tuple(loaded.files)


def load_numpy(path: str) -> Any:
    """np.load, which takes for a pickle what is neither .npy nor .npz; mapped, so that a wrong shape costs nothing."""
    with open(path, "rb") as file:
        magic = file.read(4)
    if magic in (b"PK\x03\x04", b"PK\x05\x06"):
        zipfile.ZipFile(path).close()  # np.load would leave a damaged archive open
    elif magic != b"\x93NUM":
        raise ValueError("its first bytes are those of neither .npy nor .npz")
    return np.load(path, mmap_mode="r", allow_pickle=False)


@contextmanager
def reading(path: str, wanted: str) -> Iterator[None]:
    """Whatever goes wrong on reading a file of arrays, as one message; `wanted` says what it should be.

    Raises:
        DataError: the file cannot be read, or is damaged.
    """
    if os.path.exists(path) and not os.path.isfile(path):  # a directory; or a pipe, which may never end
        raise DataError(f"{path}: expected {wanted}, got something that is not a file")
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}; give {wanted}") from None
    except MemoryError:
        raise DataError(f"{path}: expected {wanted}, got one that does not fit into memory") from None
    except DAMAGE as error:
        raise DataError(f"{path}: not {wanted}: {' '.join(str(error).split())[:120]}") from None


def fitted(x: Array, given: Input, spec: Spec, data: Data | None) -> Array:
    """The array in the shape and dtype that the input takes; floats rounded to what the layers compute in.

    Raises:
        DataError: the shape differs, or a value is no finite number.
    """
    origin = data.path if isinstance(data, File) else spec.path
    if x.dtype.kind not in "fiub":
        raise DataError(f"{origin}: expected numbers, got an array of {x.dtype}")
    wanted = (spec.N or len(x), *given.shape)
    if x.shape != wanted:
        raise DataError(f"{origin}: expected an array of shape {wanted} for the input {given.name}, got {x.shape}")
    refuse_where(~np.isfinite(x), x, f"{origin}: expected finite numbers")
    if given.role == "ids":
        refuse_where((x != np.floor(x)) | (np.abs(x) > LARGEST_SIZE), x, f"{origin}: expected whole token ids")
        return x.astype(np.int32)
    refuse_where(np.abs(x) > LARGEST[POLICIES[spec.dtype]], x, f"{origin}: expected numbers that {spec.dtype} can hold")
    return rounded(x, POLICIES[spec.dtype]).astype(np.float64 if spec.dtype == "float64" else np.float32)


def refuse_where(wrong: npt.NDArray[np.bool_], x: Array, expected: str) -> None:
    """Refuse an array for its elements that are wrong, if any are."""
    if np.any(wrong):
        raise DataError(f"{expected}, got {x[wrong][0]}")


def check_ids(ids: Array, vocabulary: int, name: str) -> None:
    if ids.size and not (ids.min() >= 0 and ids.max() < vocabulary):
        raise DataError(
            f"the input {name}: expected token ids from 0 to {vocabulary - 1}, which is what its Embedding has;"
            f" got {ids.min()} to {ids.max()}"
        )
