"""Masks in a model's graph: those that Keras hands on by itself are the replay's own, any other is a tensor of the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnnverify import verify
from rnnverify.errors import UnsupportedError

N, T, D, IDS = 4, 5, 3, 9
RNG = np.random.default_rng(20261130)
X = RNG.standard_normal((N, T, D)).astype(np.float32)
X[0, 3:] = X[1, 1] = 0
TOKENS = RNG.integers(1, IDS, (N, T))
TOKENS[0, 3:] = TOKENS[1, 1] = 0
Build = Callable[[Any, Any, Any], Any]  # of keras, an input of numbers and one of ids


def mask_of(k: Any, x: Any) -> Any:
    return k.ops.not_equal(x[:, :, 0], 0.0)


def row(k: Any) -> Any:
    return k.Sequential([k.Input((T, D)), k.layers.LSTM(4)], name="row")


def embed(k: Any, ids: Any) -> Any:
    return k.layers.Embedding(IDS, D, mask_zero=True)(ids)


def embed_inside(k: Any, ids: Any) -> Any:
    return k.Sequential([k.Input((T,)), k.layers.Embedding(IDS, D, mask_zero=True)], name="embed")(ids)


def with_states(k: Any, x: Any, ids: Any) -> Any:
    del ids
    masked = k.layers.Masking()(x)
    _, *states = k.layers.LSTM(3, return_state=True)(masked)
    return k.layers.LSTM(3)(masked, initial_state=states, mask=masked._keras_mask)


OTHERS: dict[str, tuple[Build, list[str]]] = {  # with what makes the mask, and the layer that is given it
    "of an operation": (lambda k, x, ids: k.layers.LSTM(3)(x, mask=mask_of(k, x)), ["GetItem", "NotEqual"]),
    "over the input's own": (
        lambda k, x, ids: k.layers.LSTM(3)(k.layers.Masking(7.0)(x), mask=mask_of(k, x)),
        ["GetItem", "NotEqual"],
    ),
    "of another number": (
        lambda k, x, ids: k.layers.LSTM(3)(embed(k, ids), mask=k.ops.not_equal(ids, 5)),
        ["NotEqual"],
    ),
    "of another tensor": (lambda k, x, ids: k.layers.LSTM(3)(x, mask=embed(k, ids)._keras_mask), ["NotEqual"]),
    "by the same operations": (
        lambda k, x, ids: k.layers.LSTM(3)(
            k.layers.Masking()(x), mask=k.ops.any(k.ops.not_equal(x[:, ::-1], 0.0), axis=-1)
        ),
        ["GetItem", "NotEqual", "Any"],
    ),
    "beside states": (with_states, ["NotEqual", "Any"]),
    # Keras makes the mask of both from what it knows beforehand, which is nothing of the model's.
    "half of it from a model": (
        lambda k, x, ids: k.layers.LSTM(3)(k.layers.Concatenate()([embed_inside(k, ids), k.layers.Masking()(x)])),
        ["NotEqual", "Any", "ExpandDims", "ZerosLike", "LogicalOr", "OnesLike", "Concatenate", "Any"],
    ),
}


@pytest.mark.filterwarnings("ignore:.*passed an input with a mask")
@pytest.mark.parametrize("name", OTHERS)
def test_a_mask_that_is_not_the_input_s_is_a_tensor_of_the_graph(keras: Any, name: str) -> None:
    x, ids = keras.Input((T, D)), keras.Input((T,))
    build, made_by = OTHERS[name]
    result = verify(keras.Model([x, ids], build(keras, x, ids)), [X, TOKENS])
    assert result.verdict == "match", result.first_divergence
    operations = [one.class_.removeprefix("ops.") for one in result.layers if one.class_.startswith("ops.")]
    assert sorted(operations) == sorted(made_by)


@pytest.mark.filterwarnings("ignore:.*passed an input with a mask")
def test_a_mask_into_a_model_that_is_not_the_input_s_is_refused(keras: Any) -> None:
    x = keras.Input((T, D))
    model = keras.Model(x, row(keras)(x, mask=mask_of(keras, x)))
    with pytest.raises(UnsupportedError, match="'row' is called with another mask than its input has, made by '"):
        verify(model, X)


OWN: dict[str, Build] = {
    "given once more": lambda k, x, ids: k.layers.LSTM(3)((y := k.layers.Masking()(x)), mask=y._keras_mask),
    "handed on": lambda k, x, ids: k.layers.GRU(3)(k.layers.LSTM(3, return_sequences=True)(k.layers.Masking()(x))),
    "of a sum": lambda k, x, ids: k.layers.LSTM(3)(k.layers.Masking()(x + k.layers.Dense(D)(x))),
    "of two": lambda k, x, ids: k.layers.LSTM(3)(k.layers.Concatenate()([embed(k, ids), k.layers.Masking()(x)])),
    "of two, to attend by": lambda k, x, ids: k.layers.Attention()([embed(k, ids), k.layers.Masking()(x)]),
    "of a model": lambda k, x, ids: k.layers.Bidirectional(k.layers.GRU(3))(embed_inside(k, ids)),
    "of two models": lambda k, x, ids: k.layers.LSTM(3)(
        k.layers.Add()([embed_inside(k, ids), k.Sequential([k.Input((T, D)), k.layers.Masking()])(x)])
    ),
    "into a model": lambda k, x, ids: row(k)(embed(k, ids)),
    "from a model into one": lambda k, x, ids: row(k)(embed_inside(k, ids)),
}


@pytest.mark.filterwarnings("ignore:.*passed an input with a mask")
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("name", OWN)
def test_a_mask_that_keras_hands_on_by_itself_is_replayed(keras: Any, name: str, policy: str) -> None:
    keras.mixed_precision.set_global_policy(policy)
    try:
        x, ids = keras.Input((T, D)), keras.Input((T,))
        made = OWN[name](keras, x, ids)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    used = keras.Model([x, ids], made)
    result = verify(used, [X, TOKENS])
    assert result.verdict != "mismatch"
    assert not any(one.class_ in ("ops.NotEqual", "ops.Any", "ops.LogicalOr") for one in result.layers)
