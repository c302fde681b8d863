"""`mask` and `initial_state` beside the inputs: what `model(x, mask=mask)` and `layer(x, mask=mask)` compute."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.errors import RequestError
from rnnverify.layers.arrays import Array
from rnnverify.observation import Ref
from rnnverify.verification.verdict import judge

N, T, D = 4, 6, 3
RNG = np.random.default_rng(20261202)
X = RNG.standard_normal((N, T, D)).astype(np.float32)
MASK = np.array([[1, 1, 0, 1, 1, 0], [1, 0, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1], [0, 1, 1, 0, 1, 1]], dtype=bool)
Made = tuple[Any, Any, Any]  # a model or a layer, its inputs and its masks


def a_layer(k: Any) -> Made:
    layer = k.layers.LSTM(4, return_sequences=True)
    layer.build((None, T, D))
    return layer, X, MASK


def both_directions(k: Any) -> Made:
    layer = k.layers.Bidirectional(k.layers.GRU(3))
    layer.build((None, T, D))
    return layer, X, MASK.tolist()


def an_attention(k: Any) -> Made:
    layer = k.layers.Attention(use_scale=True)
    layer.build([(None, T, D), (None, T, D)])
    return layer, [X, X[:, ::-1]], [None, MASK]


def a_row(k: Any) -> Made:
    layers = [k.layers.LSTM(4, return_sequences=True), k.layers.Dropout(0.5), k.layers.GlobalAveragePooling1D()]
    return k.Sequential([k.Input((T, D)), *layers]), X, MASK.astype(int)


def a_graph(k: Any) -> Made:
    x = k.Input((T, D))
    h = k.layers.GRU(4, return_sequences=True)(k.layers.Dropout(0.1)(x))
    return k.Model(x, k.layers.LSTM(3)(h) + k.ops.mean(h, axis=1)[:, :3]), X, MASK


def beside_states(k: Any) -> Made:
    x = k.Input((T, D))
    start = k.layers.LSTM(4, return_state=True)(x)[1:]
    h = k.layers.LSTM(4, return_sequences=True)(x, initial_state=start)  # which is handed no mask, and hands it on
    return k.Model(x, k.layers.GRU(2)(h)), X, MASK


def one_of_two(k: Any) -> Made:
    x, y = k.Input((T, D), name="x"), k.Input((T, D), name="y")
    return k.Model([x, y], k.layers.LSTM(3)(x) - k.layers.LSTM(3)(y)), [X, X], [None, MASK]


def by_name(k: Any) -> Made:
    x, y = k.Input((T, D), name="x"), k.Input((T, D), name="y")
    model = k.Model({"x": x, "y": y}, k.layers.LSTM(3)(k.layers.Concatenate()([x, y])))
    return model, {"y": X, "x": X}, {"y": MASK, "x": MASK}


def into_another(k: Any) -> Made:
    x = k.Input((T, D))
    inner = k.Sequential([k.Input((T, D)), k.layers.LSTM(4, return_sequences=True), k.layers.Dense(2)])
    return k.Model(x, k.layers.GRU(2)(inner(x))), X, MASK


MADE: list[Callable[[Any], Made]] = [
    *(a_layer, both_directions, an_attention, a_row, a_graph, beside_states, one_of_two, by_name, into_another),
]


@pytest.mark.filterwarnings("ignore:.*passed an input with a mask")
@pytest.mark.parametrize("make", MADE)
def test_it_is_what_keras_computes_with_the_mask(keras: Any, make: Callable[[Any], Made], tmp_path: Path) -> None:
    target, x, mask = make(keras)
    several = isinstance(mask, list) and not isinstance(mask[0], list)
    as_given = list(mask) if several else mask if isinstance(mask, dict) else np.array(mask, dtype=bool)
    expected = np.asarray(target(x, mask=as_given))
    got = rnnverify.replay(target, x, mask=mask)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(got - rnnverify.replay(target, x)).max() > 1e-3
    result = rnnverify.verify(target, x, mask=mask)
    assert result.verdict == "match", result.first_divergence
    seen = rnnverify.observe(target, x, mask=mask)
    np.testing.assert_allclose(seen.predictions[0], expected, rtol=1e-5, atol=1e-6)
    rnnverify.save_observation(seen, str(tmp_path / "o.npz"))
    assert rnnverify.verify(str(tmp_path / "o.npz")).verdict == "match"


@pytest.mark.parametrize("make", [a_layer, a_graph])
def test_a_mask_that_is_wrong_at_a_step_is_a_mismatch_there(keras: Any, make: Callable[[Any], Made]) -> None:
    target, x, mask = make(keras)
    seen = rnnverify.observe(target, x, mask=mask)
    (name,) = seen.inputs.keys() - {ref.node for node in seen.nodes for ref in node.inputs}
    wrong = np.array(seen.inputs[name])
    wrong[2, 3] = 0
    found = judge(replace(seen, inputs={**seen.inputs, name: wrong})).result
    assert found.first_divergence is not None
    assert (found.first_divergence.sample, found.first_divergence.timestep) == (2, 3)


def test_a_layer_starts_from_its_states(keras: Any) -> None:
    layer = keras.layers.SimpleRNN(1, activation="linear")
    layer.build((None, 3, 1))
    layer.set_weights([np.array([[2.0]]), np.array([[3.0]]), np.array([1.0])])  # h = 2 x + 3 h + 1
    x, mask, start = [[[1.0], [5.0], [2.0]]], [[True, False, True]], [[2.0]]
    assert rnnverify.replay(layer, x, mask=mask, initial_state=np.array(start)).tolist() == [[32.0]]  # 9, and then 32
    seen = rnnverify.observe(layer, x, mask=mask, initial_state=np.array(start))
    assert seen.predictions[0].tolist() == [[32.0]]
    assert seen.nodes[0].masked
    assert seen.nodes[0].mask != ()
    assert seen.nodes[0].initial_state != ()
    assert rnnverify.verify(layer, x, mask=mask, initial_state=[np.array(start)]).verdict == "match"
    wrong = {**seen.inputs, seen.nodes[0].initial_state[0].node: np.zeros((1, 1), np.float32)}
    found = judge(replace(seen, inputs=wrong)).result.first_divergence
    assert found is not None
    assert found.timestep == 0


def test_a_stack_starts_from_its_states(keras: Any) -> None:
    layer = keras.layers.RNN([keras.layers.LSTMCell(3), keras.layers.GRUCell(2)])
    layer.build((None, T, D))
    states = [RNG.standard_normal((N, width)) for width in (3, 3, 2)]
    assert rnnverify.verify(layer, X, mask=MASK, initial_state=states).verdict == "match"


WRONG: dict[str, tuple[Callable[[Any], Made], Any, str]] = {
    "another length": (
        a_layer,
        MASK[:, :4],
        "expected for 'the input' a mask (N, T) of shape (4, 6); got one of shape (4, 4)",
    ),
    "of features": (a_graph, np.ones((N, T, D), bool), "a mask (N, T) of shape (4, 6); got one of shape (4, 6, 3)"),
    "of numbers": (a_row, MASK * 0.5, "expected a mask of bool for "),
    "of text": (a_row, np.full((N, T), "a"), "expected numbers for the mask of "),
    "too few": (one_of_two, [MASK], "expected a list of a mask, or None, for each of the 2 inputs of the model "),
    "one for two": (one_of_two, MASK, "expected a list of a mask, or None, for each of the 2 inputs of the model "),
    "an unknown name": (by_name, {"z": MASK}, "expected masks by the names of the inputs of the model "),
}


@pytest.mark.parametrize("call", [rnnverify.verify, rnnverify.observe, rnnverify.replay])
@pytest.mark.parametrize("name", WRONG)
def test_a_mask_that_does_not_fit_is_refused(keras: Any, name: str, call: Callable[..., Any]) -> None:
    make, mask, told = WRONG[name]
    target, x, _ = make(keras)
    with pytest.raises(RequestError, match=re.escape(told)):
        call(target, x, mask=mask)


def test_where_no_mask_or_state_belongs_is_said(keras: Any) -> None:
    dense = keras.layers.Dense(2)
    dense.build((None, T, D))
    with pytest.raises(RequestError, match=r"the layer 'dense.*' cannot be called on these inputs: "):
        rnnverify.verify(dense, X, mask=MASK)
    model, x, _ = a_graph(keras)
    with pytest.raises(RequestError, match="expected a single recurrent layer beside initial_state, got a model"):
        rnnverify.verify(model, x, initial_state=np.zeros((N, 4)))
    with pytest.raises(RequestError, match=r"expected initial_state for the layer .* in the shapes \(4, 4\)"):
        rnnverify.verify(a_layer(keras)[0], X, initial_state=np.zeros((N, 4)))
    spec = rnnverify.load_spec("configs/simple_rnn.yaml")
    seen = rnnverify.observe(model, x)
    for beside in ({"mask": MASK}, {"initial_state": np.zeros((N, 4))}):
        (name,) = beside
        with pytest.raises(RequestError, match=f"expected no {name} beside a spec"):
            rnnverify.verify(spec, **beside)
        with pytest.raises(RequestError, match=f"expected no {name} beside an observation"):
            rnnverify.verify(seen, **beside)


def test_the_model_is_left_as_it_is(keras: Any) -> None:
    model, x, mask = a_graph(keras)
    before: Array = model.predict(x, verbose=0)
    rnnverify.verify(model, x, mask=mask)
    assert np.array_equal(model.predict(x, verbose=0), before)
    assert rnnverify.verify(model, x).verdict == "match"
    assert {ref for node in rnnverify.observe(model, x).nodes for ref in node.mask} <= {None, Ref("")}
