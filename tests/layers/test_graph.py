"""A whole model replayed, by hand: each node on what those before it gave, in the precision that it computes in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from rnnverify.errors import UnsupportedError
from rnnverify.layers.graph import Graph
from rnnverify.observation import Node, Ref
from rnnverify.observation.precision import rounded
from tests.layers.against_keras import OPTIONS, Array

X = Ref("x")
ONE = {"kernel": np.ones((1, 1)), "recurrent_kernel": np.ones((1, 1))}


def node(name: str, class_name: str, *inputs: Ref, weights: Mapping[str, Array] | None = None, **config: Any) -> Node:
    """One call of a layer; `states` and `masked` are the call's, the rest its config."""
    states, masked = config.pop("states", ()), config.pop("masked", True)
    config = {"name": name, "dtype": "float32", **config}
    return Node(name, name, class_name, config, weights or {}, inputs, states, masked)


def linear(name: str, source: Ref, kernel: Any, **config: Any) -> Node:
    """A Dense without bias."""
    kernel = np.array(kernel, dtype=np.float64)
    config = {"units": kernel.shape[1], "use_bias": False, "activation": "linear", **config}
    return node(name, "Dense", source, weights={"kernel": kernel}, **config)


def adding(name: str, source: Ref, **config: Any) -> Node:
    """One unit that adds up what it is given."""
    config = {**OPTIONS, "units": 1, "use_bias": False, "activation": "linear", "return_sequences": True, **config}
    return node(name, "SimpleRNN", source, weights=ONE, **config)


def run(*nodes: Node, **inputs: Any) -> dict[Ref, Any]:
    """The inputs and every output of every node."""
    return {ref: y.values.tolist() for ref, y in Graph(nodes).run(arrays(inputs)).items()}


def masks(*nodes: Node, **inputs: Any) -> dict[Ref, Any]:
    """The masks that go with them."""
    return {ref: None if y.mask is None else y.mask.tolist() for ref, y in Graph(nodes).run(arrays(inputs)).items()}


def arrays(inputs: Mapping[str, Any]) -> dict[str, Array]:
    return {name: np.asarray(x) for name, x in inputs.items()}


def test_each_node_computes_on_what_those_before_it_gave() -> None:
    found = run(linear("a", X, [[2.0], [3.0]]), linear("b", Ref("a"), [[10.0, -1.0]]), x=[[1.0, 1.0], [0.0, 4.0]])
    assert found == {X: [[1, 1], [0, 4]], Ref("a"): [[5], [12]], Ref("b"): [[50, -5], [120, -12]]}


def test_a_layer_called_twice_computes_with_its_weights_twice() -> None:
    first, second = linear("a", X, [[3.0]]), linear("a:2", Ref("a"), [[3.0]])
    assert run(first, second, x=[[2.0]])[Ref("a:2")] == [[18]]


def test_inputs_of_their_own_meet_in_the_order_they_are_named() -> None:
    joined = node("joined", "Concatenate", Ref("second"), Ref("first"), axis=-1)
    assert run(joined, first=[[1.0]], second=[[2.0, 3.0]])[Ref("joined")] == [[2, 3, 1]]


def test_a_layer_with_several_outputs_gives_each_under_its_number() -> None:
    rnn = adding("rnn", X, return_state=True)
    found = run(rnn, linear("of_state", Ref("rnn", 1), [[2.0]]), x=[[[1.0], [2.0], [4.0]]])
    assert found[Ref("rnn")] == [[[1], [3], [7]]]
    assert found[Ref("rnn", 1)] == [[7]]
    assert found[Ref("of_state")] == [[14]]


def test_a_walk_starts_from_the_states_that_another_layer_gave() -> None:
    decoder = adding("decoder", Ref("y"), states=(Ref("encoder", 1),))
    found = run(adding("encoder", X, return_state=True), decoder, x=[[[1.0], [2.0]]], y=[[[10.0], [20.0]]])
    assert found[Ref("decoder")] == [[[13], [33]]]


MASKED = [[[0.0], [2.0], [0.0], [4.0]]]


def test_a_mask_is_handed_from_node_to_node_and_heeded() -> None:
    nodes = (
        node("mask", "Masking", X, mask_value=0.0),
        linear("dense", Ref("mask"), [[1.0]]),
        adding("rnn", Ref("dense")),
    )
    found, kept = run(*nodes, x=MASKED), masks(*nodes, x=MASKED)
    mask = [[False, True, False, True]]
    assert kept == {X: None, Ref("mask"): mask, Ref("dense"): mask, Ref("rnn"): mask}
    assert found[Ref("rnn")] == [[[0], [2], [2], [6]]]


def test_a_call_that_keras_gives_no_mask_runs_over_the_masked_steps_and_hands_the_mask_on() -> None:
    mask = np.array([[True, False, True, False]])
    given = arrays({"x": MASKED, "h": [[100.0]]})
    heeding, ignoring = (adding("rnn", X, states=(Ref("h"),), masked=masked) for masked in (True, False))
    assert Graph([heeding]).run(given, masks={"x": mask})[Ref("rnn")].values.tolist() == [[[100], [100], [100], [100]]]
    ignored = Graph([ignoring]).run(given, masks={"x": mask})[Ref("rnn")]
    assert ignored.values.tolist() == [[[100], [102], [102], [106]]]
    assert ignored.mask is mask


def test_a_mask_may_come_with_an_input() -> None:
    mask = np.array([[True, False, True, False]])
    found = Graph([adding("rnn", X)]).run(arrays({"x": MASKED}), masks={"x": mask})
    assert found[Ref("rnn")].values.tolist() == [[[0], [0], [0], [0]]]
    assert found[Ref("rnn")].mask is mask


FINE = 1 + 2.0**-20  # float32 has it, float16 and bfloat16 have not


@pytest.mark.parametrize(
    ("dtype", "seen"),
    [
        ("float64", FINE),
        ("float32", FINE),
        ("float16", 1.0),
        ("mixed_float16", 1.0),
        ("bfloat16", 1.0),
        ({"class_name": "DTypePolicy", "config": {"name": "mixed_bfloat16"}}, 1.0),
    ],
)
def test_an_input_is_rounded_to_the_precision_of_the_layer_and_so_is_a_weight(dtype: Any, seen: float) -> None:
    identity = linear("a", X, [[1.0]], dtype=dtype)
    assert run(identity, x=[[FINE]])[Ref("a")] == [[seen]]
    weight = linear("a", X, [[FINE]], dtype=dtype)
    assert run(weight, x=[[1.0]])[Ref("a")] == [[seen]]


def test_what_a_layer_gave_is_rounded_where_the_next_one_cannot_hold_it() -> None:
    # 1/3 of FINE is no number of either precision: that Keras's first layer rounds it is what the bounds are for
    for first, second, rounds in (
        ("float32", "float16", True),
        ("bfloat16", "float16", True),
        ("float16", "float32", False),
    ):
        third = linear("a", X, [[1 / 3]], dtype=first)
        given = run(third, linear("b", Ref("a"), [[1.0]], dtype=second), x=[[0.7]])
        expected = rounded(np.array(given[Ref("a")]), second) if rounds else given[Ref("a")]
        assert np.array_equal(given[Ref("b")], expected)
        assert rounds == (not np.array_equal(given[Ref("b")], given[Ref("a")]))


def test_token_ids_are_never_rounded() -> None:
    embeddings = np.zeros((2051, 1))
    embeddings[2049] = 7
    config = {"input_dim": 2051, "output_dim": 1, "mask_zero": True, "dtype": "float16"}
    embedding = node("embedding", "Embedding", X, weights={"embeddings": embeddings}, **config)
    for ids in (np.array([[2049, 0]]), np.array([[2049.0, 0.0]])):  # float16 has 2048 and 2050
        found = Graph([embedding]).run({"x": ids})[Ref("embedding")]
        assert found.values.tolist() == [[[7.0], [0.0]]]
        assert found.mask is not None
        assert found.mask.tolist() == [[True, False]]


def test_whole_numbers_stay_whole_numbers() -> None:
    found = Graph([node("flat", "Flatten", X, dtype="float16")]).run({"x": np.array([[2049, 0]])})
    for ref in (X, Ref("flat")):
        assert found[ref].values.tolist() == [[2049, 0]]
        assert found[ref].values.dtype.kind == "i"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_goes_on_in_the_precision_that_was_asked_for(dtype: Any) -> None:
    found = Graph([adding("rnn", X), linear("a", Ref("rnn"), [[1.0]])]).run(arrays({"x": MASKED}), dtype)
    assert {y.values.dtype for y in found.values()} == {np.dtype(dtype)}


def test_an_overflow_is_no_error() -> None:
    found = run(
        linear("a", X, [[1e300]], dtype="float64"), linear("b", Ref("a"), [[-1e300]], dtype="float64"), x=[[1.0]]
    )
    assert found[Ref("b")] == [[-np.inf]]


def test_a_free_walk_has_every_step_also_where_the_layer_gives_the_last_alone() -> None:
    rnn, dense = adding("rnn", X, return_sequences=False), linear("a", X, [[1.0]])
    graph = Graph([rnn, dense])
    values = graph.run(arrays({"x": MASKED}))
    (walk,) = graph.free_walks(rnn, values)
    assert values[Ref("rnn")].values.tolist() == [[6]]
    assert walk.sequence.tolist() == [[[0], [2], [2], [6]]]
    assert graph.free_walks(dense, values) == []


@pytest.mark.parametrize(
    ("class_name", "config", "weights", "count"),
    [
        ("Dense", {"units": 1, "use_bias": True, "activation": "linear"}, 1, 2),
        ("Dense", {"units": 1, "use_bias": False, "activation": "linear"}, 2, 1),
        ("SimpleRNN", {**OPTIONS, "units": 1, "activation": "tanh"}, 2, 3),
        ("Flatten", {}, 1, 0),
    ],
)
def test_another_number_of_weights_is_refused(
    class_name: str, config: dict[str, Any], weights: int, count: int
) -> None:
    given = {f"weight{index}": np.ones((1, 1)) for index in range(weights)}
    message = f"layer 'it': a {class_name} with this config has {count} weight arrays, get_weights() gave {weights}"
    with pytest.raises(UnsupportedError, match=f"^{re.escape(message)}$"):
        Graph([node("it", class_name, X, weights=given, **config)])


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (1,), (1, 1, 1)])
def test_weights_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    config = {"units": 1, "use_bias": False, "activation": "linear"}
    graph = Graph([node("it", "Dense", X, weights={"kernel": np.ones(shape)}, **config)])
    message = f"layer 'it': a Dense with this config has the weights kernel (1, 1); get_weights() gave {shape}"
    with pytest.raises(UnsupportedError, match=f"^{re.escape(message)}$"):
        graph.run({"x": np.ones((2, 1))})


def test_a_layer_without_replay_and_a_precision_without_one_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="layer 'it': the class Conv3D has no replay"):
        Graph([node("it", "Conv3D", X)])
    with pytest.raises(UnsupportedError, match="the dtype policy 'int8_from_float32' is not implemented"):
        Graph([node("it", "Flatten", X, dtype="int8_from_float32")])
