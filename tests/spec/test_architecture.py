"""The graph of a saved model, from its config alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from rnnverify.errors import SpecError, UnsupportedError
from rnnverify.keras_model.config_graph import calls_of, shapes_of_inputs
from rnnverify.observation import Ref
from rnnverify.spec import spec_from_mapping
from rnnverify.spec.architecture import Call, check_architecture

X = {"x": (4, 3)}
LSTM: dict[str, Any] = {"name": "lstm", "units": 2}


def check(*calls: Call, samples: int = 2) -> None:
    check_architecture("m.keras", X, calls, samples)


def call(class_name: str, *inputs: str, name: str = "a", **config: Any) -> Call:
    return Call(name, class_name, config, tuple(map(Ref, inputs)), class_name in ("Any", "LogicalOr", "ExpandDims"))


def test_a_graph_that_fits_is_passed() -> None:
    check(call("LSTM", "x", units=2, return_sequences=True), call("Dense", "a", name="b", units=3))


@pytest.mark.parametrize(
    ("calls", "fragment"),
    [
        ([call("LSTM", "y", units=2)], "m.keras: layer 'a' reads 'y', which gives no such output"),
        ([call("LSTM", units=2)], "m.keras: layer 'a': expected an input"),
        ([call("LSTM", "x", units=2), call("GRU", "a", name="b", units=2)], "m.keras: layer 'b': expected a sequence"),
        ([call("LSTM", "x", "x", units=2)], "m.keras: layer 'a': expected one input for LSTM, got 2"),
        ([call("Concatenate", "x", axis=7)], "m.keras: layer 'a': expected "),
        (
            [call("LSTM", "x", name=f"a{i}", units=2, unroll=True) for i in range(65)],
            "at most 768 calls that Keras builds one by one",
        ),
        ([call("LSTM", "x", units=2**31 - 1)], "expected sizes that fit into memory"),
        (
            [
                call("ExpandDims", "x", name="rows"),
                call("Any", "x", name="some"),
                call("ExpandDims", "some", name="columns"),
                call("LogicalOr", "x", "columns", name="each"),
                call("LogicalOr", "rows", "x", name="too many"),
            ],
            "layer 'too many': expected masks of one shape as input of LogicalOr",
        ),
    ],
)
def test_a_graph_that_does_not_fit_is_refused(calls: list[Call], fragment: str) -> None:
    with pytest.raises(SpecError) as caught:
        check(*calls)
    assert fragment in str(caught.value)


@pytest.mark.parametrize(
    ("config", "fragment"),
    [
        ({}, "its config lacks units"),
        ({"units": "a"}, "units='a' is not implemented"),
        ({"units": 2.0}, "units=2.0 is not implemented"),
        ({"units": 0}, "units=0 is not implemented"),
        ({"units": True}, "units=True is not implemented"),
        ({"units": 2**40}, "units=1099511627776 is not implemented"),
        ({"units": 2, "unroll": "yes"}, "unroll='yes' is not implemented"),
        ({"units": 2, "autocast": False}, "the option 'autocast' is unknown to the replay"),
        ({"units": 2, "activation": ["tanh"]}, "the activation ['tanh'] is not implemented"),
    ],
)
def test_options_that_are_not_what_they_should_be_are_refused(config: dict[str, Any], fragment: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        check(call("LSTM", "x", **config))
    assert str(caught.value).startswith("m.keras: ")
    assert fragment in str(caught.value)


@pytest.mark.parametrize("layer", [None, 3, {}, {"class_name": "LSTM"}, {"class_name": "LSTM", "config": 3}])
def test_a_wrapper_around_no_layer_is_refused(layer: Any) -> None:
    for class_name in ("Bidirectional", "TimeDistributed"):
        with pytest.raises(UnsupportedError):
            check(call(class_name, "x", layer=layer))


@pytest.mark.parametrize("samples", [1, 10**9])
def test_the_samples_count(monkeypatch: pytest.MonkeyPatch, samples: int) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**30))
    if samples == 1:
        check(call("LSTM", "x", units=2), samples=samples)
        return
    with pytest.raises(SpecError, match=r"of which a takes .* GiB"):
        check(call("LSTM", "x", units=2), samples=samples)


def test_the_calls_in_a_graph_are_found() -> None:
    tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": ["x", 0, 0]}}
    inbound = {"args": [tensor], "kwargs": {}}
    layers = [
        {"class_name": "LSTM", "config": LSTM, "name": "lstm", "inbound_nodes": [inbound, inbound]},
        {"class_name": "InputLayer", "config": {"batch_shape": [None, None, 3]}, "name": "x", "inbound_nodes": []},
    ]
    model = {"class_name": "Functional", "config": {"layers": layers, "output_layers": [["lstm", 1, 0]]}}
    assert shapes_of_inputs(model, 7) == {"x": (7, 3)}
    assert [(one.name, one.inputs) for one in calls_of("m", model)] == [("lstm", (Ref("x"),)), ("lstm:2", (Ref("x"),))]


@pytest.mark.parametrize(
    ("first", "shape"),
    [
        ([{"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4, 3]}}], None),
        ([], [None, 4, 3]),
        ([], None),
    ],
)
def test_a_list_of_layers_may_say_what_comes_in_or_not(first: list[Any], shape: Any) -> None:
    config = {"layers": [*first, {"class_name": "LSTM", "config": LSTM}], "build_input_shape": shape}
    model = {"class_name": "Sequential", "config": config}
    built = bool(first or shape)
    assert list(shapes_of_inputs(model, 7).values()) == [(4, 3)] * built
    assert [one.name for one in calls_of("m", model)] == ["lstm"] * built


@pytest.mark.parametrize(
    ("layer", "most"),
    [
        ({"LSTM": {"units": 1, "unroll": True}}, 256),
        ({"Bidirectional": {"layer": {"SimpleRNN": {"units": 1, "unroll": True}}}}, 128),
        ({"TimeDistributed": {"layer": {"Dense": {"units": 1}}}}, 768),
    ],
)
def test_a_spec_of_which_keras_builds_every_timestep_by_itself_has_few(layer: dict[str, Any], most: int) -> None:
    keys = {"N": 1, "D": 1, "layers": [layer]}
    assert most == spec_from_mapping({**keys, "T": most}).T
    with pytest.raises(SpecError, match=r"expected at most 768 calls that Keras builds one by one"):
        spec_from_mapping({**keys, "T": most + 1})


def test_a_loop_in_a_time_distributed_counts_more() -> None:
    layers = [{"InputLayer": {"shape": [60, 2, 3]}}, {"TimeDistributed": {"layer": {"LSTM": {"units": 1}}}}]
    with pytest.raises(SpecError, match=r"expected at most 768 calls .*; got 900;"):
        spec_from_mapping({"N": 1, "layers": layers})
