"""Models inside a model of Keras 2 come out as one graph, and no file makes more of itself than it may."""

from __future__ import annotations

from typing import Any

import pytest

from rnnverify.keras_model.flattening import Member, flattened, has_models, members
from rnnverify.observation.arrays_file import DamagedError


def layer(class_name: str, name: str, *calls: list[list[Any]], **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "name": name, "config": {"name": name, **config}, "inbound_nodes": list(calls)}


def model(name: str, layers: list[dict[str, Any]], outputs: list[list[Any]], *calls: list[list[Any]]) -> dict[str, Any]:
    """With one input, x."""
    ends = {"input_layers": [["x", 0, 0]], "output_layers": outputs}
    return layer("Functional", name, *calls, layers=[layer("InputLayer", "x"), *layers], **ends)


def row(name: str, *layers: dict[str, Any]) -> dict[str, Any]:
    return layer("Sequential", name, layers=list(layers))


def calls_in(config: dict[str, Any]) -> dict[str, Any]:
    assert not has_models(config)
    return {one["name"]: one["inbound_nodes"] for one in config["config"]["layers"]}


def test_a_model_that_is_called_twice_has_its_layers_called_twice() -> None:
    inner = [layer("Dense", "a", [["x", 0, 0, {}]], [["b", 0, 0, {}]]), layer("Dense", "b", [["a", 0, 0, {}]])]
    part = model("m", inner, [["a", 1, 0], ["x", 0, 0]], [["x", 0, 0, {}]], [["m", 1, 0, {}]])
    last = layer("Add", "end", [["m", 2, 0, {}], ["m", 2, 1, {}]])
    flat = flattened(model("whole", [part, last], [["end", 0, 0]]))
    assert calls_in(flat) == {
        "x": [],
        "m/a": [[["x", 0, 0, {}]], [["m/b", 0, 0, {}]], [["m/a", 1, 0, {}]], [["m/b", 1, 0, {}]]],
        "m/b": [[["m/a", 0, 0, {}]], [["m/a", 2, 0, {}]]],
        "end": [[["m/a", 3, 0, {}], ["m/a", 1, 0, {}]]],
    }
    assert flat["config"]["output_layers"] == [["end", 0, 0]]
    assert [one["config"]["name"] for one in flat["config"]["layers"]] == ["x", "m/a", "m/b", "end"]


@pytest.mark.parametrize("first", [0, 1])
def test_the_call_by_which_a_model_came_about_may_count_or_not(first: int) -> None:
    part = model("m", [layer("Dense", "a", [["x", 0, 0, {}]])], [["a", 0, 0]], [["x", 0, 0, {}]])
    flat = flattened(model("whole", [part, layer("Dense", "b", [["m", first, 0, {}]])], [["b", 0, 0]]))
    assert calls_in(flat)["b"] == [[["m/a", 0, 0, {}]]]


def test_states_that_are_given_by_name_are_found() -> None:
    encoder = layer("LSTM", "l", [["x", 0, 0, {}]])
    part = model("m", [encoder], [["l", 0, 1], ["l", 0, 2]], [["x", 0, 0, {}]])
    last = layer("LSTM", "d", [["x", 0, 0, {"initial_state": [["m", 1, 0], ["m", 1, 1]], "training": None}]])
    flat = flattened(model("whole", [part, last], [["d", 0, 0]]))
    states = {"initial_state": [["m/l", 0, 1], ["m/l", 0, 2]], "training": None}
    assert calls_in(flat)["d"] == [[["x", 0, 0, states]]]


def test_rows_in_rows_are_one_graph() -> None:
    dense = layer("Dense", "a")
    dense["config"]["batch_input_shape"] = [None, 3]
    flat = flattened(row("whole", row("m", row("n", dense, layer("Dense", "b"))), layer("Dense", "c")))
    assert calls_in(flat) == {
        "m_input": [],
        "m/n/a": [[["m_input", 0, 0, {}]]],
        "m/n/b": [[["m/n/a", 0, 0, {}]]],
        "c": [[["m/n/b", 0, 0, {}]]],
    }
    assert flat["config"]["layers"][0]["config"]["batch_input_shape"] == [None, 3]
    assert flat["config"]["output_layers"] == [["c", 0, 0]]


def test_the_layers_of_a_file_are_known_with_those_inside() -> None:
    found = members(row("whole", row("m", layer("Dense", "a")), layer("LSTM", "c")))
    assert found == (Member("Sequential", "m", (Member("Dense", "m/a"),)), Member("LSTM", "c"))


def doubled(depth: int) -> dict[str, Any]:
    """A model that is called twice in a model that is called twice, and so on."""
    inner = [layer("Dense", "a", [["x", 0, 0, {}]])]
    outputs = [["a", 0, 0]]
    for level in range(depth):
        name = f"m{level}"
        inner = [model(name, inner, outputs, [["x", 0, 0, {}]], [[name, 1, 0, {}]])]
        outputs = [[name, 2, 0]]
    return model("whole", inner, outputs)


def deep(depth: int) -> dict[str, Any]:
    made = row("m", layer("Dense", "a"))
    for _ in range(depth):
        made = row("m", made)
    return made


def test_a_model_of_some_models_is_within_bounds() -> None:
    assert len(calls_in(flattened(doubled(4)))["m3/m2/m1/m0/a"]) == 16
    assert list(calls_in(flattened(deep(9)))) == ["m_input", f"{'m/' * 9}a"]


@pytest.mark.parametrize(
    ("config", "fragment"),
    [
        (doubled(19), "expected at most 200 layers, those of the models inside it among them"),
        (deep(30), "expected fewer than 20 models within each other"),
        (
            row("s", *[row(f"m{i}", *[layer("Dense", f"d{j}") for j in range(60)]) for i in range(60)]),
            "at most 200 layers",
        ),
        (
            row("s", *[layer("Dense", f"d{j}") for j in range(5000)], row("m", layer("Dense", "a"))),
            "at most 200 layers",
        ),
        (row("s", row("m", layer("Dense", "a"), layer("Dense", "a"))), "two of its layers have the same name"),
        (row("s", layer("Dense", "m/a"), row("m", layer("Dense", "a"))), "two of its layers have the same name, m/a"),
        (
            model("w", [model("m", [layer("Dense", "a", [["x", 0, 0, {}]])], [["a", 0, 0]])], [["m", 1, 7]]),
            "not connected",
        ),
        (model("w", [model("m", [layer("Dense", "a")], [["x", 0, 0]])], [["m", 1, 0]]), "its layers are not connected"),
        (model("w", [model("m", [{"class_name": "Dense"}], [["x", 0, 0]])], [["m", 1, 0]]), "layers are not connected"),
    ],
)
def test_what_is_no_model_or_too_much_of_one_is_refused(config: dict[str, Any], fragment: str) -> None:
    with pytest.raises(DamagedError, match=fragment):
        flattened(config)
