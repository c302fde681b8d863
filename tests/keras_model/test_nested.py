"""Models inside models: each layer inside one is a node, named by its place, and what Keras computes is what is expected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnverify import replay, verify
from rnnverify.errors import RequestError, UnsupportedError
from rnnverify.keras_model.from_memory import observe_model
from rnnverify.layers.arrays import Array
from rnnverify.observation import Node, Observation
from rnnverify.verification.verdict import judge

N, T, D, IDS = 4, 5, 3, 9
RNG = np.random.default_rng(20261129)
Made = tuple[Any, Any, list[str]]  # a model, its inputs, and the nodes that it should have


def numbers(*shape: int) -> Array:
    return RNG.standard_normal((N, *shape)).astype(np.float32)


def padded(*shape: int) -> Array:
    x = numbers(*shape)
    x[0, 3:] = x[1, 1] = 0
    return x


def ids(*shape: int) -> Array:
    x = RNG.integers(1, IDS, (N, *shape))
    x[0, 3:] = x[1, 1] = 0
    return x


def a_row_in_a_row(k: Any) -> Made:
    L = k.layers
    inner = k.Sequential([L.GRU(3, return_sequences=True), L.Dense(2)], name="inner")
    encoder = k.Sequential([L.LSTM(4, return_sequences=True, name="lstm"), inner], name="encoder")
    model = k.Sequential([k.Input((T, D)), encoder, k.Sequential([L.LSTM(3, name="lstm")], name="head")])
    return model, numbers(T, D), ["encoder/lstm", "encoder/inner/gru", "encoder/inner/dense", "head/lstm"]


def a_graph_in_a_row(k: Any) -> Made:
    L = k.layers
    given = k.Input((T, D))
    first = k.Model(given, L.LSTM(4, return_sequences=True, name="lstm")(given), name="first")
    between = k.Input((T, 4))
    last = k.Model(between, L.LSTM(2, return_sequences=True, name="lstm")(between)[:, -1], name="last")
    return k.Sequential([first, last]), numbers(T, D), ["first/lstm", "last/lstm", "last/get_item"]


def a_mask_from_outside(k: Any) -> Made:
    L = k.layers
    encoder = k.Sequential([k.Input((T, D)), L.LSTM(4, return_sequences=True, name="lstm")], name="encoder")
    given = k.Input((T, D))
    model = k.Model(given, L.LSTM(2, name="lstm")(encoder(L.Masking(name="masking")(given))))
    return model, padded(T, D), ["masking", "encoder/lstm", "lstm"]


def a_mask_from_inside(k: Any) -> Made:
    L = k.layers
    embed = k.Sequential(
        [L.Embedding(IDS, D, mask_zero=True, name="embedding"), L.Dropout(0.5, name="d")], name="embed"
    )
    between = k.Input((None, D))
    read = k.Model(between, L.Bidirectional(L.LSTM(4), name="both")(between), name="read")
    given = k.Input((T,), dtype="int32")
    return k.Model(given, read(embed(given))), ids(T), ["embed/embedding", "embed/d", "read/both"]


def masks_of_several_inputs(k: Any) -> Made:
    L = k.layers
    embed = k.Sequential([k.Input((T,)), L.Embedding(IDS, D, mask_zero=True, name="embedding")], name="embed")
    ends = [k.Input((T, D)), k.Input((T, D))]
    join = k.Model(ends, L.GRU(3, name="gru")(L.Concatenate(name="concatenate")(ends)), name="join")
    given = [k.Input((T,)), k.Input((T,))]
    names = ["embed/embedding", "embed:2/embedding", "join/concatenate", "join/gru"]
    return k.Model(given, join([embed(given[0]), embed(given[1])])), [ids(T), ids(T)], names


def several_outputs(k: Any) -> Made:
    L = k.layers
    given = k.Input((T, D))
    seen = L.LSTM(4, return_sequences=True, name="lstm")(L.Masking(name="masking")(given))
    encoder = k.Model(given, [given, seen, L.Dense(2, name="dense")(seen)], name="encoder")
    a, b = k.Input((T, D), name="a"), k.Input((T, D), name="b")
    same, first, _ = encoder(L.Masking(name="masking")(a))
    _, second, last = encoder(b)
    outputs = {"w": L.LSTM(2, name="lstm")(L.Add(name="add")([first, second])), "y": [last, L.GRU(2, name="gru")(same)]}
    names = [f"{place}/{one}" for place in ("encoder", "encoder:2") for one in ("masking", "lstm", "dense")]
    return k.Model([a, b], outputs), [padded(T, D), padded(T, D)], ["masking", *names, "add", "lstm", "gru"]


def inputs_by_name(k: Any) -> Made:
    L = k.layers
    q, p = k.Input((T, D), name="q"), k.Input((T, D), name="p")
    sums = {"s": L.LSTM(4, name="of_q")(q) - L.LSTM(4, name="of_p")(p), "r": L.GRU(2, name="gru")(q)}
    keyed = k.Model({"zz": q, "aa": p}, sums, name="keyed")
    listed = k.Model(
        [q, p], L.Subtract(name="less")([L.LSTM(2, name="of_q")(q), L.LSTM(2, name="of_p")(p)]), name="listed"
    )
    a, b = k.Input((T, D), name="a"), k.Input((T, D), name="b")
    made = keyed({"zz": b, "aa": a})
    names = ["keyed/of_q", "keyed/of_p", "keyed/subtract", "keyed/gru", "listed/of_q", "listed/of_p", "listed/less"]
    model = k.Model({"a": a, "b": b}, [made["s"], made["r"], listed({"p": a, "q": b})])
    return model, {"a": numbers(T, D), "b": numbers(T, D)}, names


def states_from_one_to_another(k: Any) -> Made:
    L = k.layers
    given = k.Input((T, D))
    encoder = k.Model(given, L.LSTM(4, return_state=True, name="lstm")(given), name="encoder")
    start = [k.Input((T, 2)), k.Input((4,)), k.Input((4,))]
    decoder = k.Model(start, L.LSTM(4, name="lstm")(start[0], initial_state=start[1:]), name="decoder")
    ends = [k.Input((T, D), name="source"), k.Input((T, 2), name="target")]
    _, h, c = encoder(ends[0])
    return k.Model(ends, decoder([ends[1], h, c])), [numbers(T, D), numbers(T, 2)], ["encoder/lstm", "decoder/lstm"]


def called_again_and_again(k: Any) -> Made:
    tower = k.Sequential([k.Input((T, D)), k.layers.LSTM(4, name="lstm")], name="tower")
    given = k.Input((T, D))
    twice = k.Model(given, tower(given) + tower(given[:, ::-1]), name="twice")
    a, b = k.Input((T, D)), k.Input((T, D))
    inside = ["get_item", "tower/lstm", "tower:2/lstm", "add"]
    names = [f"{place}/{one}" for place in ("twice", "twice:2") for one in inside]
    return k.Model([a, b], k.ops.maximum(twice(a), twice(b))), [numbers(T, D), numbers(T, D)], [*names, "maximum"]


BUILT: list[Callable[[Any], Made]] = [
    *(a_row_in_a_row, a_graph_in_a_row, a_mask_from_outside, a_mask_from_inside, masks_of_several_inputs),
    *(several_outputs, inputs_by_name, states_from_one_to_another, called_again_and_again),
]


def biased(model: Any) -> Any:
    """With random numbers in all weights, as zero biases hide mistakes."""
    model.set_weights([RNG.standard_normal(weight.shape) / 2 for weight in model.get_weights()])
    return model


@pytest.mark.filterwarnings("ignore:.*passed an input with a mask", "ignore:When providing `inputs` as a dict")
@pytest.mark.parametrize("build", BUILT)
def test_every_layer_inside_is_a_node_named_by_its_place(
    keras: Any, build: Callable[[Any], Made], tmp_path: Path
) -> None:
    keras.backend.clear_session()
    made, x, names = build(keras)
    model = biased(made)
    result = verify(model, x)
    assert result.verdict == "match", result.first_divergence
    assert sorted(one.layer for one in result.layers) == sorted(names)
    expected, got = (keras.tree.flatten(one) for one in (model.predict(x, verbose=0), replay(model, x)))
    for one, other in zip(expected, got, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5)
    model.save(tmp_path / "model.keras")
    saved = verify(tmp_path / "model.keras")
    assert saved.verdict == "match", saved.first_divergence
    assert sorted(one.layer for one in saved.layers) == sorted(names)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_h5_file_may_hold_models_inside(keras: Any, tmp_path: Path) -> None:
    model, _, names = states_from_one_to_another(keras)
    model.save(tmp_path / "model.h5")
    assert sorted(one.layer for one in verify(tmp_path / "model.h5").layers) == sorted(names)


def test_the_layers_of_a_model_keep_their_names(keras: Any) -> None:
    model, x, _ = a_row_in_a_row(keras)
    verify(model, x)
    assert [one.name for one in model.layers] == ["encoder", "head"]
    assert [one.name for one in model.get_layer("encoder").layers] == ["lstm", "inner"]


@pytest.fixture(scope="module")
def observed(keras: Any) -> Observation:
    model, x, _ = called_again_and_again(keras)
    return observe_model(biased(model), x)


def changed(node: Node, name: str) -> Node:
    wrong = node.name == name
    return replace(node, weights={key: array + 0.01 for key, array in node.weights.items()}) if wrong else node


@pytest.mark.parametrize(
    "place", ["twice/tower/lstm", "twice/tower:2/lstm", "twice:2/tower/lstm", "twice:2/tower:2/lstm"]
)
def test_a_fault_is_placed_in_the_model_and_the_call_that_have_it(observed: Observation, place: str) -> None:
    result = judge(replace(observed, nodes=tuple(changed(node, place) for node in observed.nodes))).result
    assert result.verdict == "mismatch"
    assert result.first_divergence is not None
    assert result.first_divergence.layer == place
    assert [one.layer for one in result.layers if not one.passed] == [place]


def test_calls_of_one_layer_share_its_weights_and_its_name(observed: Observation) -> None:
    calls = [node for node in observed.nodes if node.class_name == "LSTM"]
    assert {node.layer for node in calls} == {"twice/tower/lstm"}
    assert all(
        np.array_equal(a, b)
        for node in calls
        for a, b in zip(node.weights.values(), calls[0].weights.values(), strict=True)
    )


@pytest.mark.filterwarnings("ignore:.*passed an input with a mask")
@pytest.mark.parametrize("build", [a_mask_from_outside, a_mask_from_inside, masks_of_several_inputs])
def test_a_mask_reaches_the_layers_inside(keras: Any, build: Callable[[Any], Made]) -> None:
    model, x, _ = build(keras)
    seen = observe_model(biased(model), x)
    walking = [node for node in seen.nodes if seen.walks.get(node.name)]
    assert all(node.masked for node in walking)
    for one in walking:
        unmasked = replace(seen, nodes=tuple(replace(n, masked=False) if n is one else n for n in seen.nodes))
        assert judge(unmasked).result.verdict == "mismatch"


def refused(build: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    def made(k: Any) -> Any:
        given = k.Input((T, D))
        return k.Model(given, build(k, given))

    return made


def row(k: Any, *layers: Any, shape: tuple[int, ...] = (T, D), dtype: str = "float32") -> Any:
    return k.Sequential([k.Input(shape, dtype=dtype), *layers], name="inner")


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "training": (
        refused(lambda k, x: row(k, k.layers.Dropout(0.5))(x, training=True)),
        "the model 'inner' is called with training, which is not implemented",
    ),
    "a wrapper": (
        refused(lambda k, x: k.layers.TimeDistributed(row(k, k.layers.Dense(2), shape=(D,)))(x)),
        "Sequential",
    ),
    "a coarser input": (
        refused(lambda k, x: row(k, k.layers.Dense(2), dtype="float16")(x)),
        "the model 'inner' takes float16 and is given float32, .*; give it a keras.Input of the dtype float32",
    ),
    "an input of whole numbers": (
        refused(lambda k, x: row(k, k.layers.Rescaling(0.5), dtype="int32")(x)),
        "the model 'inner' takes int32 and is given float32",
    ),
    "another number of axes": (
        refused(lambda k, x: row(k, k.layers.Dense(2), shape=(T,))(x[:, :, :1])),
        r"the model 'inner' takes \(N, 5\) and is given \(N, 5, 1\); give it an input of the shape that it takes",
    ),
    "a layer without a replay": (
        refused(lambda k, x: row(k, k.layers.RMSNormalization())(x)),
        "RMSNormalization has no replay",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_model_inside_makes_otherwise_is_refused(keras: Any, name: str) -> None:
    build, told = REFUSED[name]
    with pytest.raises(UnsupportedError, match=told):
        verify(build(keras), numbers(T, D))


def test_an_unbuilt_row_has_no_place_in_a_graph(keras: Any) -> None:
    class Own(keras.Model):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(RequestError, match="Own has no replay"):
        verify(refused(lambda k, x: Own(name="own")(x))(keras), numbers(T, D))
