"""Files with models inside a model: what stands inside is judged as what stands outside, and their number counts."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from rnnverify import load_spec
from rnnverify.errors import RequestError
from rnnverify.keras_model import saved
from rnnverify.keras_model.allowed import MOST_MODELS, Allowed
from rnnverify.keras_model.config_graph import calls_of
from rnnverify.layers.registry import LAYERS

CODE = {"class_name": "__lambda__", "config": {"code": "4w==", "defaults": None, "closure": None}}
Config = dict[str, Any]


def part(module: str, class_name: str, name: str, **config: Any) -> Config:
    return {"module": module, "class_name": class_name, "config": {"name": name, **config}}


def layer(class_name: str, name: str, **config: Any) -> Config:
    return part("keras.layers", class_name, name, **config)


def tensor(name: str, call: int = 0, output: int = 0) -> Config:
    config = {"shape": [None, 4, 3], "dtype": "float32", "keras_history": [name, call, output]}
    return {"class_name": "__keras_tensor__", "config": config}


def called(entry: Config, *on: str | Config) -> Config:
    """A layer or a model, called once on each of these."""
    given = [{"args": [tensor(one) if isinstance(one, str) else one], "kwargs": {}} for one in on]
    return {**entry, "name": entry["config"]["name"], "inbound_nodes": given}


def graph(name: str, *entries: Config, output: Any) -> Config:
    ends = {"input_layers": [["x", 0, 0]], "output_layers": output}
    given = called(layer("InputLayer", "x", batch_shape=[None, 4, 3]))
    return part("keras.src.models.functional", "Functional", name, layers=[given, *entries], **ends)


def dense(name: str = "dense", **config: Any) -> Config:
    return layer("Dense", name, **{"units": 3, "activation": "linear", "use_bias": True, **config})


def inner(*entries: Config, output: Any = None) -> Config:
    return graph("inner", *(entries or (called(dense(), "x"),)), output=output or [["dense", 0, 0]])


def outer(*entries: Config, output: Any = None) -> Config:
    return graph("outer", *entries, output=output or [["inner", 1, 0]])


def row(*layers: Config, name: str = "row") -> Config:
    return part("keras", "Sequential", name, layers=[layer("InputLayer", "i", batch_shape=[None, 4, 3]), *layers])


def judged(config: Config) -> list[tuple[str, str]]:
    """Each node and what it reads."""
    made = Allowed("m.keras", LAYERS).model(config)
    return [(one.name, one.inputs[0].node) for one in calls_of("m.keras", made)]


def test_the_nodes_of_a_file_are_known_before_it_is_loaded() -> None:
    config = outer(
        called(inner(), "x", tensor("inner")), called(dense("last"), tensor("inner", 1)), output=[["last", 0, 0]]
    )
    assert judged(config) == [("inner/dense", "x"), ("inner:2/dense", "inner/dense"), ("last", "inner:2/dense")]


def test_a_row_may_hold_models_and_be_in_one() -> None:
    assert judged(row(inner(), row(dense(), name="last"))) == [("inner/dense", "i"), ("last/dense", "inner/dense")]
    assert judged(outer(called(row(inner()), "x"), output=[["row", 0, 0]])) == [("row/inner/dense", "x")]


LAMBDAS = [
    part("keras.layers", "Lambda", "l", function=CODE),
    part("keras", "layers.Lambda", "l", function=CODE),
    {**part("keras.layers", "Lambda", "l"), "registered_name": "Dense"},
]


@pytest.mark.parametrize("hidden", LAMBDAS)
def test_a_lambda_is_found_in_models_inside(hidden: Config) -> None:
    for config in (
        outer(called(inner(called(hidden, "x")), "x")),
        row(row(row(hidden))),
        outer(called(row(layer("TimeDistributed", "t", layer=hidden)), "x")),
        outer(called(row(dense(activation=hidden)), "x")),
    ):
        with pytest.raises(RequestError, match=r"the class (layers\.)?Lambda has no replay"):
            judged(config)


def test_an_operation_without_a_replay_is_found_inside() -> None:
    operation = part("keras.src.ops.numpy", "Fromfunction", "op")
    with pytest.raises(RequestError, match=r"Keras operation \(Fromfunction\) outside any layer"):
        judged(outer(called(inner(called(operation, "x")), "x")))


def test_a_class_that_is_no_model_of_keras_s_is_none_inside() -> None:
    for module in ("mine", "os"):
        with pytest.raises(RequestError, match=f"{module}.Functional is a class of your own"):
            judged(outer(called({**inner(), "module": module}, "x")))
    found = Allowed("m.keras", LAYERS).model(outer(called({**inner(), "module": "keras.src.utils"}, "x")))
    assert found["config"]["layers"][1]["module"] == "keras.src.models.functional"  # where Keras is sent instead


def test_a_model_in_a_wrapper_is_refused_by_name() -> None:
    with pytest.raises(RequestError, match="layer 'inner': a model inside a wrapper is not implemented"):
        judged(row(layer("TimeDistributed", "t", layer=inner())))


def deep(depth: int) -> Config:
    config = dense()
    for level in range(depth):
        config = row(config, name=f"row_{level}")
    return row(config)


def test_models_may_be_so_deep_within_each_other_and_no_deeper() -> None:
    assert len(judged(deep(MOST_MODELS))) == 1
    with pytest.raises(RequestError, match=r"m\.keras: expected models at most 10 deep within each other"):
        judged(deep(MOST_MODELS + 1))


def test_all_layers_count_wherever_they_are() -> None:
    rows = [row(*(dense(f"d{i}") for i in range(60)), name=f"row_{j}") for j in range(4)]
    with pytest.raises(RequestError, match="expected at most 200 layers, got 2"):
        judged(row(*rows))


def doubling(depth: int) -> Config:
    """A model that calls another twice, which calls another twice, and so on."""
    config, last = inner(), ["inner", 2, 0]
    for level in range(depth):
        config = graph(f"level_{level}", called(config, "x", tensor(config["config"]["name"])), output=[last])
        last = [f"level_{level}", 2, 0]
    return config


def test_calls_of_calls_count_before_they_are_made() -> None:
    assert len(judged(doubling(3))) == 8
    with pytest.raises(Exception, match="expected at most 1000 calls of layers, those of models inside among them"):
        judged(doubling(10))


CIRCLES = {
    "of itself": outer(called(inner(), tensor("inner"))),
    "of two": outer(called(inner(), "dense"), called(dense(), tensor("inner"))),
    "of a model that hands on what comes in": outer(called(inner(output=[["x", 0, 0]]), tensor("inner"))),
}


@pytest.mark.parametrize("name", CIRCLES)
def test_a_model_that_feeds_itself_is_refused(name: str) -> None:
    with pytest.raises(Exception, match="its layers feed each other in a circle"):
        judged(CIRCLES[name])


@pytest.mark.parametrize(
    "config",
    [
        outer(called(inner(), tensor("inner", 3)), output=[["inner", 1, 0]]),
        outer(called(inner(), "x"), output=[["inner", 1, 7]]),
        outer(called(inner(), "x"), output=[["inner", 9, 0]]),
        outer(called(inner(), "x"), output=[["nobody", 0, 0]]),
        outer(called(inner(output=[["nobody", 0, 0]]), "x")),
        outer(called(inner(), {"a": tensor("x"), "b": tensor("x")})),
        outer(called(inner(), {})),
        outer({**called(inner()), "inbound_nodes": [{"args": [], "kwargs": {}}]}),
        outer({**called(inner()), "inbound_nodes": [[["x", 0, 0, {}]]]}),
    ],
)
def test_what_is_not_connected_is_refused(config: Config) -> None:
    with pytest.raises(Exception, match="its layers are not connected"):
        judged(config)


def written(path: Path, config: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", b"")
    return path


def nested_text(levels: int) -> str:
    """A file of so many models within each other, written without Python's own depth."""
    start = '{"module":"keras","class_name":"Sequential","config":{"name":"s","layers":['
    return start * levels + "]}}" * levels


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (nested_text(10_000), "not a saved Keras model"),
        (nested_text(100), "expected models at most 10 deep"),
        (json.dumps(doubling(10)), "not a saved Keras model: expected at most 1000 calls"),
        (json.dumps(CIRCLES["of itself"]), "its layers feed each other in a circle"),
        (json.dumps(outer(called(row(LAMBDAS[0]), "x"))), "layer 'l': the class Lambda has no replay"),
    ],
)
def test_a_hostile_file_ends_in_one_message(tmp_path: Path, config: str, told: str) -> None:
    path = written(tmp_path / "m.keras", config)
    limit = sys.getrecursionlimit()
    with pytest.raises(RequestError, match=told) as error, saved.checked_copy(load_spec(str(path)), LAYERS):
        pass
    assert len(str(error.value).splitlines()) == 1
    assert str(error.value).startswith(str(path))
    assert sys.getrecursionlimit() == limit
