"""The library's calls on Keras's own objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import rnnverify
from rnnverify.api import observe
from rnnverify.errors import RequestError
from rnnverify.layers.arrays import Array
from rnnverify.observation import Asked, Tolerance
from rnnverify.spec import spec_from_mapping


@pytest.fixture
def x() -> Array:
    return np.random.default_rng(3).standard_normal((4, 6, 3)).astype(np.float32)


def test_a_sequential_model_is_verified_and_replayed(keras: Any, x: Array) -> None:
    model = keras.Sequential([keras.Input((6, 3)), keras.layers.GRU(5, return_sequences=True), keras.layers.Dense(2)])
    assert rnnverify.verify(model, x).verdict == "match"
    y = rnnverify.replay(model, x)
    assert y.dtype == np.float64
    assert np.abs(y - model.predict(x, verbose=0)).max() < 1e-6


def test_a_functional_model_with_several_inputs_and_outputs(keras: Any, x: Array) -> None:
    layers = keras.layers
    first, second = keras.Input((6, 3), name="a"), keras.Input((2,), name="b")
    y, h, c = layers.LSTM(5, return_sequences=True, return_state=True)(first)
    joined = layers.Concatenate()([h, c, second])
    model = keras.Model({"a": first, "b": second}, {"out": layers.Dense(2)(joined), "all": y})
    fed = [x, x[:, 0, :2]]
    assert rnnverify.verify(model, fed).passed
    replayed = rnnverify.replay(model, fed)
    predicted = model.predict({"a": fed[0], "b": fed[1]}, verbose=0)
    assert replayed.keys() == {"out", "all"}
    assert all(np.abs(replayed[name] - predicted[name]).max() < 1e-6 for name in replayed)


@pytest.mark.parametrize("samples", [1, 32, 33, 70])
def test_predictions_are_what_predict_returns(samples: int, keras: Any) -> None:
    first, second = keras.Input((6, 3), name="a"), keras.Input((2,), name="b")
    y, state = keras.layers.GRU(5, return_state=True, return_sequences=True)(first)
    model = keras.Model({"a": first, "b": second}, [y, keras.layers.Concatenate()([state, second])])
    rng = np.random.default_rng(0)
    fed = [
        rng.standard_normal((samples, 6, 3)).astype(np.float32),
        rng.standard_normal((samples, 2)).astype(np.float32),
    ]
    ours, theirs = observe(model, fed).predictions, model.predict({"a": fed[0], "b": fed[1]}, verbose=0)
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_layer_called_twice_is_verified_in_both_places(keras: Any, x: Array) -> None:
    shared = keras.layers.SimpleRNN(3, return_sequences=True)
    given = keras.Input((6, 3))
    result = rnnverify.verify(keras.Model(given, shared(shared(given))), x)
    assert result.passed
    assert [layer.layer for layer in result.layers] == [shared.name, f"{shared.name}:2"]


def test_a_layer_is_replayed_with_mask_and_initial_state(keras: Any, x: Array) -> None:
    layer = keras.layers.LSTM(5, return_sequences=True, return_state=True)
    rng = np.random.default_rng(4)
    mask = rng.random((4, 6)) < 0.6
    states = [rng.standard_normal((4, 5)).astype(np.float32) for _ in range(2)]
    expected = layer(x, mask=mask, initial_state=states)
    for ours, theirs in zip(rnnverify.replay(layer, x, mask=mask, initial_state=states), expected, strict=True):
        assert np.abs(ours - np.asarray(theirs)).max() < 1e-6


def test_no_package_takes_the_name_of_a_call() -> None:
    import importlib

    module = importlib.import_module("rnnverify.layers.lstm")
    importlib.import_module("rnnverify.grids.sweep")
    assert module.LSTM.state_names == ("h", "c")
    for name in rnnverify.__all__:
        assert callable(getattr(rnnverify, name)), name


def test_the_public_names_are_all_that_completion_shows() -> None:
    assert dir(rnnverify) == sorted([*rnnverify.__all__, "__version__"])
    assert {"check", "observe", "replay", "sweep", "verify"} < set(dir(rnnverify))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        rnnverify.nonsense  # noqa: B018


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda keras: keras.Sequential([keras.layers.Dense(2)], name="net"),
            "expected a model that is built, got the Sequential 'net', which is not: call it once on data, or give it a",
        ),
        (lambda keras: keras.layers.LSTM(2), "has no weights yet"),
        (lambda keras: 3, "expected a keras.Model, a Keras layer or a spec, got int"),
        (lambda keras: "model.keras", "model.keras: no such file"),
        (
            lambda keras: keras.Sequential([keras.Input((9, 3)), keras.layers.LSTM(2)]),
            r"\(N, 9, 3\), got an array",
        ),
        (
            lambda keras: keras.Sequential([keras.Input((6, 3)), keras.layers.RMSNormalization()]),
            "RMSNormalization has no replay",
        ),
        (
            lambda keras: (
                (i := keras.Input((6, 3))) is None or keras.Model(i, keras.layers.Dense(2)(keras.ops.cumsum(i, 1)))
            ),
            "outside any layer",
        ),
    ],
)
def test_what_cannot_be_verified_is_refused_with_a_reason(keras: Any, x: Array, make: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        rnnverify.verify(make(keras), x)


def test_a_model_needs_inputs_and_a_spec_none(keras: Any, x: Array) -> None:
    with pytest.raises(RequestError, match="expected the inputs x"):
        rnnverify.verify(keras.Sequential([keras.Input((6, 3)), keras.layers.LSTM(2)]))
    with pytest.raises(RequestError, match="no x beside a spec"):
        rnnverify.verify(rnnverify.load_spec("configs/simple_rnn.yaml"), x)


def test_a_result_shows_itself_as_the_tables(keras: Any, x: Array) -> None:
    model = keras.Sequential([keras.Input((6, 3)), keras.layers.GRU(5), keras.layers.Dense(2, name="out")])
    result = rnnverify.verify(model, x)
    for text in ("3 x (3 + 5 + 2) x 5 = 150", "out[1]", "every step is right within rounding"):
        assert text in repr(result)
        assert text in result._repr_html_()
    assert "<table" in result._repr_html_()
    assert "seed" not in repr(result)  # the inputs were given, and the weights were there
    assert type(result) is rnnverify.Verification
    console = Console(file=StringIO(), width=100, highlight=False)
    console.print(result)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert [line.rstrip() for line in printed.splitlines()] == repr(result).splitlines()


def test_what_was_observed_is_verified_with_what_was_asked(keras: Any, x: Array) -> None:
    spec = spec_from_mapping({"N": 2, "T": 4, "D": 3, "M": 5, "K": 2, "seed": 7, "tolerance": {"rtol": 1e-3}}, "a.yaml")
    observed = observe(spec)
    assert observed.asked == Asked("a.yaml", 7, "float32", Tolerance(rtol=1e-3))
    result = rnnverify.verify(observed, atol=0.5)
    assert (result.spec, result.seed, result.dtype, result.passed) == ("a.yaml", 7, "float32", True)
    assert result.tolerance == Tolerance(0.5, 1e-3)  # what the caller demands, and the rest of what the spec does
    assert not rnnverify.verify(observed, atol=0, rtol=0).passed
    assert [row.keras for row in result.outputs] == [row.keras for row in rnnverify.verify(spec).outputs]


def test_of_a_model_its_name_and_policy_are_what_was_asked(keras: Any, x: Array) -> None:
    model = keras.Sequential([keras.Input((6, 3)), keras.layers.GRU(5, dtype="float64")], name="mine")
    observed = observe(model, x)
    assert observed.asked == Asked("mine", None, "float32", Tolerance())
    assert rnnverify.verify(observed).spec == "mine"
    layer = model.layers[0]
    assert observe(layer, x).asked.dtype == "float64"


@pytest.mark.parametrize("tolerance", [{"atol": -1}, {"rtol": float("nan")}, {"atol": float("inf")}])
def test_a_tolerance_that_is_none_is_refused_before_any_work(tolerance: Any) -> None:
    (name,) = tolerance
    with pytest.raises(RequestError, match=f"{name}: expected a finite number of at least 0"):
        rnnverify.verify("neither a spec nor a model", **tolerance)


def test_an_observation_has_its_inputs(x: Array) -> None:
    observed = observe(spec_from_mapping({"N": 2, "T": 4, "D": 3, "M": 5, "K": 2}))
    with pytest.raises(RequestError, match="no x beside an observation"):
        rnnverify.verify(observed, x)


def test_a_mask_of_keras_named_like_a_layer_is_no_obstacle(keras: Any, tmp_path: Path) -> None:
    layers = [
        {"Embedding": {"input_dim": 9, "output_dim": 4, "mask_zero": True}},
        {"GRU": {"units": 3, "return_sequences": True}},
        {"Concatenate": {"inputs": ["embedding", "gru"]}},
        {"Concatenate": {"inputs": ["concatenate", "gru"]}},
        {"LSTM": {"units": 2, "name": "any"}},
    ]
    spec = spec_from_mapping({"N": 3, "T": 5, "layers": layers, "data": {"tokens": {"lengths": "random"}}})
    assert rnnverify.verify(spec).passed
    ids = keras.Input((5,), dtype="int32")
    x = keras.layers.Embedding(9, 4, mask_zero=True)(ids)
    joined = keras.layers.Concatenate(name="concatenate")([x, keras.layers.GRU(3, return_sequences=True)(x)])
    keras.Model(ids, keras.layers.LSTM(2)(joined)).save(tmp_path / "m.keras")
    assert rnnverify.verify(rnnverify.load_spec(str(tmp_path / "m.keras"))).passed


SMALL = "N: 2\nT: 3\nD: 3\nM: 4\nK: 2\n"


def test_check_finds_the_specs_and_says_what_becomes_of_each(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SMALL)
    (tmp_path / "b.yaml").write_text(SMALL + "tolerance: {atol: 0}\n")
    (tmp_path / "c.yaml").write_text(SMALL.replace("M: 4", "M: 0"))
    a, b, c = (str(tmp_path / f"{name}.yaml") for name in "abc")
    events: list[Any] = []
    result = rnnverify.check(
        tmp_path, begin=events.append, each=lambda outcome: events.append((outcome.spec, outcome.verdict))
    )
    assert events == [[a, b, c], (a, "match"), (b, "mismatch"), (c, "error")]
    assert (result.passed, result.verdict) == (False, "mismatch")
    assert [outcome.passed for outcome in result.outcomes] == [True, False, False]
    assert result.outcomes[2].result is None
    assert f"{c}:4: M: expected a whole number" in (result.outcomes[2].error or "")
    assert rnnverify.check([a, c]).verdict == "error"
    assert repr(result).splitlines()[-1] == "3 specs: 1 match, 1 mismatch, 1 error"
    assert repr(result).split()[0] == "verdict"
    assert "<td" in result._repr_html_()
    mended = rnnverify.check(str(tmp_path), [("M", 5), ("tolerance.atol", 0.1)])
    assert (mended.passed, mended.verdict) == (True, "match")
    assert [outcome.result.tolerance.atol for outcome in mended.outcomes if outcome.result] == [0.1, 0.1, 0.1]


def test_check_without_a_spec_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no spec here"):
        rnnverify.check(tmp_path)


def test_sweep_runs_every_point_once_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text("base: {D: 3, K: 2, M: 4}\ngrid: {N: [1, 3], T: [2, 5]}\n")
    seen: list[Any] = []

    @contextmanager
    def progress(total: int, done: int) -> Iterator[Callable[[int], None]]:
        seen.append((total, done))
        yield seen.append

    result = rnnverify.sweep(
        tmp_path / "grid.yaml", tmp_path / "out", overrides=[("M", 5)], workers=1, progress=progress
    )
    assert (seen[0], sum(seen[1:])) == ((4, 0), 4)
    assert result.passed
    assert (result.summary.points, result.summary.matches) == (4, 4)
    assert [(record["point"]["N"], record["point"]["T"]) for record in result.records] == [
        (1, 2),
        (1, 5),
        (3, 2),
        (3, 5),
    ]
    assert result.records[0]["layers"][0]["weights"]["recurrent_kernel"] == [5, 5]
    assert (result.axes, result.folder) == ({"N": (1, 3), "T": (2, 5)}, str(tmp_path / "out"))
    assert "4 points: 4 match, 0 mismatch, 0 error" in repr(result)
    assert "4 points: 4 match" in result._repr_html_()
    seen.clear()
    again = rnnverify.sweep(str(tmp_path / "grid.yaml"), str(tmp_path / "out"), overrides=[("M", 5)], progress=progress)
    assert again == result
    assert not seen
    with pytest.raises(RequestError, match="holds the results of another grid"):
        rnnverify.sweep(tmp_path / "grid.yaml", tmp_path / "out")


def test_sweep_runs_in_one_place(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="either workers, for this machine, or a scheduler"):
        rnnverify.sweep("grid.yaml", tmp_path, workers=2, scheduler="tcp://127.0.0.1:1")


def test_a_path_will_do_for_what_stands_in_the_file(tmp_path: Path) -> None:
    path, seen = tmp_path / "small.yaml", tmp_path / "seen.npz"
    path.write_text("N: 2\nT: 4\nD: 3\nM: 5\nK: 2\n")
    observed = rnnverify.observe(path)
    rnnverify.save_observation(observed, str(seen))
    for target in (path, str(path), seen):
        assert rnnverify.verify(target).passed
        assert rnnverify.blind_spots(target).spots
        assert rnnverify.trace(target)["simple_rnn"]["h"].shape == (2, 4, 5)
        assert rnnverify.compare(target, observed.predictions[0]).passed
    with pytest.raises(rnnverify.RequestError, match="no such file"):
        rnnverify.verify("none.keras")
    with pytest.raises(rnnverify.RequestError, match="expected something to observe"):
        rnnverify.observe(seen)
    with pytest.raises(rnnverify.RequestError, match="expected no x beside a spec"):
        rnnverify.verify(path, observed.inputs["input"])
