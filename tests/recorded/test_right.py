"""Right models, as recorded: each is a match, by limits that are as narrow as rounding is, and is described as it is."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from rnnverify.layers.graph import Graph
from rnnverify.observation import Ref
from rnnverify.observation.precision import UNIT_ROUNDOFF
from rnnverify.rounding import PRECISIONS, Rounded
from rnnverify.verification.end_to_end import expected_end_to_end, handed, steps_of
from rnnverify.verification.known_faults import known_fault
from rnnverify.verification.outputs import largest_deviation
from rnnverify.verification.steps import NodeCheck
from rnnverify.verification.verdict import judge
from tests.recorded.models import MODELS
from tests.recorded.observations import recorded

RIGHT = [name for name in MODELS if name != "faulty"]
# Of which residuals are not those of roundings drawn by lot.
DROWNED = ("overflowing", "ordered", "mixed", "merged", "in_common")


def compared(name: str) -> list[tuple[str, Any, Any]]:
    """Of each node, what Keras emitted beside what was expected."""
    observed = recorded(name)
    found = []
    with np.errstate(all="ignore"):
        for node, (check, _) in judge(observed).nodes.items():
            outputs = [observed.emitted[ref] for ref in sorted(observed.emitted) if ref.node == node]
            found.extend((node, one.keras, one.expected) for one in check.comparisons(outputs))
    return found


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_model_is_a_match(name: str) -> None:
    result = judge(recorded(name)).result
    assert result.first_divergence is None
    assert result.verdict == ("untested" if name == "overflowing" else "match")
    assert result.untested == (("head",) if name == "overflowing" else ())
    unheeded = (
        "unheeding runs over the masked steps: Keras passes no implied mask to a call that is given an initial_state, and the"
        " replay does the same"
    )
    assert result.notes == ((unheeded,) if name == "unheeded" else ())
    for layer in result.layers:
        assert layer.passed
        assert 0 <= layer.worst_ratio <= 1
        unrounded = layer.class_ in ("Embedding", "Flatten", "RepeatVector", "Activation") or name in DROWNED
        assert unrounded or layer.worst_ratio > 0.05


@pytest.mark.parametrize("name", [name for name in RIGHT if name not in (*DROWNED, "activations")])
def test_residuals_are_about_their_standard_deviations(name: str) -> None:
    for node, keras, expected in compared(name):
        if not isinstance(expected, Rounded) or not expected.inexact:
            continue
        rounds = expected.variance > 1e-40
        residuals = (keras.astype(np.float64) - expected.value)[rounds] / np.sqrt(expected.variance[rounds])
        least = 0 if name == "float64" else 0.25  # ours is of that precision itself
        assert least <= np.sqrt(np.mean(residuals**2)) < 1.3, node


@pytest.mark.parametrize("name", [name for name in RIGHT if name not in DROWNED])
def test_no_bound_is_far_beyond_what_rounding_can_do(name: str) -> None:
    """An inner product of these has up to 100 terms; a chaotic one is four times as large."""
    for node, keras, expected in compared(name):
        if isinstance(expected, Rounded):
            unit = expected.precision.unit
            bound = expected.bound[np.isfinite(keras)]
            largest = max(1.0, float(np.abs(expected.value).max()))
            assert bound.max(initial=0) < 1000 * unit * largest, node


def test_a_stack_is_described_as_it_is() -> None:
    layers = judge(recorded("stack")).result.layers
    assert [(layer.layer, layer.class_, layer.output_shape) for layer in layers] == [
        ("simple_rnn", "SimpleRNN", (3, 7, 5)),
        ("lstm", "LSTM", (3, 7, 6)),
        ("gru", "GRU", (3, 7, 3)),
        ("head", "TimeDistributed", (3, 7, 4)),
    ]
    assert [layer.parameters for layer in layers] == [
        2 * 5 + 5 * 5 + 5,
        4 * (5 * 6 + 6 * 6 + 6),
        3 * (6 * 3 + 3 * 3 + 2 * 3),
        3 * 4 + 4,
    ]
    assert layers[2].weights == {"kernel": (6, 9), "recurrent_kernel": (3, 9), "bias": (2, 9)}
    assert layers[2].gates["kernel"] == {"z": (0, 2), "r": (3, 5), "h": (6, 8)}
    assert layers[0].gates == {}
    assert layers[0].ends is None
    assert judge(recorded("masked")).result.layers[2].ends is not None


def test_where_all_is_masked_no_change_can_be_seen() -> None:
    """Of 5 samples of 9 steps: 6 steps are there of the first and the second, 5 of the third, none and all of the last."""
    layers = {layer.layer: layer.resolution for layer in judge(recorded("masked")).result.layers}
    assert layers["simple_rnn"] == pytest.approx(dict.fromkeys(["1e-3", "1e-2", "1e-1"], 26 / 45))
    assert layers["head"] == dict.fromkeys(["1e-3", "1e-2", "1e-1"], 1.0)


def test_half_precision_shows_small_changes_less_often() -> None:
    for name, least in (("float16", 0.95), ("bfloat16", 0.75)):
        lstm = judge(recorded(name)).result.layers[0].resolution
        assert lstm["1e-3"] == 0 <= lstm["1e-2"] < least < lstm["1e-1"] < 1


def test_the_verdict_s_own_record() -> None:
    observed = recorded("stack")
    result = judge(observed).result
    assert (result.spec, result.seed, result.dtype) == (observed.asked.spec, None, "float32")
    assert result.tolerance == observed.asked.tolerance
    assert result.environment == observed.environment
    assert {*result.seconds} == {*observed.seconds, "replay"}
    assert 0 < result.seconds["replay"] < 60
    assert result.parting is None
    assert result.amplification == pytest.approx(
        max(row.max_abs_error for row in result.outputs) / max(layer.max_residual for layer in result.layers)
    )


def test_rows_are_those_of_keras_and_the_free_run() -> None:
    for name in ("stack", "masked", "states", "bidirectional"):
        observed = recorded(name)
        free = Graph(observed.nodes).run(observed.inputs)
        rows = iter(judge(observed).result.outputs)
        for ref, prediction in zip(observed.outputs, observed.predictions, strict=True):
            error = np.abs(prediction.astype(np.float64) - free[ref].values)
            for unit in range(prediction.shape[-1]):
                row, part = next(rows), error[..., unit]
                assert row.shape == part.shape
                assert row.max_abs_error == part.max()
                assert row.mean_abs_error == pytest.approx(part.mean(), rel=1e-12)
                place = (row.at.sample,) if row.at.timestep is None else (row.at.sample, row.at.timestep)
                assert len(place) == part.ndim
                assert part[place] == part.max()
                assert (row.keras, row.replay) == (prediction[(*place, unit)], free[ref].values[(*place, unit)])
                assert row.passed
                # Rounding alone, of values up to 1 over a few hundred operations; and never less than one rounding.
                assert 0.3 * row.max_abs_error < row.expected_error < 300 * 2**-24
        assert next(rows, None) is None


def test_outputs_are_named_after_their_layers_and_states() -> None:
    names = [row.output for row in judge(recorded("masked")).result.outputs]
    assert names[:3] == ["head[0]", "head[1]", "bidirectional.forward_h[0]"]
    assert names[-1] == "bidirectional.backward_c[3]"
    names = [row.output for row in judge(recorded("states")).result.outputs]
    assert names[4:6] == ["encoder[4]", "encoder.h[0]"]
    assert names[10] == "encoder.c[0]"
    names = [row.output for row in judge(recorded("bidirectional")).result.outputs]
    assert "both.forward[1]" in names
    assert "both.backward[0]" in names


@pytest.mark.parametrize("name", ["stack", "masked", "bidirectional", "float16", "float64"])
@pytest.mark.parametrize("regular", [False, True])
def test_outputs_are_about_as_far_off_end_to_end_as_is_expected(name: str, regular: bool) -> None:
    observed = recorded(name)
    expected = expected_end_to_end(observed, Graph(observed.nodes), regular).tensors
    exact = Graph(observed.nodes).run(observed.inputs)
    steps = max(x.shape[1] for x in observed.inputs.values())
    ratios = []
    for ref, prediction in zip(observed.outputs, observed.predictions, strict=True):
        end: Any = expected[ref].values
        np.testing.assert_allclose(end.value, exact[ref].values, rtol=1e-12, atol=1e-14)
        deviation = np.sqrt(end.variance) / (steps**0.5 if regular else 1)
        rounds = deviation > 0  # but where all is masked
        ratios.append((prediction.astype(np.float64) - end.value)[rounds] / deviation[rounds])
        assert (deviation < 60 * UNIT_ROUNDOFF[observed.asked.dtype if name != "states" else "float32"]).all() or (
            name in ("float16", "bfloat16")
        )
    found = np.concatenate(ratios)
    assert 0.15 < np.sqrt(np.mean(found**2)) < 1.3
    assert np.abs(found).max() < 5


def test_stretches_of_time_find_the_same_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stack", "masked", "unheeded"):
        whole = judge(recorded(name)).result.layers
        for stretch in (1, 100):
            monkeypatch.setattr("rnnverify.verification.taken.STRETCH", stretch)
            parts = judge(recorded(name)).result.layers
            for one, other in zip(whole, parts, strict=True):
                assert one.max_residual == pytest.approx(other.max_residual, rel=1e-6)
                assert one.worst_ratio == pytest.approx(other.worst_ratio, rel=1e-3)
                assert one.resolution == pytest.approx(other.resolution, abs=1e-12)
            monkeypatch.undo()


def test_the_parts_of_a_long_walk_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnverify.verification.taken.STRETCH", 5_000)
    check: NodeCheck = judge(recorded("long")).nodes["long"].node
    (taken,) = check.walks
    parts = [part for part, _ in check.steps(taken)]
    shares = [slice(*ends) for ends in pairwise((0, 82, 165, 247, 330))]
    assert parts == shares  # of 24 columns, up to 208
    wide = judge(recorded("long")).nodes["wide"].node
    assert wide.stretches([recorded("long").emitted[Ref("wide")]]) == shares


@pytest.mark.parametrize("name", ["masked", "bidirectional"])
@pytest.mark.parametrize("regular", [False, True])
def test_every_step_of_a_walk_is_expected_end_to_end_too(name: str, regular: bool) -> None:
    observed = recorded(name)
    graph = Graph(observed.nodes)
    expected = expected_end_to_end(observed, graph, regular, watched=observed.walks)
    plain = expected_end_to_end(observed, graph, False, watched=observed.walks)
    assert set(expected.walks) == set(observed.walks)
    steps = max(x.shape[1] for x in observed.inputs.values())
    found = []
    for node, walks in observed.walks.items():
        for walked, free, once in zip(walks, expected.walks[node], plain.walks[node], strict=True):
            assert len(free.others) == len(walked.others)
            assert len(free.states) == 1 + len(walked.others)
            every = [(one.sequence, *one.others) for one in (walked, free, once)]
            for keras, ours, single in zip(*every, strict=True):
                number: Any = ours
                first: Any = single
                assert keras.shape == number.shape
                factor = steps if regular else 1
                assert (number.variance >= 0.99 * factor * first.variance).all()
                rounds = number.variance > 0
                error = (keras - number.value)[rounds] / np.sqrt(number.variance[rounds] / factor)
                found.append(error)
                np.testing.assert_allclose(number.bound, first.bound, rtol=3)
    errors = np.concatenate(found)
    if name != "masked":  # of what a masked step leaves of c, which is put out as h is, nothing is asked here
        assert 0.15 < np.sqrt(np.mean(errors**2)) < 1.3
        assert np.abs(errors).max() < 5


def test_a_fault_of_keras_that_is_known_is_called_that() -> None:
    result = judge(recorded("faulty")).result
    assert result.verdict == "mismatch"
    assert result.first_divergence is not None
    assert result.first_divergence.layer == "wrapped"
    assert result.notes == (
        "wrapped: its activation is sparsemax, which Keras computes wrongly where more than one value is in the support (it"
        " adds up their running sums): its outputs do not add up to 1; choose another activation until Keras is mended",
    )


def test_no_other_layer_is_said_to_have_that_fault() -> None:
    result = judge(recorded("faulty")).result
    before, wrapped = (Graph(recorded("faulty").nodes).layers[name] for name in ("before", "wrapped"))
    assert list(known_fault(result.first_divergence, before)) == []
    assert list(known_fault(result.first_divergence, None)) == list(known_fault(None, wrapped)) == []
    assert list(known_fault(result.first_divergence, wrapped)) == list(result.notes)


def test_ids_are_fed_as_they_are() -> None:
    """And not as numbers that round."""
    check: NodeCheck = judge(recorded("masked")).nodes["embedding"].node
    (ids,) = check.inputs()
    assert ids.values.dtype == np.int32


def test_there_are_as_many_steps_as_the_longest_input_has() -> None:
    observed = recorded("states")
    assert steps_of(observed) == 7
    for shapes, steps in (((3, 2), 2), ((3,), 1)):
        assert steps_of(replace(observed, inputs={"x": np.zeros(shapes)})) == steps


def test_sums_through_ordered_terms_are_expected_to_be_farther_off() -> None:
    observed = recorded("ordered")
    graph, ref = Graph(observed.nodes), Ref("dense")
    plain: Any = expected_end_to_end(observed, graph).tensors[ref].values
    regular: Any = expected_end_to_end(observed, graph, regular=True).tensors[ref].values
    assert (regular.variance > 10 * 4 * plain.variance).all()  # each of four timesteps may err alike


def handed_over(value: float, name: str, to: str) -> Any:
    """What a layer is handed for a number of float32 that is off by 0.01."""
    observed = recorded(name)
    node = next(one for one in observed.nodes if one.name == to)
    (ref,) = node.inputs
    x = Rounded(np.array([[value]]), np.full((1, 1), 0.01), np.full((1, 1), 1e-6), PRECISIONS["float32"])
    with np.errstate(over="ignore", invalid="ignore"):
        return handed(node, Graph(observed.nodes), ref, x, PRECISIONS["float16"])


def test_what_is_handed_to_a_coarser_layer_is_rounded_there() -> None:
    made, value = handed_over(0.1, "mixed", "outside"), float(np.float16(0.1))
    assert made.value.tolist() == [[value]]
    np.testing.assert_allclose(made.bound, 0.01 + 2 * 2.0**-11 * value)
    np.testing.assert_allclose(made.variance, 1e-6 + 2 / 3 * (2.0**-11 * value) ** 2)
    assert made.precision is PRECISIONS["float16"]
    assert not made.beyond
    lost = handed_over(1e5, "mixed", "outside")
    assert lost.value.tolist() == [[np.inf]]
    assert lost.beyond


def test_what_is_handed_to_a_layer_that_holds_it_is_as_it_is() -> None:
    made = handed_over(0.1, "stack", "lstm")
    assert (made.value, made.bound, made.variance) == ([[0.1]], [[0.01]], [[1e-6]])
    assert made.precision is PRECISIONS["float16"]


def test_a_plain_output_has_no_deviation() -> None:
    assert largest_deviation(np.ones((2, 3))) == 0
    x = Rounded(np.ones(2), np.ones(2), np.array([0.25, 4.0]), PRECISIONS["float32"])
    assert largest_deviation(x) == 2
    nothing = np.zeros((0, 2))
    assert largest_deviation(Rounded(nothing, nothing, nothing, PRECISIONS["float32"])) == 0


def test_what_is_looked_at_again_is_the_same_part_of_the_time() -> None:
    observed = recorded("ordered")
    check = judge(observed).nodes["dense"].node
    emitted, over = observed.emitted[Ref("dense")], np.zeros((2, 2, 8))
    over[1, 1, 3] = 2.0
    for part in (slice(2, 4), slice(0, 2)):
        (samples, times), made = check.call_again(part, 0, over)
        assert (samples.tolist(), times.tolist()) == ([1], [1])
        np.testing.assert_allclose(made.value[0], emitted[1, part.start + 1], rtol=1e-3, atol=1e-3)
    whole = np.zeros((2, 4, 8))
    whole[0, 3, 3] = 2.0
    _, made = check.call_again(slice(None), 0, whole)
    np.testing.assert_allclose(made.value[0], emitted[0, 3], rtol=1e-3, atol=1e-3)
