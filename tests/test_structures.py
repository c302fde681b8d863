"""Models that take and return mappings, and lists within each other: what is returned has their structure, and their names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.candidates.candidate import Task, named, under_names
from rnnverify.errors import DataError, RequestError
from rnnverify.layers.arrays import Array
from rnnverify.observation.paths import at, taken_in_order

N, T, D = 4, 5, 3
RNG = np.random.default_rng(20261203)
X, Y, Z = (RNG.standard_normal((N, T, D)).astype(np.float32) for _ in range(3))

pytestmark = pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict")


def parts(k: Any) -> tuple[list[Any], list[Any]]:
    x, y, z = (k.Input((T, D), name=name) for name in ("x", "y", "z"))
    first = k.layers.LSTM(3, name="lstm")(x)
    return [x, y, z], [first, k.layers.GRU(3, name="gru")(y), k.layers.Dense(2, name="dense")(z)]


def model_of(k: Any, kind: str) -> tuple[Any, Any]:
    (x, y, z), (a, b, c) = parts(k)
    inputs, outputs, fed = {
        "a mapping": ([x, y, z], {"b": a, "a": b, "c": c}, [X, Y, Z]),
        "of one": ([x, y, z], {"b": a + b}, [X, Y, Z]),
        "a list of one": ([x, y, z], [a + b], [X, Y, Z]),
        "within each other": ({"x": x, "y": y, "z": z}, {"w": a, "q": [b, {"r": c}]}, {"x": X, "y": Y, "z": Z}),
        "a tuple": ([x, y, z], (a, (b, c)), [X, Y, Z]),
        "lists in a list": ([[x, y], z], [[a, b], [c]], [[X, Y], Z]),
        "lists in a mapping": ({"p": [x, y], "z": z}, {"a": [a, b], "c": c}, {"z": Z, "p": [X, Y]}),
    }[kind]
    return k.Model(inputs, outputs, name="model"), fed


KINDS = [
    "a mapping",
    "of one",
    "a list of one",
    "within each other",
    "a tuple",
    "lists in a list",
    "lists in a mapping",
]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_replayed_has_the_structure_that_keras_returns(keras: Any, kind: str, tmp_path: Path) -> None:
    model, fed = model_of(keras, kind)
    expected, got = model.predict(fed, verbose=0), rnnverify.replay(model, fed)
    keras.tree.assert_same_structure(got, expected)
    keras.tree.map_structure(
        lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5), got, expected
    )
    result = rnnverify.verify(model, fed)
    assert result.verdict == "match"
    names = {row.output.partition("[")[0] for row in result.outputs}
    assert all(name in ("lstm", "gru", "dense") or name.startswith("add") for name in names)
    model.save(tmp_path / "m.keras")
    assert rnnverify.verify(tmp_path / "m.keras").verdict == "match"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_given_may_have_that_structure(keras: Any, kind: str) -> None:
    model, fed = model_of(keras, kind)
    right = rnnverify.replay(model, fed)
    assert rnnverify.compare(model, right, fed).verdict == "match"
    assert rnnverify.compare(model, lambda x, weights: right, fed).verdict == "match"
    assert rnnverify.diagnose(model, fed, right).verdict == "match"
    wrong = keras.tree.map_structure(lambda one: one + 0.01, right)
    found = rnnverify.compare(model, wrong, fed, effort=0)
    assert found.verdict == "mismatch"
    assert not found.findings


def test_names_are_the_model_s_or_the_report_s(keras: Any) -> None:
    model, fed = model_of(keras, "a mapping")
    right = rnnverify.replay(model, fed)
    by_layer = {"lstm": right["b"], "gru": right["a"], "dense": right["c"]}
    mixed = {"lstm": right["b"], "a": right["a"], "c": right["c"], "lstm.h": right["b"]}
    for given in (right, by_layer, mixed):
        found = rnnverify.compare(model, given, fed)
        assert (found.verdict, found.findings) == ("match", ())
        assert {row.output.partition("[")[0] for row in found.outputs} >= {"lstm", "gru", "dense"}
    swapped = rnnverify.compare(model, {**right, "a": right["b"], "b": right["a"]}, fed, effort=0)
    assert swapped.verdict == "mismatch"
    assert {row.output.partition("[")[0] for row in swapped.outputs if not row.passed} == {"lstm", "gru"}
    assert (
        "the model's output 'gru' is missing"
        in rnnverify.compare(model, {"b": right["b"], "c": right["c"]}, fed).findings
    )
    with pytest.raises(DataError, match="'d' is no tensor of this model"):
        rnnverify.diagnose(model, fed, {"d": right["a"]})


def test_a_saved_observation_knows_the_names(keras: Any, tmp_path: Path) -> None:
    model, fed = model_of(keras, "within each other")
    seen = rnnverify.observe(model, fed)
    assert seen.paths == (("q", 0), ("q", 1, "r"), ("w",))
    rnnverify.save_observation(seen, str(tmp_path / "o.npz"))
    again = rnnverify.load_observation(str(tmp_path / "o.npz"))
    assert again.paths == seen.paths
    assert rnnverify.compare(again, rnnverify.replay(model, fed)).verdict == "match"
    rnnverify.save_observation(replace(seen, paths=(("w",),)), str(tmp_path / "o.npz"))
    with pytest.raises(RequestError, match="expected the place of each output"):
        rnnverify.load_observation(str(tmp_path / "o.npz"))


def test_an_answer_that_is_complete_stays_as_it_is() -> None:
    """The model returns what its layer a makes as b, and the other way round."""
    shape = (1, 1)
    paths: Any = (("a", ("b",)), ("b", ("a",)))
    task = Task({}, {}, {"a": shape, "b": shape}, {}, paths=paths)
    one, other = np.zeros(shape), np.ones(shape)
    assert under_names({"a": one, "b": other}, task) == {"a": one, "b": other}


def test_a_list_is_taken_apart_by_its_places() -> None:
    shape = (1, 1)
    paths: Any = (("a", (0, 0)), ("b", (0, 1)), ("c", (1,)))
    task = Task({}, {}, {"a": shape, "b": shape, "c": shape}, {}, paths=paths)
    one: Array = np.zeros(shape)
    assert list(named([[one, one], one], task)) == ["a", "b", "c"]
    assert list(named([one, one, one], task)) == ["a", "b", "c"]  # one after the other, as before


def test_places_in_structures() -> None:
    assert at({"a": [1, {"b": 2}]}, ("a", 1, "b")) == 2
    assert at(3, ()) == 3
    for value, path in (({"a": 1}, (0,)), ([1], ("a",)), ([1], (1,)), (np.zeros(3), (0,)), ({}, ("a",))):
        with pytest.raises(LookupError):
            at(value, path)
    assert taken_in_order([[1, 2], 3], [(0, 0), (1,)]) == [1, 3]
    assert taken_in_order([[1, 2], 3], [(0, 2)]) is None
