"""The rows of a report, by hand: what stands in them, and what the tensors in it are called."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rnnverify.layers.bidirectional import Bidirectional
from rnnverify.layers.graph import Graph
from rnnverify.layers.registry import LAYERS
from rnnverify.observation import Node, Ref, Tolerance
from rnnverify.observation.precision import LARGEST
from rnnverify.results import OutputResult, Place
from rnnverify.rounding import Rounded
from rnnverify.verification import outputs
from rnnverify.verification.end_to_end import expected_end_to_end
from rnnverify.verification.outputs import compare_outputs, output_rows, overflowed, tensor_label
from rnnverify.verification.verdict import judge
from tests.recorded.observations import recorded
from tests.recorded.test_faults import add, with_walk
from tests.verification.by_hand import seen


def rows_of(keras: Any, replay: Any, tolerance: Tolerance, timed: bool = False) -> list[OutputResult]:
    given, made = np.array(keras, dtype=np.float64), np.array(replay, dtype=np.float64)
    return list(output_rows("it", timed, given, made, 0.5, np.full(given.shape, True), tolerance))


def test_a_tolerance_is_a_share_of_what_keras_returned() -> None:
    for keras, replay, passed in ((4.0, 4.5, True), (4.0, 4.51, False), (-4.0, -4.5, True), (0.5, 0.5625, True)):
        (row,) = rows_of([[keras]], [[replay]], Tolerance(rtol=0.125))
        assert row.passed == passed
    (row,) = rows_of([[4.0]], [[4.75]], Tolerance(atol=0.25, rtol=0.125))
    assert row.passed


def test_where_shapes_differ_there_is_no_number_to_show() -> None:
    for row, keras in zip(rows_of([[1.0, 2.0]], [[[1.0, 2.0]]], Tolerance()), (1.0, 2.0), strict=True):
        assert (row.max_abs_error, row.keras) == (np.inf, keras)
        assert np.isnan(row.replay)


def test_an_output_without_samples_stands_at_the_first() -> None:
    one, other = rows_of([1.0, 2.0], [1.0, 2.5], Tolerance())
    assert (one.output, other.output) == ("it[0]", "it[1]")
    assert one.at == other.at == Place(0, None)
    assert (other.keras, other.replay, other.max_abs_error) == (2.0, 2.5, 0.5)


def test_the_largest_number_itself_is_no_infinity() -> None:
    assert overflowed(np.array([LARGEST["float16"]]), LARGEST["float16"]).tolist() == [65504.0]


def test_a_replay_beyond_keras_s_precision_stands_as_infinity() -> None:
    config = {"name": "it", "dtype": "float16", "units": 2, "use_bias": False, "activation": "linear"}
    weights = {"kernel": np.array([[300.0, 2.0]])}
    node = Node("it", "it", "Dense", config, weights, (Ref("x"),))
    large, small = judge(seen((node,), {"x": [[300.0]]}, {"it": [[np.inf, 600.0]]}, walked=False)).result.outputs
    assert (large.keras, large.replay, large.max_abs_error) == (np.inf, np.inf, 0.0)
    assert (small.keras, small.replay) == (600.0, 600.0)


def test_what_overflows_in_keras_s_precision_does_so_end_to_end_too() -> None:
    config = {"name": "it", "dtype": "float16", "units": 2, "use_bias": False, "activation": "linear"}
    weights = {"kernel": np.array([[300.0, 2.0], [0.0, 1.0]])}
    node = Node("it", "it", "Dense", config, weights, (Ref("x"),))
    observed = seen((node,), {"x": [[300.0, 0.1]]}, {"it": [[np.inf, 600.0]]}, walked=False)
    result = judge(replace(observed, predictions=(np.array([[np.inf, 600.5]], np.float32),))).result
    assert "judged end to end" in result.notes[0]
    assert [row.passed for row in result.outputs] == [True, True]


def test_what_is_expected_where_every_step_is_right_is_what_float32_makes_of_it() -> None:
    observed = recorded("gated")
    graph = Graph(observed.nodes)
    exact, single = (graph.run(observed.inputs, dtype)[Ref("dense")].values for dtype in (np.float64, np.float32))
    expected = max(np.abs(single - exact).max(), np.abs(exact).max() * 2.0**-24)
    assert [row.expected_error for row in judge(observed).result.outputs] == [expected] * 4


def test_what_is_expected_where_some_step_is_wrong_is_the_largest_deviation() -> None:
    observed = with_walk(recorded("gated"), "lstm", 0, 0, add((1, 2, 3), 1e-3))
    expected: Any = expected_end_to_end(observed, Graph(observed.nodes)).tensors[Ref("dense")].values
    assert isinstance(expected, Rounded)
    deviation = np.sqrt(expected.variance.max())
    assert [row.expected_error for row in judge(observed).result.outputs] == [deviation] * 4


def test_where_all_is_taken_as_given_no_rounding_is_expected() -> None:
    config = {"name": "it", "dtype": "float32"}
    node = Node("it", "it", "Own", config, {}, (Ref("x"),), opaque=True)
    observed = seen((node,), {"x": [[1.0]]}, {"it": [[2.0]]}, walked=False)
    graph = Graph.of(observed)
    (row,), judged_alone = compare_outputs(observed, graph, graph.run(observed.inputs), Tolerance(), True)
    assert (row.output, row.expected_error, row.max_abs_error, judged_alone) == ("it[0]", 0.0, 0.0, {})


LABELS = {
    ("stack", "simple_rnn"): {(0, 0): "simple_rnn", (None, 0): "simple_rnn"},
    ("stack", "lstm"): {(0, 0): "lstm.h", (0, 1): "lstm.c", (None, 0): "lstm"},
    ("states", "encoder"): {(0, 1): "encoder.c", (None, 0): "encoder", (None, 1): "encoder.h", (None, 2): "encoder.c"},
    ("bidirectional", "sum"): {(0, 0): "sum.forward_h", (1, 0): "sum.backward_h", (None, 0): "sum"},
    ("bidirectional", "both"): {(1, 0): "both.backward_h", (None, 1): "both.backward"},
    ("bidirectional", "concat"): {
        (0, 0): "concat.forward_h",
        (0, 1): "concat.forward_c",
        (1, 0): "concat.backward_h",
        (1, 1): "concat.backward_c",
        (None, 3): "concat.backward_h",
    },
}


@pytest.mark.parametrize(("name", "node"), LABELS)
def test_a_tensor_is_called_by_its_layer_and_state(name: str, node: str) -> None:
    graph = Graph(recorded(name).nodes)
    found = {(walk, index): tensor_label(graph, node, (walk, index)) for walk, index in LABELS[name, node]}
    assert found == LABELS[name, node]


@pytest.mark.parametrize(
    ("kinds", "labels"),
    [
        (("GRU", "LSTM"), {(0, 0): "forward_h", (1, 0): "backward_h", (1, 1): "backward_c"}),
        (("LSTM", "GRU"), {(0, 0): "forward_h", (0, 1): "forward_c", (1, 0): "backward_h"}),
    ],
)
def test_the_states_of_the_second_direction_come_after_those_of_the_first(kinds: tuple[str, str], labels: Any) -> None:
    forward, backward = (
        LAYERS[kind].of({"units": 2, "go_backwards": backwards})
        for kind, backwards in zip(kinds, (False, True), strict=True)
    )
    graph: Any = Graph(())
    graph.layers["it"] = Bidirectional(forward, backward)  # type: ignore[arg-type]
    assert {tensor: tensor_label(graph, "it", tensor) for tensor in labels} == {
        tensor: f"it.{name}" for tensor, name in labels.items()
    }


def test_float32_s_errors_are_worked_out_for_the_samples_that_are_farthest(monkeypatch: pytest.MonkeyPatch) -> None:
    observed = recorded("gated")
    graph = Graph(observed.nodes)
    exact, single = (graph.run(observed.inputs, dtype)[Ref("dense")].values for dtype in (np.float64, np.float32))
    drift = np.abs(single - exact).max(axis=(1, 2))
    error = np.abs(observed.predictions[0] - exact).max(axis=(1, 2))
    assert len(set(drift)) == len(set(error)) == len(error)
    for count in range(1, len(error)):
        monkeypatch.setattr(outputs, "RUN_IN_FLOAT32", count)
        farthest = error >= np.sort(error)[-count]
        expected = max(drift[farthest].max(), np.abs(exact[farthest]).max() * 2.0**-24)
        assert [row.expected_error for row in judge(observed).result.outputs] == [expected] * 4
