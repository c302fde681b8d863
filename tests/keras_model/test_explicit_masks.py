"""Masks that calls are given explicitly, `layer(x, mask=m)`: of every kind, from every source, in memory and in files."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnverify import load_observation, observe, replay, save_observation, verify
from rnnverify.errors import RequestError, UnsupportedError
from rnnverify.layers.arrays import Array
from rnnverify.observation import Observation, Ref
from rnnverify.verification.fitting import problems
from rnnverify.verification.verdict import judge

N, T, D, IDS = 4, 6, 3, 9
RNG = np.random.default_rng(20261201)
X = RNG.standard_normal((N, T, D)).astype(np.float32)
TOKENS = RNG.integers(1, IDS, (N, T))
TOKENS[0, 4:] = TOKENS[1, 2] = 0
MASK = np.array([[1, 1, 0, 1, 1, 0], [1, 0, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1], [0, 1, 1, 0, 1, 1]], dtype=bool)
Build = Callable[[Any, Any, Any, Any], Any]  # of keras, an input of numbers, one of ids and one of bool


def states(k: Any, x: Any) -> list[Any]:
    return list(k.layers.LSTM(3, return_state=True, name="encoder")(x)[1:])


READERS: dict[str, Build] = {
    "SimpleRNN": lambda k, x, y, m: k.layers.SimpleRNN(3, return_sequences=True, name="it")(x, mask=m),
    "LSTM": lambda k, x, y, m: k.layers.LSTM(3, name="it")(x, mask=m),
    "GRU": lambda k, x, y, m: k.layers.GRU(3, zero_output_for_mask=True, return_sequences=True, name="it")(x, mask=m),
    "backwards": lambda k, x, y, m: k.layers.GRU(3, go_backwards=True, return_sequences=True, name="it")(x, mask=m),
    "unrolled": lambda k, x, y, m: k.layers.LSTM(3, unroll=True, name="it")(x, mask=m),
    "a stack": lambda k, x, y, m: k.layers.RNN([k.layers.LSTMCell(3), k.layers.GRUCell(2)], name="it")(x, mask=m),
    "Bidirectional": lambda k, x, y, m: k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True), name="it")(
        x, mask=m
    ),
    "beside states": lambda k, x, y, m: k.layers.LSTM(3, name="it")(x, initial_state=states(k, x), mask=m),
    "beside another mask": lambda k, x, y, m: k.layers.LSTM(3, name="it")(y, mask=m),
    "GlobalAveragePooling1D": lambda k, x, y, m: k.layers.GlobalAveragePooling1D(name="it")(x, mask=m),
    "of a value": lambda k, x, y, m: k.layers.Attention(name="it")([x, x], mask=[None, m]),
    "of a query": lambda k, x, y, m: k.layers.AdditiveAttention(name="it")([x, x], mask=[m, None]),
    "of both": lambda k, x, y, m: k.layers.Attention(name="it")([y, x], mask=[m, m]),
    "value_mask": lambda k, x, y, m: k.layers.MultiHeadAttention(2, 3, name="it")(x, x, value_mask=m),
    "value_mask beside a query's own": lambda k, x, y, m: k.layers.MultiHeadAttention(2, 3, name="it")(
        y, x, value_mask=m
    ),
    "key_mask": lambda k, x, y, m: k.layers.MultiHeadAttention(2, 3, name="it")(x, x, key_mask=m),
}


def model_of(k: Any, name: str) -> Any:
    x, ids, mask = (
        k.Input((T, D), name="x"),
        k.Input((T,), dtype="int32", name="ids"),
        k.Input((T,), dtype="bool", name="m"),
    )
    y = k.layers.Embedding(IDS, D, mask_zero=True, name="embedding")(ids)
    made = READERS[name](k, x, y, mask)
    return k.Model([x, ids, mask], [made, y])


@pytest.mark.parametrize("name", READERS)
def test_a_mask_that_is_an_input_is_heeded(keras: Any, name: str, tmp_path: Path) -> None:
    model = model_of(keras, name)
    result = verify(model, [X, TOKENS, MASK])
    assert result.verdict == "match", result.first_divergence
    for got, expected in zip(
        replay(model, [X, TOKENS, MASK]), model.predict([X, TOKENS, MASK], verbose=0), strict=True
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "m.keras")
    saved = verify(tmp_path / "m.keras")
    assert saved.verdict in ("match", "untested"), saved.first_divergence
    assert [one.layer for one in saved.layers] == [one.layer for one in result.layers]


def flipped(observed: Observation) -> Observation:
    """What would be seen of a Keras that took a step for masked that is not: the third of the third sample."""
    wrong = np.array(observed.inputs["m"])
    assert wrong[2, 2]
    wrong[2, 2] = 0
    return replace(observed, inputs={**observed.inputs, "m": wrong})


@pytest.mark.parametrize("name", READERS)
def test_a_mask_that_is_wrong_at_a_step_is_a_mismatch_at_the_layer(keras: Any, name: str) -> None:
    found = judge(flipped(observe(model_of(keras, name), [X, TOKENS, MASK]))).result
    assert found.verdict == "mismatch"
    assert found.first_divergence is not None
    assert (found.first_divergence.layer, found.first_divergence.sample) == ("it", 2)
    if name in ("SimpleRNN", "LSTM", "GRU", "a stack", "beside states", "beside another mask"):
        assert found.first_divergence.timestep == 2


@pytest.mark.parametrize("name", READERS)
def test_a_mask_that_is_not_heeded_is_a_mismatch_at_the_layer(keras: Any, name: str) -> None:
    seen = observe(model_of(keras, name), [X, TOKENS, MASK])
    without = tuple(replace(node, mask=()) if node.name == "it" else node for node in seen.nodes)
    found = judge(replace(seen, nodes=without)).result
    assert found.first_divergence is not None
    assert found.first_divergence.layer == "it"


SOURCES: dict[str, tuple[Build, list[str]]] = {
    "a comparison": (lambda k, x, ids, m: x[:, :, 0] > 0, ["GetItem", "Greater"]),
    "ids": (lambda k, x, ids, m: k.ops.not_equal(ids, 0), ["NotEqual"]),
    "compute_mask": (lambda k, x, ids, m: k.layers.Embedding(IDS, 2, mask_zero=True).compute_mask(ids), ["NotEqual"]),
    "some of its features": (lambda k, x, ids, m: k.ops.any(x > 0.5, axis=-1), ["Greater", "Any"]),
    "several": (
        lambda k, x, ids, m: k.ops.logical_and(
            m, k.ops.logical_or(ids <= 4, k.ops.logical_not(k.ops.all(x < 1, axis=2)))
        ),
        ["LessEqual", "Less", "All", "LogicalNot", "LogicalOr", "LogicalAnd"],
    ),
    "a cast": (lambda k, x, ids, m: k.ops.cast(ids, "bool"), ["Cast"]),
    "lengths": (
        lambda k, x, ids, m: k.ops.less(k.ops.arange(T), k.ops.expand_dims(ids[:, 0], -1)),
        ["GetItem", "ExpandDims", "Less"],
    ),
    "a layer": (lambda k, x, ids, m: k.layers.Dense(1)(x)[:, :, 0] >= 0.125, ["Dense", "GetItem", "GreaterEqual"]),
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_mask_may_be_made_of_tensors(keras: Any, name: str, tmp_path: Path) -> None:
    x, ids, mask = keras.Input((T, D)), keras.Input((T,), dtype="int32"), keras.Input((T,), dtype="bool")
    build, made_by = SOURCES[name]
    h = keras.layers.LSTM(4, return_sequences=True, name="first")(x, mask=build(keras, x, ids, mask))
    model = keras.Model([x, ids, mask], keras.layers.GRU(2, name="second")(h))  # to which it is handed on
    result = verify(model, [X, TOKENS, MASK])
    assert result.verdict == "match", result.first_divergence
    assert sorted(one.class_.removeprefix("ops.") for one in result.layers[:-2]) == sorted(made_by)
    assert [one.class_ for one in result.layers[-2:]] == ["LSTM", "GRU"]
    seen = observe(model, [X, TOKENS, MASK])
    assert [node.masked for node in seen.nodes[-2:]] == [True, True]
    save_observation(seen, str(tmp_path / "o.npz"))
    again = load_observation(str(tmp_path / "o.npz"))
    assert [node.mask for node in again.nodes] == [node.mask for node in seen.nodes]
    assert verify(again).verdict == "match"
    model.save(tmp_path / "m.keras")
    saved = verify(tmp_path / "m.keras")
    assert saved.verdict in ("match", "untested"), saved.first_divergence
    assert [one.class_ for one in saved.layers] == [one.class_ for one in result.layers]


def made_wrong(array: Array) -> Array:
    wrong = np.array(array)
    wrong[1, 3] = not wrong[1, 3]
    return wrong


@pytest.mark.parametrize("name", SOURCES)
def test_a_mask_that_is_made_wrong_is_a_mismatch_at_what_made_it(keras: Any, name: str) -> None:
    x, ids, mask = keras.Input((T, D)), keras.Input((T,), dtype="int32"), keras.Input((T,), dtype="bool")
    model = keras.Model([x, ids, mask], keras.layers.LSTM(4)(x, mask=SOURCES[name][0](keras, x, ids, mask)))
    seen = observe(model, [X, TOKENS, MASK])
    (ref,) = seen.nodes[-1].mask
    assert ref is not None
    found = judge(replace(seen, emitted={**seen.emitted, ref: made_wrong(seen.emitted[ref])})).result
    assert found.first_divergence is not None
    assert (found.first_divergence.layer, found.first_divergence.sample) == (ref.node, 1)
    assert {one.layer for one in found.layers if not one.passed} == {ref.node, seen.nodes[-1].name}


def test_a_step_that_is_masked_leaves_the_state_as_it_is(keras: Any) -> None:
    x, mask = keras.Input((3, 1)), keras.Input((3,), dtype="bool")
    layer = keras.layers.SimpleRNN(1, activation="linear")
    model = keras.Model([x, mask], layer(x, mask=mask))
    model.set_weights([np.array([[2.0]]), np.array([[3.0]]), np.array([1.0])])  # h = 2 x + 3 h + 1
    fed = [np.array([[[1.0], [5.0], [2.0]]]), np.array([[True, False, True]])]
    assert replay(model, fed).tolist() == [[14.0]]  # 3, and then 14
    assert verify(model, fed).verdict == "match"


def test_keras_takes_no_notice_of_a_query_mask(keras: Any) -> None:
    x, mask = keras.Input((T, D)), keras.Input((T,), dtype="bool")
    model = keras.Model([x, mask], keras.layers.MultiHeadAttention(2, 3)(x, x, query_mask=mask))
    first, second = (model.predict([X, one], verbose=0) for one in (MASK, ~MASK))
    assert np.array_equal(first, second)
    assert verify(model, [X, MASK]).verdict == "match"


def test_a_mask_of_another_precision(keras: Any) -> None:
    """In float16 a tenth is another number than in float32, to which Keras compares it."""
    x = keras.Input((T, D))
    h = keras.layers.Dense(1, dtype="float16", kernel_initializer="zeros", name="dense")(x)
    model = keras.Model(x, keras.layers.LSTM(2)(x, mask=h[:, :, 0] >= 0.1))
    model.get_layer("dense").set_weights([np.zeros((D, 1)), np.array([0.1])])
    seen = observe(model, X)
    (made,) = [node.name for node in seen.nodes if node.class_name == "ops.GreaterEqual"]
    assert not seen.emitted[Ref(made)].any()
    assert all(one.passed for one in verify(seen).layers)


REFUSED: dict[str, tuple[Build, str]] = {
    "of numbers": (
        lambda k, x, ids, m: k.layers.LSTM(2, name="it")(x, mask=k.ops.cast(m, "float32")),
        "'it' is called with a mask of float32, made by 'cast",
    ),
    "of features": (
        lambda k, x, ids, m: k.layers.Softmax(name="it")(x, mask=x > 0),
        "'it' is called with a mask in the shape (None, 6, 3), made by 'greater",
    ),
    "an array": (
        lambda k, x, ids, m: k.layers.LSTM(2, name="it")(x, mask=k.ops.convert_to_tensor(MASK[:1])),
        "layer 'it' is called with a mask that is no tensor of the graph",
    ),
    "of what attends to what": (
        lambda k, x, ids, m: k.layers.MultiHeadAttention(2, 3, name="it")(x, x, attention_mask=m[:, None]),
        "layer 'it' is called with attention_mask=",
    ),
    "none where there is one": (
        lambda k, x, ids, m: k.layers.Attention(name="it")([(y := k.layers.Masking()(x)), y], mask=[None, m]),
        "'it' is called without the mask that one of its inputs has",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_mask_of_timesteps_is_refused_by_name(keras: Any, name: str) -> None:
    x, ids, mask = keras.Input((T, D)), keras.Input((T,), dtype="int32"), keras.Input((T,), dtype="bool")
    build, told = REFUSED[name]
    with pytest.raises(UnsupportedError, match=re.escape(told)):
        verify(keras.Model([x, ids, mask], build(keras, x, ids, mask)), [X, TOKENS, MASK])


@pytest.mark.parametrize(
    ("mask", "told"),
    [
        ((Ref("nowhere"),), "it reads 'nowhere', which gives no such output before it"),
        ((Ref("m"), Ref("m")), "it: expected a mask, or none, for each of its 1 inputs, got 2"),
        ((Ref("x"),), "it: expected its mask x to say of every step whether it counts"),
    ],
)
def test_a_saved_mask_that_does_not_fit_is_refused(keras: Any, mask: Any, told: str) -> None:
    seen = observe(model_of(keras, "LSTM"), [X, TOKENS, MASK])
    nodes = tuple(replace(node, mask=mask) if node.name == "it" else node for node in seen.nodes)
    assert next(problems(replace(seen, nodes=nodes))) == told


def test_a_wrong_number_in_a_mask_is_refused(keras: Any) -> None:
    with pytest.raises(RequestError, match=r"the input .m. takes bool, .*: expected whole numbers from 0 to 1"):
        verify(model_of(keras, "LSTM"), [X, TOKENS, 2 * MASK.astype(int)])
