"""The comparison itself: what counts as equal, what as wrong, and where it is said to be wrong."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rnnverify import verify
from rnnverify.errors import DataError
from rnnverify.layers.arrays import Array
from rnnverify.observation import Node, Observation, Ref, Tolerance
from rnnverify.observation.precision import LARGEST
from rnnverify.results import Divergence, OutputResult, Place, Verification
from rnnverify.spec import spec_from_mapping
from rnnverify.verification.outputs import absolute_error, expected_error, overflowed
from rnnverify.verification.pictured import Pictured
from rnnverify.verification.tally import Tally
from rnnverify.verification.verdict import amplified, judge, to_one_side
from tests.recorded.observations import recorded

STACK = {"N": 3, "T": 7, "D": 2, "M": 5, "K": 4, "layers": [
    {"LSTM": {"units": "M", "return_sequences": True}},
    {"GRU": {"units": 6, "return_sequences": True}},
    {"Dense": {"units": "K"}},
]}  # fmt: skip


NO_TOLERANCE = Tolerance()


@pytest.fixture(scope="module")
def observed() -> Observation:
    return recorded("gated")


def verified(observed: Observation, tolerance: Tolerance = NO_TOLERANCE) -> Verification:
    return judge(replace(observed, asked=replace(observed.asked, tolerance=tolerance))).result


def with_weight(observed: Observation, layer: str, name: str, change: Any) -> Observation:
    """What was observed, with one weight replaced: a replay that reads it otherwise than Keras does."""

    def changed(node: Node) -> Node:
        if node.name != layer:
            return node
        return dataclasses.replace(node, weights={**node.weights, name: change(node.weights[name].copy())})

    return dataclasses.replace(observed, nodes=tuple(map(changed, observed.nodes)))


def test_a_right_stack_matches(observed: Observation) -> None:
    result = verified(observed)
    assert result.verdict == "match"
    assert result.first_divergence is None
    assert [layer.layer for layer in result.layers] == ["lstm", "gru", "dense"]


def test_there_is_a_row_for_each_output_unit(observed: Observation) -> None:
    rows = verified(observed).outputs
    assert [row.output for row in rows] == ["dense[0]", "dense[1]", "dense[2]", "dense[3]"]
    assert all(row.shape == (3, 7) for row in rows)


def test_the_values_of_a_row_stand_where_it_says(observed: Observation) -> None:
    for unit, row in enumerate(verified(observed).outputs):
        assert row.keras == observed.predictions[0][row.at.sample, row.at.timestep, unit]
        assert abs(row.keras - row.replay) == row.max_abs_error >= row.mean_abs_error


@pytest.mark.parametrize(("layer", "name"), [("lstm", "recurrent_kernel"), ("gru", "kernel"), ("dense", "bias")])
def test_a_wrong_weight_is_placed_in_its_layer(observed: Observation, layer: str, name: str) -> None:
    def enlarge(weight: Array) -> Array:
        weight[..., 0] += 0.01
        return weight

    result = verified(with_weight(observed, layer, name, enlarge))
    assert result.verdict == "mismatch"
    assert result.first_divergence is not None
    assert result.first_divergence.layer == layer
    assert [one.layer for one in result.layers if not one.passed] == [layer]


def test_a_wrong_recurrent_weight_shows_at_the_second_timestep(observed: Observation) -> None:
    first = verified(with_weight(observed, "gru", "recurrent_kernel", lambda weight: weight + 0.01)).first_divergence
    assert first is not None
    assert first.timestep == 1  # at the first the state is zero
    assert first.residual > first.allowed > 0


def test_a_wrong_gate_order_is_a_mismatch(observed: Observation) -> None:
    def swapped(weight: Array) -> Array:
        i, f, c, o = np.split(weight, 4, axis=-1)
        return np.concatenate([i, c, f, o], axis=-1)

    for name in ("kernel", "recurrent_kernel", "bias"):
        assert verified(with_weight(observed, "lstm", name, swapped)).verdict == "mismatch"


def test_a_wrong_prediction_is_placed_in_the_layer_it_comes_from(observed: Observation) -> None:
    changed = observed.predictions[0].copy()
    changed[2, 6, 1] += 1e-3
    result = verified(dataclasses.replace(observed, predictions=(changed,)))
    assert [row.output for row in result.outputs if not row.passed] == ["dense[1]"]
    assert result.first_divergence is not None
    first = result.first_divergence
    assert (first.layer, first.timestep, first.sample, first.unit) == ("dense", 6, 2, 1)
    assert first.certain


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_on_one_side_is_a_mismatch(observed: Observation, value: float) -> None:
    changed = observed.predictions[0].copy()
    changed[0, 0, 0] = value
    result = verified(dataclasses.replace(observed, predictions=(changed,)))
    assert result.verdict == "mismatch"
    assert result.outputs[0].max_abs_error == np.inf


def error_of(keras: float, replay: float) -> float:
    return float(absolute_error(np.array([keras, 1.0]), np.array([replay, 1.0]))[0])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_on_both_sides_alike_is_no_error(value: float) -> None:
    assert error_of(value, value) == 0


@pytest.mark.parametrize(("keras", "replay"), [(np.nan, np.inf), (np.inf, -np.inf), (1.0, np.nan), (np.inf, 1.0)])
def test_values_that_differ_in_kind_differ_infinitely(keras: float, replay: float) -> None:
    assert error_of(keras, replay) == np.inf


def test_that_it_verifies_is_logged(observed: Observation, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        judge(observed)
    assert [record.message for record in caplog.records] == ["verifying"]


def test_every_output_must_have_been_returned(observed: Observation) -> None:
    twice = replace(observed, outputs=observed.outputs * 2)
    with pytest.raises(ValueError, match="shorter"):
        judge(twice)


def row(error: float) -> OutputResult:
    return OutputResult("dense[0]", (2,), error, error, 0.0, Place(0, None), 0.0, 0.0, True)


def tally(residual: float) -> Tally:
    return Tally("dense", LARGEST["float32"], max_residual=residual)


def test_errors_are_amplified_by_what_they_are_of_the_largest_residual() -> None:
    assert amplified([row(2.0), row(8.0)], {"a": tally(2.0), "b": tally(4.0)}) == 2
    assert amplified([row(0.0)], {"a": tally(2.0)}) == 0
    assert amplified([row(8.0)], {"a": tally(0.0)}) is None
    assert amplified([row(8.0)], {"a": tally(np.inf)}) is None
    assert amplified([row(np.inf)], {"a": tally(2.0)}) is None
    assert amplified([row(8.0)], {}) is None
    assert amplified([row(8.0)], {"a": tally(0.5)}) == 16


def test_what_overflows_in_float32_is_infinite_in_the_replay_too() -> None:
    assert overflowed(np.array([1e39, -1e39, 3e38]), LARGEST["float32"]).tolist() == [np.inf, -np.inf, 3e38]


def test_shapes_that_would_broadcast_are_not_subtracted() -> None:
    assert np.all(absolute_error(np.zeros((3, 3, 2)), np.zeros((3, 2))) == np.inf)


def test_the_expected_error_is_what_float32_does_to_the_replay() -> None:
    exact = np.array([[1.0, 2.0]])
    assert expected_error(exact, np.array([[1.0, 2.0 + 2**-20]]), 2.0**-24) == 2**-20
    assert expected_error(exact, np.array([[1.0, 2.0 + 2**-20]]), 2.0**-53) == 2**-49  # scaled to float64
    assert expected_error(exact, exact, 2.0**-24) == 2 * 2**-24  # never below one rounding of the largest value


def test_the_expected_error_is_that_of_numbers_alone() -> None:
    exact = np.array([[0.25, np.inf, np.nan, 0.125]])
    assert expected_error(exact, exact.astype(np.float32), 2.0**-24) == 0.25 * 2**-24
    single = np.array([[0.25 + 2**-20, 1.0, 7.0, np.inf]], dtype=np.float32)
    assert expected_error(exact, single, 2.0**-24) == 2**-20
    assert expected_error(np.array([[np.inf]]), np.array([[np.inf]], dtype=np.float32), 2.0**-24) == 0


def test_a_tolerance_is_a_further_demand(observed: Observation) -> None:
    assert verified(observed, Tolerance(atol=1e-3)).passed
    assert not verified(observed, Tolerance(atol=0.0)).passed
    assert verified(observed, Tolerance(rtol=1e-2, atol=1e-6)).passed
    assert not verified(observed, Tolerance(rtol=1e-12)).passed


def test_a_loose_tolerance_does_not_excuse_a_wrong_layer(observed: Observation) -> None:
    wrong = with_weight(observed, "lstm", "bias", lambda weight: weight + 0.01)
    assert not verified(wrong, Tolerance(atol=10.0)).passed


def test_nothing_compared_is_an_error(observed: Observation) -> None:
    empty = {name: x[:0] for name, x in observed.inputs.items()}
    nothing = dataclasses.replace(
        observed,
        inputs=empty,
        predictions=tuple(y[:0] for y in observed.predictions),
        emitted={ref: y[:0] for ref, y in observed.emitted.items()},
        walks={},
    )
    with pytest.raises(DataError, match="nothing to compare"):
        verified(nothing)


def test_the_earliest_timestep_is_reported_and_not_the_largest_error(observed: Observation) -> None:
    ref = Ref("gru")
    changed = observed.emitted[ref].copy()
    changed[1, 2, 3] += 1e-3
    changed[2, 4, 0] += 1.0
    first = verified(dataclasses.replace(observed, emitted={**observed.emitted, ref: changed})).first_divergence
    assert first is not None
    assert (first.layer, first.timestep, first.sample, first.unit) == ("gru", 2, 1, 3)


@pytest.mark.usefixtures("keras")
@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"])
def test_every_precision_matches_within_its_own_limit(dtype: str) -> None:
    result = verify(spec_from_mapping({**STACK, "dtype": dtype}))
    assert result.passed
    low = "16" in dtype
    assert all((row.expected_error > 1e-5) == low for row in result.outputs)
    if dtype == "float64":
        assert max(row.max_abs_error for row in result.outputs) < 1e-14


@pytest.fixture(scope="module")
def chaos() -> Observation:
    return recorded("chaotic")


def test_a_chaotic_recurrence_is_not_called_wrong(chaos: Observation) -> None:
    result = verified(chaos)
    assert max(row.max_abs_error for row in result.outputs) > 1e-2  # the two runs have parted
    assert result.verdict == "match"
    assert result.amplification is not None
    assert result.amplification > 1e4
    assert result.parting is not None
    assert result.parting.layer == "chaos"
    assert 0 < result.parting.timestep < 200


def test_a_wrong_weight_in_a_chaotic_recurrence_is_seen_and_placed(chaos: Observation) -> None:
    def nudged(weight: Array) -> Array:
        weight[5, 7] += 1e-3
        return weight

    first = verified(with_weight(chaos, "chaos", "recurrent_kernel", nudged)).first_divergence
    assert first is not None
    assert (first.layer, first.unit) == ("chaos", 7)
    assert first.timestep is not None
    assert first.timestep <= 3  # where unit 7 is not saturated


def test_where_some_step_is_wrong_the_runs_have_not_parted_by_rounding(chaos: Observation) -> None:
    sequence = chaos.walks["chaos"][0].sequence.copy()
    sequence[0, 139, 3] += np.float32(1e-5)
    walks = {"chaos": (replace(chaos.walks["chaos"][0], sequence=sequence),)}
    result = verified(replace(chaos, walks=walks, emitted={**chaos.emitted, Ref("chaos"): sequence}))
    assert result.verdict == "mismatch"
    assert result.amplification is not None
    assert result.amplification > 1000
    assert result.parting is None


def test_pictures_are_kept_where_they_are_asked_for_alone() -> None:
    observed = recorded("bidirectional")
    emitted = observed.emitted[Ref("sum")].copy()
    emitted[1, 4, 2] += 1.0
    wrong = replace(observed, emitted={**observed.emitted, Ref("sum"): emitted})
    result, nodes = judge(wrong)
    assert result.pictures is None
    assert {type(check.tally) for check in nodes.values()} == {Tally}
    result, nodes = judge(wrong, pictures=True)
    assert {type(check.tally) for check in nodes.values()} == {Pictured}
    assert result.pictures is not None
    assert {box.name for box in result.pictures.boxes} > {"sum", "unlike"}
    maps = {one.tensor: (one.timesteps, one.units) for one in result.pictures.maps}
    assert maps["sum.forward_h"] == maps["sum"] == (7, 3)
    assert maps["mul"] == (7, 4)
    assert maps["ave"] == (None, 5)
    assert result.pictures.closeup is not None
    at = result.pictures.closeup
    assert (at.layer, at.sample, at.timestep, at.unit) == ("sum", 1, 4, 2)


def test_the_seed_that_was_asked_for_is_told(observed: Observation) -> None:
    assert judge(replace(observed, asked=replace(observed.asked, seed=7))).result.seed == 7


def test_a_model_that_an_older_keras_saved_may_have_been_trained_otherwise() -> None:
    observed = recorded("unheeded")
    ref = Ref("unheeding")
    saved = replace(
        observed, outputs=(ref,), predictions=(observed.emitted[ref],), environment={"saved_by": "Keras 2.15"}
    )
    first, *_ = judge(saved).result.notes
    assert first.startswith("Keras 3 computes another function than the Keras that saved this file: up to")
    assert "trained with Keras 2.15: a mask was heeded beside an initial_state, and is not." in first


def test_of_steps_that_all_err_to_one_side_it_is_said() -> None:
    first = Divergence("rnn", 9, 0, 5, None, 0.5, 0.5, 1e-8, 1e-9, False)
    found = Tally("rnn", LARGEST["float32"], first=first, to_one_side=True)
    assert list(to_one_side({"other": tally(1.0), "rnn": found})) == [
        "rnn: no step is beyond its limit by itself, but those of unit 5 all err to the same side; the difference that is"
        " given is what they have in common"
    ]


@pytest.mark.usefixtures("keras")
def test_a_mask_that_keras_does_not_hand_over_is_noted() -> None:
    masked = {"N": 2, "T": 5, "initial_state": "random", "data": {"tokens": {"lengths": "random"}}, "layers": [
        {"Embedding": {"input_dim": 9, "output_dim": 3, "mask_zero": True}}, {"GRU": {"units": 4}},
    ]}  # fmt: skip
    assert "gru runs over the masked steps" in verify(spec_from_mapping(masked)).notes[0]
    assert verify(spec_from_mapping({**masked, "initial_state": "zeros"})).notes == ()
