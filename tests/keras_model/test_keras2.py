"""A config in the words of Keras 2 comes out in those of Keras 3; whatever is no such config is refused in one message."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnverify.errors import RequestError, UnsupportedError
from rnnverify.keras_model.allowed import Allowed
from rnnverify.keras_model.config_graph import calls_of, shapes_of_inputs
from rnnverify.keras_model.keras2 import Translation, version_of_keras_2
from rnnverify.keras_model.saved import DAMAGE
from rnnverify.layers.registry import LAYERS
from rnnverify.observation.arrays_file import DamagedError
from rnnverify.spec.architecture import check_architecture

RECURRENT = {"return_state": False, "unroll": False, "zero_output_for_mask": False}


def translated(config: Any, version: str = "2.2.4") -> Any:
    return Translation("m.h5", version).model(config)


def made(config: Any, version: str = "2.2.4") -> dict[str, Any]:
    """What is made of it."""
    return Allowed("m.h5", LAYERS).model(translated(config, version))


def layer(class_name: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": name, **config}}


def new(class_name: str, name: str, **config: Any) -> dict[str, Any]:
    """The same as Keras 3 has it."""
    return {"module": "keras.layers", "registered_name": None, **layer(class_name, name, **config)}


def sequential(*layers: dict[str, Any], **config: Any) -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": "s", "layers": list(layers), **config}}


def called(entry: dict[str, Any], *calls: Any) -> dict[str, Any]:
    return {**entry, "name": entry["config"]["name"], "inbound_nodes": list(calls)}


def functional(*entries: dict[str, Any], last: str) -> dict[str, Any]:
    given_one = called(layer("InputLayer", "x", batch_input_shape=[None, 4, 3], sparse=False, ragged=False))
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [[last, 0, 0]]}
    return {"class_name": "Model", "config": {"name": "f", "layers": [given_one, *entries], **ends}}


def tensor(name: str, call: int = 0, output: int = 0) -> dict[str, Any]:
    history = {"shape": [None], "dtype": "float32", "keras_history": [name, call, output]}
    return {"class_name": "__keras_tensor__", "config": history}


def layers_of(config: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = config["config"]["layers"]
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2.1.5", "2.1.5"),
        ("2.2.4-tf", "2.2.4-tf"),
        ("1.2.2", "1.2.2"),
        ("3.0.0", None),
        ("2", None),
        ("2.0\nmore", None),
        ("2." + "1" * 99, None),
        (["2.1.5"], None),
        (None, None),
    ],
)
def test_the_version_says_whose_words_they_are(text: Any, found: str | None) -> None:
    assert version_of_keras_2(text) == found


@pytest.mark.parametrize("config", [sequential, lambda *layers: {"class_name": "Sequential", "config": list(layers)}])
@pytest.mark.parametrize("inside", [False, True])
def test_what_comes_in_may_be_said_by_the_first_layer(config: Any, inside: bool) -> None:
    options = {"units": 2, "batch_input_shape": [None, 4, 3], "dtype": "float64", "time_major": False}
    first = layer("LSTM", "lstm", implementation=1, **options)
    if inside:
        first = layer("Bidirectional", "lstm", layer=first)
    given_one, lstm = layers_of(made(config(first)))
    dtype = "float32" if inside else "float64"
    assert given_one == new("InputLayer", "lstm_input", batch_shape=[None, 4, 3], dtype=dtype)
    inner = new("LSTM", "lstm", **RECURRENT, units=2, dtype="float64")
    assert lstm == (new("Bidirectional", "lstm", layer=inner) if inside else inner)


def test_a_shape_of_a_later_layer_is_passed_over() -> None:
    first = layer("InputLayer", "x", batch_input_shape=[None, 4, 3], dtype="float32", optional=False)
    dense = layer("Dense", "d", units=2, batch_input_shape=[None, 9])
    assert layers_of(made(sequential(first, dense))) == [
        new("InputLayer", "x", batch_shape=[None, 4, 3], dtype="float32"),
        new("Dense", "d", units=2),
    ]


@pytest.mark.parametrize("where", ["build_input_shape", "build_config"])
def test_a_model_may_say_what_it_was_built_with(where: str) -> None:
    config = sequential(layer("Dense", "d", units=2))
    if where == "build_config":
        config["build_config"] = {"input_shape": [None, 4, 3]}
    else:
        config["config"]["build_input_shape"] = [None, 4, 3]
    assert made(config)["config"]["build_input_shape"] == [None, 4, 3]


@pytest.mark.parametrize(
    ("old", "expected"),
    [
        (layer("GRU", "l", units=2), new("GRU", "l", **RECURRENT, reset_after=False, units=2)),
        (layer("GRU", "l", reset_after=True), new("GRU", "l", **RECURRENT, reset_after=True)),
        (layer("LSTM", "l", num_constants=None), new("LSTM", "l", **RECURRENT)),
        (layer("Embedding", "l", input_length=5), new("Embedding", "l")),
        (layer("Dense", "l", activation="softmax_v2"), new("Dense", "l", activation="softmax")),
        (layer("ELU", "l", alpha={"type": "ndarray", "value": 0.5}), new("ELU", "l", alpha=0.5)),
        (layer("Conv2D", "l", filters=2), new("Conv2D", "l", groups=1, filters=2)),
        (layer("LeakyReLU", "l", alpha=0.1), new("LeakyReLU", "l", negative_slope=0.1)),
        (layer("ThresholdedReLU", "l", theta=2.0), new("ReLU", "l", max_value=None, negative_slope=0.0, threshold=2.0)),
        (
            layer("BatchNormalizationV1", "l", axis=[2], fused=None, renorm=False),
            new("BatchNormalization", "l", axis=2),
        ),
        (
            layer("SeparableConv1D", "l", kernel_initializer=None, depthwise_initializer=None, groups=1),
            new("SeparableConv1D", "l", depthwise_initializer="zeros"),
        ),
        (
            layer("CuDNNGRU", "l", units=2),
            new(
                "GRU",
                "l",
                **RECURRENT,
                activation="tanh",
                recurrent_activation="sigmoid",
                use_bias=True,
                reset_after=True,
                units=2,
            ),
        ),
        (
            {**layer("Dense", "l", units=2), "module": "tf_keras.src.layers.core.dense", "build_config": {}},
            new("Dense", "l", units=2),
        ),
        ({**layer("Dense", "l", units=2), "module": "keras.legacy.layers"}, new("Dense", "l", units=2)),
        ({**layer("Dense", "l", units=2), "module": "tensorflow.keras.layers"}, new("Dense", "l", units=2)),
        (
            layer(
                "Dense", "l", dtype={"class_name": "Policy", "config": {"name": "mixed_float16", "loss_scale": None}}
            ),
            new("Dense", "l", dtype="mixed_float16"),
        ),
    ],
)
def test_a_layer_comes_out_in_keras_3_s_words(old: dict[str, Any], expected: dict[str, Any]) -> None:
    given_one = layer("InputLayer", "x", batch_input_shape=[None, 4, 3])
    assert layers_of(made(sequential(given_one, old)))[1] == expected


@pytest.mark.parametrize(
    ("class_name", "call", "expected"),
    [
        ("LSTM", [["x", 0, 0, {}]], {"args": [tensor("x")], "kwargs": {}}),
        ("LSTM", ["x", 0, 0, {"training": None, "mask": None}], {"args": [tensor("x")], "kwargs": {}}),
        (
            "LSTM",
            [["x", 0, 0, {}], ["e", 1, 1, {}], ["e", 1, 2, {}]],
            {"args": [tensor("x")], "kwargs": {"initial_state": [tensor("e", 1, 1), tensor("e", 1, 2)]}},
        ),
        (
            "GRU",
            [["x", 0, 0, {"initial_state": [["e", 0, 1]], "training": False}]],
            {"args": [tensor("x")], "kwargs": {"initial_state": [tensor("e", 0, 1)], "training": False}},
        ),
        (
            "GRU",
            [["x", 0, 0, {"mask": ["e", 0, 1]}]],
            {"args": [tensor("x")], "kwargs": {"mask": tensor("e", 0, 1)}},
        ),
        ("Concatenate", [["x", 0, 0, {}], ["e", 0, 1, {}]], {"args": [[tensor("x"), tensor("e", 0, 1)]], "kwargs": {}}),
        ("Dense", {"args": [tensor("x")], "kwargs": {}}, {"args": [tensor("x")], "kwargs": {}}),
    ],
)
def test_a_call_comes_out_with_its_tensors(class_name: str, call: Any, expected: Any) -> None:
    before = called(layer("LSTM", "e", units=3), [["x", 0, 0, {}]])
    config = functional(before, called(layer(class_name, "last"), call), last="last")
    assert layers_of(made(config))[2]["inbound_nodes"] == [expected]


def test_names_with_a_slash_become_others_that_are_free() -> None:
    entries = [
        called(layer("Dense", "a/b"), [["x", 0, 0, {}]]),
        called(layer("Dense", "a_b"), [["a/b", 0, 0, {}]]),
        called(layer("Dense", "a/b_"), [["a_b", 0, 0, {}]]),
        called(layer("Dense", "c>d"), [["a/b_", 0, 0, {}]]),
    ]
    translation = Translation("m.h5", "2.3.1")
    config = Allowed("m.h5", LAYERS).model(translation.model(functional(*entries, last="a/b_")))
    names = [one["name"] for one in layers_of(config)]
    assert names == [one["config"]["name"] for one in layers_of(config)] == ["x", "a_b_", "a_b", "a_b__", "c>d"]
    assert list(translation.names) == ["x", "a/b", "a_b", "a/b_", "c>d"]
    assert list(translation.names.values()) == names
    assert [one["inbound_nodes"][0]["args"] for one in layers_of(config)[1:]] == [[tensor(name)] for name in names[:-1]]
    assert config["config"]["output_layers"] == [["a_b__", 0, 0]]


@pytest.mark.parametrize(
    ("old", "fragment"),
    [
        (
            layer("LSTM", "l", time_major=True),
            "layer 'l': time_major=True is not implemented, only time_major=False is",
        ),
        (layer("LSTM", "l", num_constants=2), "layer 'l': num_constants=2 is not implemented"),
        (layer("InputLayer", "l", batch_input_shape=[None], ragged=True), "layer 'l': ragged=True is not"),
        (layer("BatchNormalization", "l", renorm=True), "layer 'l': renorm=True is not implemented"),
        (layer("Lambda", "l", function=["4w==", None, None]), "the class Lambda has no replay"),
        (layer("layers.Lambda", "l"), "Lambda has no replay"),
        (layer("TFOpLambda", "l"), "the class TFOpLambda has no replay"),
        (layer("Custom>LSTM", "l"), "Custom>LSTM"),
        (layer("TimeDistributed", "l", layer=layer("Lambda", "m")), "the class Lambda has no replay"),
        (layer("Bidirectional", "l", layer=layer("LSTM", "m", time_major=True)), "layer 'm': time_major=True is not"),
        ({**layer("Dense", "l"), "module": "mine"}, "mine"),
        ({**layer("Dense", "l"), "module": "keras.utils"}, "the class keras.utils.Dense has no replay"),
        ({**layer("Dense", "l"), "module": "tensorflow.python.ops"}, "tensorflow.python.ops"),
        (layer("Dense", "l", activation={"class_name": "Lambda", "config": {}}), "the class Lambda has no replay"),
        (layer("Dense", "l", kernel_regularizer={"class_name": "Mine", "config": {}}), "expected one of Keras's own"),
        (
            layer("TimeDistributed", "l", layer=sequential(layer("Dense", "m"))),
            "a model inside a wrapper is not implemented",
        ),
        ({**sequential(layer("Dense", "l")), "module": "mine"}, "mine"),
    ],
)
def test_what_has_no_word_in_keras_3_or_is_not_on_its_list_is_refused(old: dict[str, Any], fragment: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        made(sequential(layer("InputLayer", "x", batch_input_shape=[None, 4, 3]), old))
    assert str(caught.value).startswith("m.h5: ")
    assert fragment in str(caught.value)


def test_a_model_of_keras_1_is_refused() -> None:
    with pytest.raises(
        UnsupportedError, match=r"^m.h5: a model of Keras 1.2.2, of which only 2 and 3 are read; load it"
    ):
        made(sequential(), "1.2.2")


PART = functional(called(layer("Dense", "d", units=3, activation="tanh", use_bias=True), [["x", 0, 0, {}]]), last="d")
PART["config"]["name"] = "part"
WHOLE = [
    functional(called(PART, [["x", 0, 0, {}]], [["part", 1, 0, {}]]), last="part"),
    sequential(sequential(layer("LSTM", "l", units=2, batch_input_shape=[None, 4, 3])), layer("Flatten", "f")),
    sequential(
        layer("Bidirectional", "b", layer=layer("CuDNNLSTM", "l", units=2), batch_input_shape=[None, 4, 3]),
        layer("TimeDistributed", "t", layer=layer("Dense", "d", units=2, activation="hard_sigmoid", use_bias=True)),
    ),
    functional(
        called(layer("LSTM", "a/b", units=2, activation="tanh", return_state=True), [["x", 0, 0, {}]]),
        called(layer("LSTM", "c", units=2), [["x", 0, 0, {"mask": None}], ["a/b", 0, 1, {}], ["a/b", 0, 2, {}]]),
        called(layer("Concatenate", "d", axis=-1), [["c", 0, 0, {}], ["a/b", 0, 0, {}]]),
        last="d",
    ),
]
VALUES = st.recursive(
    st.sampled_from([None, True, 0, -1, 2**70, 1.5, "", "x", "a/b", "LSTM", "Lambda", "__keras_tensor__", [], {}])
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["class_name", "config", "layers", "module", "name", "layer"]), inner, max_size=4
        )
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to everything in a document."""
    keys = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(way for key, one in keys for way in places(one, (*path, key)))]


@given(data=st.data(), whole=st.sampled_from(WHOLE))
@settings(max_examples=300)
def test_whatever_stands_where_is_read_or_refused_in_one_message(data: st.DataObject, whole: dict[str, Any]) -> None:
    config = {"": json.loads(json.dumps(whole))}
    for way in data.draw(st.lists(st.sampled_from(places(whole)), min_size=1, max_size=2)):
        inner: Any = config
        steps = ["", *way]
        try:
            for step in steps[:-1]:
                inner = inner[step]
            inner[steps[-1]] = data.draw(VALUES)
        except (TypeError, LookupError):  # the change before this one took it away
            continue
    told = ""
    try:
        found = made(json.loads(json.dumps(config[""])))
        check_architecture("m.h5", shapes_of_inputs(found, 4), calls_of("m.h5", found), 2)
    except (RequestError, DamagedError, *DAMAGE) as error:
        told = str(error)
    assert "\n" not in told
