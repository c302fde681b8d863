"""Layers of TensorFlow's functions, as Keras 2 saved operations; what they compute is tested in test_of_keras_2."""

from __future__ import annotations

from typing import Any

import pytest

from rnnverify.keras_model.operations_of_keras_2 import WORDS, operation_of
from rnnverify.layers.operations import OPERATIONS


def translated(function: str, *calls: Any, class_name: str = "TFOpLambda") -> Any:
    entry = {"class_name": class_name, "config": {"name": "it", "function": function}, "inbound_nodes": [*calls]}
    return operation_of(entry, lambda leaf: tuple(leaf))


def test_every_word_is_an_operation_with_a_replay(keras: Any) -> None:
    from keras.src import ops

    for word in WORDS.values():
        assert word.name in OPERATIONS
        assert hasattr(getattr(ops, word.module.rpartition(".")[2]), word.name)


@pytest.mark.parametrize(
    ("function", "call", "config", "arguments"),
    [
        ("math.add", [["x", 0, 0, {"y": 1.5, "name": None}]], {}, [("x", 0, 0), 1.5]),
        ("math.add", [["x", 0, 0, {"y": ["z", 1, 0]}]], {}, [("x", 0, 0), ("z", 1, 0)]),
        ("math.multiply", [["_CONSTANT_VALUE", -1, 2.0, {"y": ["z", 0, 1]}]], {}, [2.0, ("z", 0, 1)]),
        ("math.multiply", ["_CONSTANT_VALUE", -1, 2.0, {"y": ["z", 0, 1]}], {}, [2.0, ("z", 0, 1)]),
        ("math.reduce_sum", [["x", 0, 0, {"axis": 1}]], {"axis": 1, "keepdims": False}, [("x", 0, 0)]),
        ("nn.softmax", [["x", 0, 0, {}]], {"axis": -1}, [("x", 0, 0)]),
        ("concat", [["x", 0, 0, {"axis": 1}], ["z", 0, 0, {"axis": 1}]], {"axis": 1}, [[("x", 0, 0), ("z", 0, 0)]]),
    ],
)
def test_a_call(function: str, call: Any, config: dict[str, Any], arguments: list[Any]) -> None:
    made = translated(function, call)
    assert made["config"] == config
    assert made["inbound_nodes"] == [{"args": arguments, "kwargs": {}}]


def test_a_slice() -> None:
    every = {"start": None, "stop": None, "step": None}
    call = [["x", 0, 0, {"slice_spec": [every, -1]}]]
    made = translated("__operators__.getitem", call, class_name="SlicingOpLambda")
    assert made["class_name"] == "GetItem"
    assert made["inbound_nodes"][0]["args"] == [("x", 0, 0), [{"class_name": "__slice__", "config": every}, -1]]


@pytest.mark.parametrize(
    ("function", "calls"),
    [
        ("math.cumsum", [[["x", 0, 0, {}]]]),
        ("math.add", [[["x", 0, 0, {}]]]),  # to what?
        ("math.add", [[["x", 0, 0, {"y": 1, "z": 2}]]]),
        ("linalg.matmul", [[["x", 0, 0, {"b": ["z", 0, 0], "transpose_b": True}]]]),
        ("compat.v1.transpose", [[["x", 0, 0, {"perm": [0, 2, 1], "conjugate": True}]]]),
        ("math.reduce_sum", [[["x", 0, 0, {"axis": 1}]], [["x", 0, 0, {"axis": 2}]]]),
        ("math.tanh", []),
        ("math.tanh", [["x"]]),
        (3, [[["x", 0, 0, {}]]]),
    ],
)
def test_what_has_no_word_stays_as_it_is(function: Any, calls: Any) -> None:
    assert translated(function, *calls) is None
