"""The arrays that a spec's `data` stands for. Drawn with NumPy from the spec's seed: the same on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from rnnverify.errors import DataError
from rnnverify.keras_model.data_files import Shape, names_in, read_array
from rnnverify.keras_model.fed import check_whole, range_of
from rnnverify.keras_model.token_ids import beyond
from rnnverify.observation.precision import LARGEST, POLICIES, rounded
from rnnverify.spec.data import Chars, Data, File, Normal, OneHot, Text, Tokens, Uniform
from rnnverify.spec.model import Input, Spec

Array = npt.NDArray[Any]

INITIAL_STATE_SCALE = 0.5  # of the normal variables that random initial states are
LARGEST_DRAWN = 8  # of the whole numbers that an input of whole numbers is fed, unless something else is asked for


def draw_calls(spec: Spec, inputs: Sequence[Input], vocabularies: dict[str, int], calls: int) -> list[dict[str, Array]]:
    """An array for every input, (N, *shape), of each of several calls: of a file one part after the other.

    Raises:
        DataError: as `draw_inputs`.
    """
    if not isinstance(spec.data, File) or calls == 1:
        return [draw_inputs(spec, inputs, vocabularies, call) for call in range(calls)]
    samples = spec.N or 1
    whole = draw_inputs(replace(spec, N=samples * calls), inputs, vocabularies)
    return [
        {name: array[call * samples : (call + 1) * samples] for name, array in whole.items()} for call in range(calls)
    ]


def draw_inputs(spec: Spec, inputs: Sequence[Input], vocabularies: dict[str, int], call: int = 0) -> dict[str, Array]:
    """An array for every input, (N, *shape).

    Args:
        inputs: what the model takes.
        vocabularies: for each input that an Embedding reads, how many ids that has.
        call: the number of the call, from 0: others are fed other numbers.

    Raises:
        DataError: a file cannot be read or does not fit, or an id lies outside its Embedding.
    """
    drawn: dict[str, Array] = {}
    states = names_in(spec.data) if isinstance(spec.data, File) else ()
    for index, given in enumerate(inputs):
        rng = np.random.default_rng([spec.seed, index, *([call] if call else [])])
        shape = (spec.N or 1, *given.shape)
        data = spec.data or (Tokens() if given.role == "ids" else Normal())
        if given.role == "state" and not (isinstance(data, File) and given.name in states):
            drawn[given.name] = fitted(INITIAL_STATE_SCALE * rng.standard_normal(shape), given, spec, None)
            continue
        if isinstance(data, File):
            own = data.model_copy(update={"key": None}) if given.role == "state" else data
            x = read_array(own, given, shape, len(inputs))
        elif spec.data is None and given.role == "features" and given.whole:
            x = whole_numbers(rng, shape, given.whole)
        else:
            x = draw(data, rng, given, spec, vocabularies.get(given.name))
        drawn[given.name] = fitted(x, given, spec, data)
        size = vocabularies.get(given.name)
        if size is not None and beyond(drawn[given.name], size) is not None:
            raise DataError(
                f"{data.path if isinstance(data, File) else spec.path}: the input {given.name}: expected token ids from 0 to"
                f" {size - 1}, which is what its Embedding has; got {drawn[given.name].min()} to {drawn[given.name].max()}"
            )
    return drawn


def draw(data: Data, rng: np.random.Generator, given: Input, spec: Spec, vocabulary: int | None) -> Array:
    """An array of one kind of data; for token ids, `vocabulary` is what the Embedding has."""
    shape = (spec.N or 1, *given.shape)
    if isinstance(data, Normal):
        return data.mean + data.scale * rng.standard_normal(shape)
    if isinstance(data, Uniform):
        return rng.uniform(data.low, data.high, shape)
    if isinstance(data, OneHot):
        return one_hot(rng.integers(shape[-1], size=shape[:-1]), shape[-1])
    if isinstance(data, Tokens):
        return random_tokens(data, rng, shape, data.vocabulary or vocabulary or 2)
    if isinstance(data, Chars):
        check_shape((len(data.texts), len(data.texts[0]), len(data.alphabet)), shape, spec.path, given.name)
        place = {char: index for index, char in enumerate(data.alphabet)}
        return one_hot(np.array([[place[char] for char in text] for text in data.texts]), len(data.alphabet))
    text = cast(Text, data)
    size = text.vocabulary or vocabulary or 2
    if size < 2:
        raise DataError("expected an Embedding with an input_dim of at least 2, as id 0 is the padding; got 1")
    return padded(text.word_ids(size), shape, text.padding)


def one_hot(places: npt.NDArray[np.integer[Any]], width: int) -> Array:
    """A one at each of these places, along a last axis of this width."""
    made = np.zeros((*places.shape, width))
    np.put_along_axis(made, places[..., np.newaxis], 1, axis=-1)
    return made


def whole_numbers(rng: np.random.Generator, shape: Shape, dtype: str) -> Array:
    """Small whole numbers that a dtype can hold."""
    low, high = range_of(dtype, LARGEST_DRAWN)
    return rng.integers(low, high + 1, size=shape)


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


def fitted(x: Array, given: Input, spec: Spec, data: Data | None) -> Array:
    """The array in the shape and dtype that the input takes; floats rounded to what the layers compute in.

    Raises:
        DataError: the shape differs, or a value is no finite number.
    """
    origin = data.path if isinstance(data, File) else spec.path
    if x.dtype.kind not in "fiub":
        raise DataError(f"{origin}: expected numbers, got an array of {x.dtype}")
    check_shape(x.shape, (spec.N or len(x), *given.shape), origin, given.name)
    refuse_where(~np.isfinite(x), x, f"{origin}: expected finite numbers")
    if given.role == "ids" or given.whole:
        low, high = range_of(given.whole or "int32")
        takes = f"the input {given.name} takes {given.whole}: expected whole numbers from {low} to {high}"
        expected = "expected whole token ids" if given.role == "ids" else takes
        return check_whole(x, (low, high), f"{origin}: {expected}")
    with np.errstate(over="ignore"):  # of long doubles
        wide = x.astype(np.float64)
    refuse_where(
        np.abs(wide) > LARGEST[POLICIES[spec.dtype]], x, f"{origin}: expected numbers that {spec.dtype} can hold"
    )
    return rounded(wide, POLICIES[spec.dtype]).astype(np.float64 if spec.dtype == "float64" else np.float32)


def check_shape(got: Shape, wanted: Shape, origin: str, name: str) -> None:
    if got != wanted:
        raise DataError(f"{origin}: expected an array of shape {wanted} for the input {name}, got {got}")


def refuse_where(wrong: npt.NDArray[np.bool_], x: Array, expected: str) -> None:
    """Refuse an array for its elements that are wrong, if any are."""
    if np.any(wrong):
        raise DataError(f"{expected}, got {x[wrong][0]}")
