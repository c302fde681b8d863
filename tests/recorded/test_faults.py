"""Faults put into what was recorded: each is a mismatch, and is placed where it was put."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rnnverify.layers.arrays import Array
from rnnverify.observation import Observation, Ref, Tolerance, Walked
from rnnverify.results import Divergence, Verification
from rnnverify.verification.verdict import judge
from tests.recorded.observations import recorded


def first_of(result: Verification) -> Divergence:
    assert result.verdict == "mismatch"
    assert result.first_divergence is not None
    return result.first_divergence


def with_emitted(observed: Observation, ref: Ref, change: Any) -> Observation:
    changed = observed.emitted[ref].copy()
    change(changed)
    return replace(observed, emitted={**observed.emitted, ref: changed})


def with_walk(observed: Observation, node: str, walk: int, state: int, change: Any) -> Observation:
    """As if Keras had been seen to make something else of a state of a walk."""
    walks = list(observed.walks[node])
    arrays = [walks[walk].sequence, *walks[walk].others]
    arrays[state] = arrays[state].copy()
    change(arrays[state])
    walks[walk] = Walked(arrays[0], walks[walk].states, tuple(arrays[1:]))
    return replace(observed, walks={**observed.walks, node: tuple(walks)})


def add(place: tuple[int, ...], by: float) -> Any:
    def change(array: Array) -> None:
        array[place] += np.asarray(by, array.dtype)

    return change


STEPS = [
    ("stack", "simple_rnn", 0, 0, 5),
    ("stack", "lstm", 0, 0, 6),
    ("stack", "lstm", 0, 1, 6),
    ("stack", "gru", 0, 0, 3),
    ("masked", "lstm", 0, 1, 3),
    ("masked", "bidirectional", 0, 0, 4),
    ("masked", "bidirectional", 1, 1, 4),
    ("states", "encoder", 0, 1, 5),
    ("states", "before", 0, 0, 4),
    ("bidirectional", "sum", 1, 0, 3),
    ("float64", "lstm", 0, 0, 4),
]


@pytest.mark.parametrize(("name", "node", "walk", "state", "units"), STEPS)
@pytest.mark.parametrize("timestep", [3, -1])
def test_a_step_that_is_off_is_placed_there(
    name: str, node: str, walk: int, state: int, units: int, timestep: int
) -> None:
    observed = recorded(name)
    time = observed.walks[node][walk].sequence.shape[1]
    sample, unit, step = 2, units - 1, timestep % time
    if name == "masked":
        sample = 4  # which has no padding
    by = 1e-12 if name == "float64" else 4e-6
    first = first_of(judge(with_walk(observed, node, walk, state, add((sample, step, unit), by))).result)
    if step < time - 1 or state == 0:  # of the last c it may be the h that is made of it
        assert (first.layer, first.timestep, first.sample) == (node, step, sample)
    if state == 0:
        assert first.unit == unit
        assert first.residual == pytest.approx(by, rel=0.2)
        assert first.allowed < first.residual
        assert first.keras == pytest.approx(first.replay, abs=2 * by)


OUTPUTS = [
    ("stack", Ref("head"), (2, 6, 3)),
    ("masked", Ref("embedding"), (0, 2, 5)),
    ("masked", Ref("head"), (0, 8, 1)),
    ("masked", Ref("bidirectional"), (4, 5, 7)),
    ("bidirectional", Ref("ave"), (1, 4)),
    ("bidirectional", Ref("sum"), (0, 6, 0)),
    ("activations", Ref("gelu"), (4, 1)),
    ("activations", Ref("softmax"), (8, 7)),
    ("long", Ref("wide"), (0, 329, 29)),
]


@pytest.mark.parametrize(("name", "ref", "place"), OUTPUTS)
def test_an_output_that_is_off_is_placed_there(name: str, ref: Ref, place: tuple[int, ...]) -> None:
    result = judge(with_emitted(recorded(name), ref, add(place, 2e-5))).result
    first = first_of(result)
    timestep = place[1] if len(place) > 2 else None
    assert (first.layer, first.timestep, first.sample, first.unit) == (ref.node, timestep, place[0], place[-1])
    assert first.gate is None
    assert first.residual == pytest.approx(2e-5, rel=0.1)
    assert {layer.layer for layer in result.layers if not layer.passed} >= {ref.node}


RETURNED = [
    ("states", Ref("encoder", 1), (2, 4)),
    ("states", Ref("encoder", 2), (0, 3)),
    ("states", Ref("decoder"), (1, 2)),
    ("states", Ref("without", 2), (1, 3)),
    ("bidirectional", Ref("concat", 4), (1, 2)),
    ("bidirectional", Ref("both", 1), (1, 2, 1)),
    ("masked", Ref("bidirectional", 3), (2, 1)),
    ("masked", Ref("gru"), (4, 5, 2)),
]


@pytest.mark.parametrize(("name", "ref", "place"), RETURNED)
def test_a_state_that_is_returned_and_was_not_stepped_to_is_placed_there(
    name: str, ref: Ref, place: tuple[int, ...]
) -> None:
    first = first_of(judge(with_emitted(recorded(name), ref, add(place, 1e-4))).result)
    assert (first.layer, first.sample, first.unit) == (ref.node, place[0], place[-1])
    assert first.timestep == (place[1] if len(place) > 2 else None)


@pytest.mark.parametrize("place", [(0, 6, 3), (3, 0, 1)])
def test_what_a_masked_step_puts_out_is_looked_at_too(place: tuple[int, ...]) -> None:
    for node in ("simple_rnn", "lstm"):
        if node == "lstm":
            place = (*place[:2], place[2] % 3)
        observed = recorded("masked")
        changed = with_walk(observed, node, 0, 0, add(place, 1e-3))
        first = first_of(judge(changed).result)
        assert (first.layer, first.timestep, first.sample, first.unit) == (node, place[1], place[0], place[2])


def test_of_two_faults_the_one_in_the_earlier_layer_is_first() -> None:
    observed = with_emitted(recorded("stack"), Ref("head"), add((0, 0, 0), 1.0))
    observed = with_walk(observed, "gru", 0, 0, add((1, 5, 2), 1e-3))
    result = judge(observed).result
    assert (first_of(result).layer, first_of(result).timestep) == ("gru", 5)
    assert [layer.layer for layer in result.layers if not layer.passed] == ["gru", "head"]


def test_of_two_states_the_earlier_step_is_first() -> None:
    observed = with_walk(recorded("stack"), "lstm", 0, 0, add((0, 5, 1), 1.0))
    assert first_of(judge(with_walk(observed, "lstm", 0, 1, add((1, 2, 3), 1e-2))).result).timestep == 2
    observed = with_walk(recorded("bidirectional"), "concat", 0, 0, add((0, 5, 1), 1.0))
    first = first_of(judge(with_walk(observed, "concat", 1, 0, add((1, 2, 0), 1.0))).result)
    assert (first.timestep, first.sample) == (5, 0)  # walks are not in one order of time


def returned(observed: Observation, change: Any, output: int = 0) -> Observation:
    """As if the model had returned something else than was seen inside of it."""
    predictions = [prediction.copy() for prediction in observed.predictions]
    predictions[output] = change(predictions[output])
    return replace(observed, predictions=tuple(predictions))


@pytest.mark.parametrize("name", ["stack", "gated", "masked", "states", "bidirectional", "mixed", "float16"])
def test_another_run_of_the_model_is_right_if_it_is_off_by_its_rounding(name: str) -> None:
    observed = recorded(name)
    result = judge(returned(observed, lambda y: np.nextafter(y, y.dtype.type(9)))).result
    assert result.verdict == "match"
    first = next(iter(result.outputs)).output.partition("[")[0]
    assert result.notes == (
        f"{first}: the model returned other bits than the run that was observed step by step, as it does when compiled"
        " otherwise; so these were judged end to end, by how far rounding alone can take them",
    )
    unit = 2.0**-11 if name in ("mixed", "float16") else 2.0**-24
    for row in result.outputs:
        assert row.passed
        assert 0.1 * unit * abs(row.keras) < row.expected_error < 60 * unit


@pytest.mark.parametrize(
    ("name", "output", "place", "layer"),
    [
        ("stack", 0, (2, 3, 1), "head"),
        ("masked", 0, (4, 0, 1), "head"),
        ("masked", 2, (0, 3), "bidirectional"),
        ("states", 2, (1, 4), "encoder"),
        ("bidirectional", 5, (2, 6, 1), "sum"),
    ],
)
def test_an_output_of_another_run_that_is_off_by_more_is_placed_there(
    name: str, output: int, place: tuple[int, ...], layer: str
) -> None:
    observed = recorded(name)

    def off(y: Array) -> Array:
        y[place] += 1e-4
        return y

    result = judge(returned(observed, off, output)).result
    first = first_of(result)
    assert (first.layer, first.sample, first.unit) == (layer, place[0], place[-1])
    assert first.timestep == (place[1] if len(place) == 3 else None)
    assert len([row for row in result.outputs if not row.passed]) == 1
    assert all(one.passed for one in result.layers)


def test_what_a_chaotic_model_that_runs_otherwise_returns_late_says_nothing() -> None:
    observed = recorded("chaotic")

    def off_from(timestep: int) -> Verification:
        return judge(
            returned(observed, lambda y: y + np.float32(0.3) * (np.arange(140) >= timestep)[:, np.newaxis])
        ).result

    late = off_from(135)
    assert late.verdict == "match"
    assert late.parting is not None
    assert late.parting.layer == "chaos"
    assert 40 < late.parting.timestep < 130
    assert late.amplification is not None
    assert late.amplification > 1e4
    assert first_of(off_from(20)).timestep == 20


def test_an_output_that_is_an_input_is_looked_at_too() -> None:
    observed = recorded("states")
    through = replace(
        observed,
        outputs=(*observed.outputs, Ref("through")),
        inputs={**observed.inputs, "through": np.ones((3, 2), np.float32)},
        predictions=(*observed.predictions, np.ones((3, 2), np.float32)),
    )
    result = judge(through).result
    assert result.verdict == "match"
    assert result.notes == ()
    assert result.outputs[-1].output == "through[1]"
    assert result.outputs[-1].at.timestep is None


def test_a_tolerance_is_asked_of_every_element_beside_the_limit() -> None:
    observed = recorded("stack")
    errors = [row.max_abs_error for row in judge(observed).result.outputs]

    def passed(tolerance: Tolerance) -> list[bool]:
        asked = replace(observed.asked, tolerance=tolerance)
        return [row.passed for row in judge(replace(observed, asked=asked)).result.outputs]

    assert passed(Tolerance(atol=max(errors))) == [True] * 4
    assert passed(Tolerance(atol=float(np.nextafter(max(errors), 0)))) == [error != max(errors) for error in errors]
    assert passed(Tolerance(rtol=1e-5)) == [True] * 4
    assert passed(Tolerance(atol=min(errors), rtol=0.0)) == [error == min(errors) for error in errors]
    assert passed(Tolerance(atol=1.0, rtol=-1e3)) == [False] * 4


@pytest.mark.parametrize(("state", "by"), [(0, 6e-7), (1, -9e-7)])
def test_steps_that_all_err_to_one_side_are_a_mismatch_together(state: int, by: float) -> None:
    unit, factor = 5, 1 + by

    def change(array: Array) -> None:
        array[..., unit] = (array[..., unit].astype(np.float64) * factor).astype(np.float32)

    observed = recorded("long")
    changed = with_walk(observed, "long", 0, state, change)
    if state == 0:
        changed = replace(changed, emitted={**changed.emitted, Ref("long"): changed.walks["long"][0].sequence})
    result, nodes = judge(changed)
    assert nodes["long"].tally.walk == 0
    first = first_of(result)
    assert (first.layer, first.unit, first.sample, first.timestep, first.certain) == ("long", unit, 0, 329, False)
    assert any("all err to the same side" in note and f"unit {unit}" in note for note in result.notes)
    (long, *others) = result.layers
    assert not long.passed
    assert long.worst_ratio == pytest.approx(first.residual / first.allowed)
    assert first.residual > first.allowed
    assert state == 0 or all(layer.passed for layer in others)  # the next layer was fed what was changed
    last = changed.walks["long"][0]
    assert first.keras == (last.sequence, *last.others)[state][0, 329, unit]
    assert first.replay == pytest.approx(first.keras, abs=1e-6)


def test_a_fault_among_ordered_terms_is_seen_and_right_ones_are_looked_at_again() -> None:
    observed = recorded("ordered")
    for node in ("dense", "LSTM"):
        weights = {
            name: weight.copy() for name, weight in next(n for n in observed.nodes if n.name == node).weights.items()
        }
        weights["kernel"][7, 3] += 1e-3
        nodes = tuple(replace(n, weights=weights) if n.name == node else n for n in observed.nodes)
        first = first_of(judge(replace(observed, nodes=nodes)).result)
        assert (first.layer, first.unit) == (node, 3)
        assert first.timestep == 0


def test_what_was_looked_at_again_passes_by_no_more_than_it_must() -> None:
    """Looked at again a limit is wider, by what the sums' own partial sums are."""
    observed = recorded("ordered")
    ref = Ref("dense")
    worst = max(judge(observed).nodes["dense"].tally.worst_deviation, 1)
    assert worst > 10
    first = first_of(judge(with_emitted(observed, ref, add((1, 2, 4), 3e-3))).result)
    assert (first.layer, first.timestep, first.sample, first.unit) == ("dense", 2, 1, 4)


def test_parts_of_the_time_are_looked_at_again_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    (whole, *_) = judge(recorded("ordered")).result.layers
    monkeypatch.setattr("rnnverify.verification.taken.STRETCH", 1100)  # one timestep of two samples of 512
    (parts, *_) = judge(recorded("ordered")).result.layers
    assert parts.passed
    assert parts.worst_ratio == pytest.approx(whole.worst_ratio, rel=1e-5)
    assert parts.worst_ratio > 0.5


def test_parts_of_the_time_hand_on_their_parts_of_the_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnverify.verification.taken.STRETCH", 1)
    mask = judge(recorded("unheeded")).nodes["between"].node.masks[Ref("between")]
    assert mask is not None
    assert mask.tolist() == [[True, True, False, False, False], [True, True, True, True, False]]


def test_nothing_that_is_not_a_number_is_ever_passed() -> None:
    for value in (np.nan, np.inf, -np.inf):

        def change(array: Array, value: float = value) -> None:
            array[1, 4, 2] = value

        first = first_of(judge(with_walk(recorded("stack"), "gru", 0, 0, change)).result)
        assert (first.layer, first.timestep, first.sample, first.unit, first.residual) == ("gru", 4, 1, 2, np.inf)


def test_what_is_not_as_many_as_it_should_be_is_an_error_and_no_match() -> None:
    observed = recorded("masked")
    nodes = judge(observed).nodes
    for name in ("bidirectional", "head", "lstm"):
        emitted = [observed.emitted[ref] for ref in sorted(observed.emitted) if ref.node == name]
        for outputs in (emitted[:-1], [*emitted, emitted[0]]):
            if outputs:
                with pytest.raises(ValueError, match="argument 2 is"):
                    list(nodes[name].node.comparisons(outputs))
    (taken,) = nodes["lstm"].node.walks
    for states in (taken.sequences[:1], (*taken.sequences, taken.sequence)):
        with pytest.raises(ValueError, match="argument 2 is"):
            taken.put_out(slice(0, 9), states)
    h = np.ones((5, 3))
    with pytest.raises(ValueError, match="argument 2 is"):
        taken.walk.after((h,), (h, h), h, np.ones(5, dtype=bool))
    node = nodes["bidirectional"].node
    with pytest.raises(ValueError, match="argument 2 is"):
        node.layer.outputs(node.call, node.left[:1])
