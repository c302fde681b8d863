from __future__ import annotations

from typing import Any

import pytest

from rnnverify.errors import SpecError
from rnnverify.observation import Ref
from rnnverify.spec import Spec, spec_from_mapping
from rnnverify.spec.arguments import snake_case

N, T, D, M, K = 2, 5, 3, 4, 6
Entries = list[Any]


def spec(*entries: Any, **more: Any) -> Spec:
    return spec_from_mapping({"N": N, "T": T, "D": D, "M": M, "K": K, "layers": list(entries), **more})


def lstm(**arguments: Any) -> dict[str, Any]:
    return {"LSTM": {"units": "M", **arguments}}


def gru(**arguments: Any) -> dict[str, Any]:
    return {"GRU": {"units": "M", **arguments}}


def dense(**arguments: Any) -> dict[str, Any]:
    return {"Dense": {"units": "K", **arguments}}


def names(found: Spec) -> list[str]:
    return [layer.name for layer in found.layers]


@pytest.mark.parametrize(
    ("class_name", "name"),
    [("SimpleRNN", "simple_rnn"), ("LSTM", "lstm"), ("GRU", "gru"), ("TimeDistributed", "time_distributed")],
)
def test_layers_are_named_as_keras_names_them(class_name: str, name: str) -> None:
    assert snake_case(class_name) == name


def test_layers_of_one_class_are_numbered() -> None:
    rnn = {"SimpleRNN": {"units": 2, "return_sequences": True}}
    assert names(spec(rnn, rnn, rnn)) == ["simple_rnn", "simple_rnn_1", "simple_rnn_2"]


def test_a_name_given_before_is_not_given_again() -> None:
    assert names(spec(dense(name="dense_1"), dense(), dense())) == ["dense_1", "dense", "dense_2"]


def test_each_layer_reads_the_one_before_it() -> None:
    found = spec("Flatten", dense())
    assert [layer.inputs for layer in found.layers] == [(Ref("input"),), (Ref("flatten"),)]


def test_a_layer_is_referred_to_by_name_and_its_states_by_theirs() -> None:
    found = spec(
        lstm(name="encoder", return_state=True),
        dense(inputs="encoder.c"),
        dense(inputs="encoder.h"),
        dense(inputs="encoder"),
    )
    assert [layer.inputs for layer in found.layers[1:]] == [
        (Ref("encoder", 2),),
        (Ref("encoder", 1),),
        (Ref("encoder"),),
    ]


def test_initial_states_are_the_states_of_an_encoder() -> None:
    found = spec(
        lstm(name="encoder", return_state=True),
        {"InputLayer": {"shape": ["T", "D"]}},
        lstm(initial_state="encoder"),
        lstm(inputs="input_layer", initial_state=["encoder.c", "encoder.h"]),
    )
    assert found.layers[1].initial_state == (Ref("encoder", 1), Ref("encoder", 2))
    assert found.layers[2].initial_state == (Ref("encoder", 2), Ref("encoder", 1))


def test_an_initial_state_is_the_output_of_a_layer_without_states() -> None:
    found = spec("Flatten", dense(units="M", name="start"), gru(inputs="input", initial_state="start"))
    assert found.layers[2].initial_state == (Ref("start"),)


def test_a_bidirectional_layer_takes_the_states_of_both_directions() -> None:
    found = spec(
        {"Bidirectional": {"layer": gru(return_state=True), "name": "encoder"}},
        {"Bidirectional": {"layer": gru(), "inputs": "input", "initial_state": "encoder"}},
    )
    assert found.layers[1].initial_state == (Ref("encoder", 1), Ref("encoder", 2))


def test_random_states_are_inputs_of_their_own() -> None:
    found = spec(lstm(name="a", return_sequences=True), gru(), initial_state="random")
    assert [(given.name, given.shape, given.role) for given in found.inputs] == [
        ("input", (T, D), "features"),
        ("a_h", (M,), "state"),
        ("a_c", (M,), "state"),
        ("gru_h", (M,), "state"),
    ]
    assert found.layers[0].initial_state == (Ref("a_h"), Ref("a_c"))


def test_random_states_avoid_names_that_are_taken() -> None:
    found = spec({"InputLayer": {"shape": ["T", "D"], "name": "gru_h"}}, gru(), initial_state="random")
    assert [given.name for given in found.inputs] == ["gru_h", "gru_h_1"]


def test_an_explicit_state_is_not_made_random() -> None:
    found = spec(gru(return_state=True), gru(inputs="input", initial_state="gru.h"), initial_state="random")
    assert [given.name for given in found.inputs] == ["input", "gru_h"]


def test_both_directions_that_are_not_merged_are_concatenated_by_one_name() -> None:
    found = spec({"Bidirectional": {"layer": gru(), "merge_mode": None}}, {"Concatenate": {"inputs": "bidirectional"}})
    assert found.layers[1].inputs == (Ref("bidirectional"), Ref("bidirectional", 1))


def test_the_outputs_are_every_output_of_the_layers_that_feed_nobody() -> None:
    found = spec(
        lstm(name="a", return_sequences=True, return_state=True), dense(), gru(inputs="input", return_state=True)
    )
    assert found.outputs == (Ref("dense"), Ref("gru"), Ref("gru", 1))


def test_a_layer_whose_state_alone_is_read_is_no_output() -> None:
    found = spec(gru(name="a", return_state=True), gru(inputs="input", initial_state="a.h"))
    assert found.outputs == (Ref("gru"),)


@pytest.mark.parametrize(
    ("entries", "shape"),
    [
        ([lstm()], (M,)),
        ([lstm(return_sequences=True)], (T, M)),
        ([{"Bidirectional": {"layer": lstm()}}], (2 * M,)),
        ([{"Bidirectional": {"layer": lstm(return_sequences=True), "merge_mode": "sum"}}], (T, M)),
        ([dense()], (T, K)),
        (["Flatten"], (T * D,)),
        (["Flatten", {"RepeatVector": {"n": 7}}], (7, T * D)),
        ([{"TimeDistributed": {"layer": dense()}}], (T, K)),
        ([{"InputLayer": {"shape": [7, "T", "D"]}}, {"TimeDistributed": {"layer": lstm()}}], (7, M)),
        ([{"Concatenate": {"inputs": ["input", "input"]}}], (T, 2 * D)),
        ([{"Concatenate": {"inputs": ["input", "input"], "axis": 1}}], (2 * T, D)),
        ([{"Concatenate": {"inputs": ["input", "input"], "axis": -2}}], (2 * T, D)),
        ([{"Masking": {"mask_value": 0}}], (T, D)),
        ([{"Dropout": {"rate": 0.5}}], (T, D)),
        ([{"Activation": {"activation": "tanh"}}], (T, D)),
        ([{"InputLayer": {"shape": [7]}}, {"Embedding": {"input_dim": 9, "output_dim": "K"}}], (7, K)),
    ],
)
def test_shapes_are_known_before_keras_builds_anything(entries: Entries, shape: tuple[int, ...]) -> None:
    """A reference that cannot fit is refused with the shape that comes in."""
    found = spec(*entries, dense(units=1, name="last"))
    probe = [*entries, {"InputLayer": {"shape": [1] * 6, "name": "other"}}]
    with pytest.raises(SpecError) as caught:
        spec(*probe, {"Concatenate": {"inputs": [found.layers[-1].inputs[0].node, "other"]}})
    assert f"what comes in is {shape} and (1, 1, 1, 1, 1, 1)" in str(caught.value)


def test_token_ids_are_what_an_embedding_reads() -> None:
    found = spec_from_mapping(
        {"N": N, "T": T, "layers": [{"Embedding": {"input_dim": 9, "output_dim": 2}}, gru(units=2)]}
    )
    assert [(given.shape, given.role) for given in found.inputs] == [((T,), "ids")]


def test_one_input_may_be_ids_and_the_other_features() -> None:
    found = spec(
        {"InputLayer": {"shape": ["T"], "name": "words"}},
        {"Embedding": {"input_dim": 9, "output_dim": 2}},
        {"InputLayer": {"shape": ["T", "D"], "name": "sounds"}},
        {"Concatenate": {"inputs": ["embedding", "sounds"]}},
    )
    assert {given.name: given.role for given in found.inputs} == {"words": "ids", "sounds": "features"}


def test_two_hundred_layers_are_accepted() -> None:
    assert len(spec(*["Flatten"] * 200).layers) == 200


def test_stateful_false_is_keras_default_and_says_nothing() -> None:
    assert spec(lstm(stateful=False)).layers == spec(lstm()).layers
