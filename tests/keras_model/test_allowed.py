"""Only what is on the list is made, under whatever name Keras would find something else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rnnverify.errors import RequestError, UnsupportedError
from rnnverify.keras_model.allowed import Allowed
from rnnverify.layers.registry import LAYERS

CODE = {"class_name": "__lambda__", "config": {"code": "4w==", "defaults": None, "closure": None}}
INPUT = {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 4, 3], "name": "x"}}
X = {
    "class_name": "__keras_tensor__",
    "config": {"shape": [None, 4, 3], "dtype": "float32", "keras_history": ["x", 0, 0]},
}


def made(config: Any) -> dict[str, Any]:
    return Allowed("m.keras", LAYERS).model(config)


def part(module: str | None, class_name: Any, **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": config}


def dense(**config: Any) -> dict[str, Any]:
    return part("keras.layers", "Dense", name="dense", units=2, **config)


def sequential(*layers: Any) -> dict[str, Any]:
    return part("keras", "Sequential", name="s", layers=[INPUT, *layers])


def functional(*entries: Any, **config: Any) -> dict[str, Any]:
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [["dense", 0, 0]], **config}
    layers = [{**INPUT, "name": "x", "inbound_nodes": []}, *entries]
    return part("keras.src.models.functional", "Functional", name="f", layers=layers, **ends)


def called(entry: dict[str, Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    return {
        **entry,
        "name": entry["config"].get("name"),
        "inbound_nodes": [{"args": list(args or [X]), "kwargs": kwargs}],
    }


LAMBDAS = [
    part("keras.layers", "Lambda", function=CODE),
    part("keras", "layers.Lambda", function=CODE),
    part("keras.src.layers.core.lambda_layer", "Lambda", function=CODE),
    part("keras.src", "layers.core.lambda_layer.Lambda", function=CODE),
    part(None, "Lambda", function=CODE),
    part(None, "layers.Lambda", function=CODE),
    part("keras.layers", "Lambda"),
    {"class_name": "Lambda", "config": {"function": CODE}},
    {**part("keras.layers", "Lambda", name="dense", trainable=True), "registered_name": "Dense"},
]


@pytest.mark.parametrize("hidden", LAMBDAS)
@pytest.mark.parametrize(
    "place", ["in a list", "in a graph", "in a TimeDistributed", "in a Bidirectional", "as activation"]
)
def test_a_lambda_is_found_under_whatever_name_and_wherever(hidden: dict[str, Any], place: str) -> None:
    config = {
        "in a list": sequential(hidden),
        "in a graph": functional({**hidden, "name": "l", "inbound_nodes": []}),
        "in a TimeDistributed": sequential(part("keras.layers", "TimeDistributed", name="t", layer=hidden)),
        "in a Bidirectional": sequential(
            part("keras.layers", "Bidirectional", name="b", layer=None, backward_layer=hidden)
        ),
        "as activation": sequential(dense(activation=hidden)),
    }[place]
    with pytest.raises(UnsupportedError, match=r"the class (layers\.|keras\.src\.layers.*|)Lambda has no replay"):
        made(config)


@pytest.mark.parametrize(
    ("config", "fragment"),
    [
        (
            sequential(part("keras.layers", "TorchModuleWrapper", name="t")),
            "the class TorchModuleWrapper has no replay",
        ),
        (sequential(part("keras.layers", "TFSMLayer", name="t", filepath="x")), "the class TFSMLayer has no replay"),
        (
            sequential(part("keras.layers", "RNN", name="r", cell=part("keras.layers", "Lambda"))),
            "the class Lambda has no",
        ),
        (sequential(part("keras.src.utils", "Dense", name="d")), "the class keras.src.utils.Dense has no replay"),
        (sequential(part("keras.layerss", "Dense", name="d")), "the class keras.layerss.Dense has no replay"),
        (
            sequential(part("os", "system", name="d")),
            "layer 'd': os.system is a class of your own, whose code no file holds",
        ),
        (sequential(part("mine", "Dense", name="d")), "layer 'd': mine.Dense is a class of your own"),
        (sequential(part(None, "a>Dense", name="d")), "layer 'd': a>Dense is a class of your own"),
        (
            sequential({**part(None, "Dense", name="d"), "registered_name": "Own"}),
            "layer 'd': Own is a class of your own",
        ),
        (
            {**sequential(), "module": "mine", "class_name": "Net"},
            "got mine.Net, a class of your own, whose code no file",
        ),
        (
            {**sequential(), "module": None, "class_name": "Net"},
            "expected a Sequential or functional model, got Net, a",
        ),
        ({**sequential(), "module": "os"}, "got os.Sequential, a class of your own"),
        (
            sequential(part("keras.layers", "TimeDistributed", name="t", layer=sequential())),
            "a model inside a wrapper is not implemented",
        ),
        (
            sequential(dense(kernel_initializer=part("os", "system"))),
            "layer 'dense': kernel_initializer: expected one of Keras's own, got os.system; put one of Keras's own in its",
        ),
        (
            sequential(dense(kernel_initializer=part("keras.layers", "Lambda"))),
            "kernel_initializer: expected one of Keras's",
        ),
        (sequential(dense(kernel_initializer=part("keras", "utils.get_file"))), "got keras.utils.get_file"),
        (sequential(dense(bias_regularizer=part("keras.initializers", "Zeros"))), "got keras.initializers.Zeros"),
        (
            sequential(dense(kernel_constraint=part(None, "Mine"))),
            "kernel_constraint: expected one of Keras's own, got Mine",
        ),
        (
            sequential(dense(kernel_initializer=part("keras.initializers", "Constant", value=CODE))),
            "expected plain values",
        ),
        (sequential(dense(activation=CODE)), "a function of Python code"),
        (sequential(dense(activation={"value": ["4w=="]})), "a function of Python code"),
        (
            sequential(dense(activation=part("os", "function"))),
            "the activation: expected one of Keras's own, got os.function",
        ),
        (sequential(dense(activation=dense())), "the activation given as a layer, Dense,"),
        (
            sequential(dense(dtype=part("keras", "QuantizedDTypePolicy", name="int8"))),
            "dtype policy QuantizedDTypePolicy",
        ),
        (sequential(dense(quantization_config=part("keras.layers", "Lambda"))), "the option 'quantization_config'"),
        (sequential(dense(lora_rank=10**9)), "the option 'lora_rank' of a saved Dense is not implemented"),
        (sequential(dense(input_shape=[10**9])), "the option 'input_shape' of a saved Dense is not implemented"),
        (sequential(dense(more=CODE)), "expected plain values"),
        (
            functional(called(dense(), part("keras.layers", "Lambda"))),
            "a layer is called on Lambda, which is no tensor",
        ),
        (functional(called(dense(), X, mask=part(None, "__bytes__"))), "a layer is called on __bytes__"),
        (functional(called(part("keras.src.ops.numpy", "Add", name="add"), X)), "'add' is a Keras operation (Add)"),
        (functional(called(part("keras.src.ops.core", "Map", name="m"), X)), "'m' is a Keras operation (Map)"),
        (functional(called(part("keras.ops", "BroadcastTo", name="m"), X)), "'m' is a Keras operation (BroadcastTo)"),
        (sequential(part("keras.layers", "InputLayer", name="i", dtype="string")), "expected an input of numbers"),
        (sequential(part("keras.layers", "InputLayer", name="i", dtype=["int8"])), "expected an input of numbers"),
    ],
)
def test_what_is_not_on_the_list_is_refused_by_name(config: Any, fragment: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        made(config)
    assert str(caught.value).startswith("m.keras: ")
    assert fragment in str(caught.value)


@pytest.mark.parametrize(
    ("config", "fragment"),
    [
        (None, "expected a saved model"),
        ({"class_name": ["Sequential"]}, "expected a saved model"),
        (part("keras", "Model", name="subclassed"), "expected a saved model"),
        (part("keras", "Sequential", layers={}), "expected a saved model"),
        (sequential(3), "expected a layer, with its class_name and config"),
        (sequential({"class_name": "Dense"}), "a layer has no config"),
        (sequential(part(["keras"], "Dense")), "a module or none, as texts"),  # type: ignore[arg-type]
        (sequential(part("keras.layers", "Dense")), "expected a name, got None"),
        (sequential(part("keras.layers", "Dense", name="a\nb")), "expected a name"),
        (sequential(part("keras.layers", "Dense", name="a" * 301)), "texts of at most 300 characters"),
        (
            sequential(part("keras.layers", "InputLayer", name="i", batch_shape=[None, -1])),
            "expected the sizes of a shape",
        ),
        (sequential(part("keras.layers", "InputLayer", name="i", batch_shape=[None, 2**40])), "expected the sizes of"),
        (sequential(dense(more=[0] * 2001)), "a list of at most 2000 values"),
        (sequential(*[dense()] * 201), "expected at most 200 layers, got 202"),
        (functional({**dense(), "inbound_nodes": [[["x", 0, 0]]] * 1001, "name": "d"}), "at most 1000 calls of layers"),
        (functional({**dense(), "inbound_nodes": 3}), "its layers are not connected"),
        (functional(dense()), "its layers are not connected"),
        (functional(called(dense()), called(dense())), "two of its layers have the same name"),
        (functional(called(dense()), output_layers=[["dense", 0]]), "its layers are not connected"),
        (functional(called(dense()), output_layers=[["dense", -1, 0]]), "its layers are not connected"),
        (functional(called(dense()), output_layers=None), "its layers are not connected"),
        (functional(called(dense(), {**X, "config": {}})), "it has a tensor that is none"),
        (functional(called(dense(), X, mask=part(None, "__tensor__"))), "it has numbers that are none"),
        (functional(called(dense(), X, mask=part(None, "__slice__", start="0"))), "it has a slice that is none"),
        (functional(called(dense(), {**X, "config": {"dtype": [1]}})), "it has a tensor that is none"),
        (
            sequential({**dense(), "shared_object_id": 1}, {**dense(use_bias=False), "shared_object_id": 1}),
            "two layers that should be one are not the same",
        ),
    ],
)
def test_what_is_no_model_is_refused(config: Any, fragment: str) -> None:
    with pytest.raises(RequestError) as caught:
        made(config)
    assert str(caught.value).startswith("m.keras: ")
    assert fragment in str(caught.value)


def test_deep_nesting_is_refused() -> None:
    layer = dense()
    for _ in range(30):
        layer = part("keras.layers", "TimeDistributed", name="t", layer=layer)
    with pytest.raises(RequestError):
        made(sequential(layer))
    nested: Any = 3
    for _ in range(30):
        nested = [nested]
    for config in (sequential(dense(more=nested)), functional(called(dense(), nested), output_layers=nested)):
        with pytest.raises(RequestError):
            made(config)


def test_what_is_made_has_keras_s_own_places_and_nothing_without_effect() -> None:
    policy = {**part("keras", "DTypePolicy", name="mixed_float16"), "registered_name": "Mine"}
    config = {
        **sequential(
            {
                **part(
                    "keras",
                    "layers.Dense",
                    name="d",
                    units=2,
                    dtype=policy,
                    activation=part("builtins", "function") | {"config": "relu"},
                    kernel_initializer=part("keras.initializers", "VarianceScaling", scale=1e300),
                    kernel_regularizer="l2",
                ),
                "registered_name": "Mine",
                "build_config": {"input_shape": [None, 10**9]},
            }
        ),
        "compile_config": {"optimizer": CODE},
        "build_config": {"input_shape": [None, 10**9]},
    }
    layer = {"name": "d", "units": 2, "dtype": "mixed_float16", "activation": "relu", "kernel_initializer": "zeros"}
    assert made(config) == {
        "module": "keras",
        "class_name": "Sequential",
        "registered_name": None,
        "config": {
            "name": "s",
            "layers": [
                {**INPUT, "registered_name": None},
                {
                    "module": "keras.layers",
                    "class_name": "Dense",
                    "registered_name": None,
                    "config": {**layer, "kernel_regularizer": None},
                },
            ],
        },
    }


@pytest.mark.parametrize("mask", [None, X])
def test_a_graph_comes_back_as_it_was(mask: Any) -> None:
    lstm = part("keras.layers", "LSTM", name="dense", units=2, dtype="float32")
    config = functional(called(lstm, X, mask=mask, training=False))
    found = made(json.loads(json.dumps(config)))
    assert found["config"]["layers"][1]["inbound_nodes"] == config["config"]["layers"][1]["inbound_nodes"]
    assert found["config"]["input_layers"] == [["x", 0, 0]]
