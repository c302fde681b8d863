"""Attention and AdditiveAttention."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from rnnverify.layers.attention import AdditiveAttention, Attention
from rnnverify.layers.layer import Call, Masked, MisfitError
from tests.layers.against_keras import CLEAR, EXACT, draw, draw_mask, in_replay, layers_in

N, TQ, TV, D, V = 3, 4, 5, 6, 2
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "dot": ("Attention", {}),
    "scaled": ("Attention", {"use_scale": True}),
    "concat": ("Attention", {"score_mode": "concat"}),
    "scaled concat": ("Attention", {"score_mode": "concat", "use_scale": True}),
    "additive": ("AdditiveAttention", {}),
    "additive without scale": ("AdditiveAttention", {"use_scale": False}),
}


def made(keras: Any, kind: str, three: bool = True) -> tuple[Any, list[Any]]:
    """A layer with random weights, and what it is given."""
    class_name, options = KINDS[kind]
    rng = np.random.default_rng(1)
    given = [draw(rng, N, TQ, D), draw(rng, N, TV, V if three else D), *([draw(rng, N, TV, D)] if three else [])]
    layer = getattr(layers_in(keras), class_name)(**options)
    layer.build([x.shape for x in given])
    layer.set_weights([draw(rng, *weight.shape) + 1.5 for weight in layer.get_weights()])
    return layer, given


def expected(keras: Any, layer: Any, given: list[Any], masks: list[Any] | None = None) -> Any:
    tensors = [keras.ops.convert_to_tensor(x) for x in given]
    mask = None if masks is None else [None if m is None else keras.ops.convert_to_tensor(m) for m in masks]
    return np.asarray(layer(tensors, mask=mask))


@pytest.mark.parametrize("three", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_attention_is_what_keras_computes(keras: Any, kind: str, three: bool) -> None:
    layer, given = made(keras, kind, three)
    (y,) = in_replay(layer, list(map(Masked, given)))
    np.testing.assert_allclose(y.values, expected(keras, layer, given), rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("masked", [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("kind", KINDS)
def test_the_masks_of_query_and_value_count_as_in_keras(keras: Any, kind: str, masked: tuple[bool, bool]) -> None:
    layer, given = made(keras, kind, three=False)
    rng = np.random.default_rng(2)
    query = draw_mask(rng, "holes", N, TQ) if masked[0] else None
    value = draw_mask(rng, "post-padding", N, TV) if masked[1] else None
    (y,) = in_replay(layer, [Masked(given[0], query), Masked(given[1], value)])
    np.testing.assert_allclose(y.values, expected(keras, layer, given, [query, value]), rtol=EXACT, atol=EXACT)
    assert (y.mask is None) == (query is None)
    if query is not None:
        np.testing.assert_array_equal(y.mask, query)


def test_by_hand() -> None:
    query, value = np.array([[[0.0]]]), np.array([[[1.0], [3.0]]])
    assert Attention()(Call([Masked(query), Masked(value)]))[0].values.tolist() == [[[2]]]  # both score 0: their mean
    masked = Masked(value, np.array([[True, False]]))
    assert Attention()(Call([Masked(query), masked]))[0].values.tolist() == [[[1]]]
    hidden = Masked(query, np.array([[False]]))
    assert AdditiveAttention(use_scale=False)(Call([hidden, Masked(value)]))[0].values.tolist() == [[[0]]]


def test_mistakes_differ(keras: Any) -> None:
    layer, given = made(keras, "dot")
    right = expected(keras, layer, given)
    query, value, key = given
    scores = query @ np.swapaxes(key, 1, 2)
    over_queries = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)  # softmax along the wrong axis
    assert np.max(np.abs(over_queries @ value - right)) > CLEAR
    scaled = np.exp(scores / np.sqrt(D))  # as in transformers, which Keras's Attention does not
    assert np.max(np.abs(scaled / scaled.sum(-1, keepdims=True) @ value - right)) > CLEAR


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(4, 6)], "expected inputs: [query, value] or [query, value, key]"),
        ([(4,), (4, 6)], "sequences (timesteps, features), for Attention"),
        ([(4, 6), (5, 3)], "expected keys with as many features as the query"),
        ([(4, 6), (5, 3), (4, 6)], "and as many steps as the value"),
    ],
)
def test_what_does_not_fit_is_refused(shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(MisfitError, match=re.escape(message)):
        Attention().output_shapes(shapes)
