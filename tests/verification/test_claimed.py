"""Somebody else's implementation against the replay. What Keras itself did stands in for it, and faults are put into that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rnnverify.api import observe
from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.observation import Observation
from rnnverify.spec import spec_from_mapping
from rnnverify.verification.claimed import Judgement, computed_in, judge_claims
from rnnverify.verification.claims import Given, claims_of

SIZES = {"N": 4, "T": 9, "D": 3, "M": 5, "K": 2}


def observation(*layers: Any, **keys: Any) -> Observation:
    return observe(spec_from_mapping({**SIZES, "layers": list(layers), **keys}))


@pytest.fixture(scope="module")
def lstm() -> Observation:
    return observation({"LSTM": {"units": "M"}}, {"Dense": {"units": "K"}})


@pytest.fixture(scope="module")
def masked() -> Observation:
    return observation(
        {"Embedding": {"input_dim": 9, "output_dim": 3, "mask_zero": True}},
        {"Bidirectional": {"layer": {"LSTM": {"units": "M", "return_sequences": True}}, "name": "both"}},
        {"Dense": {"units": "K"}},
        data={"tokens": {"lengths": "random"}},
    )


def given(observed: Observation, arrays: Mapping[str, Any]) -> Given:
    return claims_of(observed, Graph(observed.nodes), arrays)


def judged(observed: Observation, arrays: Mapping[str, Any]) -> Judgement:
    found = given(observed, arrays)
    assert not found.findings
    return judge_claims(observed, Graph(observed.nodes), found.claims)


def states(observed: Observation) -> dict[str, Array]:
    """What a port may give of the LSTM model: its output, and h and c at every step."""
    (walk,) = observed.walks["lstm"]
    return {"dense": observed.predictions[0], "lstm": walk.sequence, "lstm.c": walk.others[0]}


def test_states_at_every_step_are_judged_step_by_step(lstm: Observation) -> None:
    found = judged(lstm, states(lstm))
    assert found.right
    assert found.by_step == ("lstm",)
    assert found.first is None


@pytest.mark.parametrize("name", ["lstm", "lstm.c"])
def test_a_fault_of_one_step_is_placed(lstm: Observation, name: str) -> None:
    arrays = states(lstm)
    arrays[name] = arrays[name].copy()
    arrays[name][2, 6, 3] += 1e-5
    found = judged(lstm, arrays)
    assert found.first is not None
    assert not found.right
    assert (found.first.layer, found.first.timestep, found.first.sample, found.first.unit) == ("lstm", 6, 2, 3)


def test_without_c_the_sequence_is_judged_end_to_end(lstm: Observation) -> None:
    arrays = states(lstm)
    del arrays["lstm.c"]
    found = judged(lstm, arrays)
    assert found.right
    assert not found.by_step


def test_final_states_are_judged_too(lstm: Observation) -> None:
    arrays = {"dense": lstm.predictions[0], "lstm.c": lstm.walks["lstm"][0].others[0][:, -1]}
    assert judged(lstm, arrays).right
    found = judged(lstm, {**arrays, "lstm.c": arrays["lstm.c"] * (1 + 1e-4)})
    assert not found.right
    assert found.first is not None
    assert found.first.layer == "lstm"


def test_both_directions_of_a_masked_bidirectional_are_judged_step_by_step(masked: Observation) -> None:
    forward, backward = masked.walks["both"]
    arrays = {
        "dense": masked.predictions[0],
        "both.forward_h": forward.sequence,
        "both.forward_c": forward.others[0],
        "both.backward_h": backward.sequence[:, ::-1],
        "both.backward_c": backward.others[0][:, ::-1],
    }
    found = judged(masked, arrays)
    assert found.right
    assert found.by_step == ("both",)
    wrong = arrays["both.backward_h"].copy()
    wrong[1, 0, 2] += 1e-4  # the backward walk's last step
    found = judged(masked, {**arrays, "both.backward_h": wrong})
    assert not found.right
    assert not found.within["both.backward_h"][1, 0, 2]


def test_a_c_that_goes_on_through_masked_steps_is_right() -> None:
    """Keras puts zero out at masked steps here; of c a port may keep what it has, and what it makes of other steps counts."""
    observed = observation(
        {"Embedding": {"input_dim": 9, "output_dim": 3, "mask_zero": True}},
        {"LSTM": {"units": "M", "return_sequences": True, "zero_output_for_mask": True}},
        data={"tokens": {"lengths": "random"}},
    )
    (walk,) = observed.walks["lstm"]
    masked = observed.inputs[next(iter(observed.inputs))] == 0
    assert masked.any()
    kept = walk.others[0].copy()
    assert not kept[masked].any()
    for t in range(1, kept.shape[1]):
        kept[:, t] = np.where(masked[:, t, np.newaxis], kept[:, t - 1], kept[:, t])
    found = judged(observed, {"lstm": walk.sequence, "lstm.c": kept})
    assert found.right
    assert found.by_step == ("lstm",)
    sample, timestep = np.argwhere(~masked)[-1]
    kept[sample, timestep] *= 1 + 1e-4
    assert not judged(observed, {"lstm": walk.sequence, "lstm.c": kept}).right


def test_a_chaotic_recurrence_is_untested_by_its_outputs_and_right_by_its_states() -> None:
    observed = observation({"SimpleRNN": {"units": 24, "return_sequences": True}}, T=300, weights={"scale": 4.0})
    graph = Graph(observed.nodes)
    in_float32 = graph.run(observed.inputs, np.float32)[observed.outputs[0]].values
    (walk,) = observed.walks["simple_rnn"]
    assert np.abs(in_float32 - walk.sequence).max() > 1  # another right run, and nothing in common with Keras's
    assert judge_claims(observed, graph, given(observed, {"simple_rnn": in_float32}).claims).by_step == ("simple_rnn",)
    last = observation({"SimpleRNN": {"units": 24}}, T=300, weights={"scale": 4.0})
    found = judged(last, {"simple_rnn": last.predictions[0]})
    assert found.untested == ("simple_rnn",)
    assert found.right


def test_findings_name_what_is_wrong_with_names_and_shapes(lstm: Observation) -> None:
    arrays = {
        "lstm": np.zeros((4, 8, 5)),
        "lstm.c": np.full((4, 5), np.nan),
        "gru": np.zeros(3),
        "dense": np.zeros((2, 4)),
        "lstm.h": "a text",
    }
    found = "\n".join(given(lstm, arrays).findings)
    assert "lstm: expected the shape (4, 5) or (4, 9, 5), got (4, 8, 5)" in found
    assert "lstm.c: 20 of 20 elements are NaN or infinite" in found
    assert "'gru' is no tensor of this model; those that may be given: lstm, lstm.h, lstm.c, dense" in found
    assert "dense: expected the shape (4, 2), got (2, 4): as many numbers in another shape" in found
    assert "lstm.h: expected an array of numbers" in found
    assert given(lstm, {}).findings == ("the model's output 'dense' is missing",)
    assert "3 samples in place of 4" in given(lstm, {"dense": np.zeros((3, 2))}).findings[0]


def test_another_precision_than_keras_s() -> None:
    """A port in float32 of a model in half precision is judged by float32's rounding."""
    observed = observation({"GRU": {"units": "M", "return_sequences": True}}, dtype="bfloat16")
    wide = computed_in(observed, "float32")
    graph = Graph(wide.nodes)
    right = graph.run(observed.inputs, np.float32)[observed.outputs[0]].values
    for values, passes in ((right, True), (right * (1 + 1e-3), False), (np.asarray(observed.predictions[0]), False)):
        found = claims_of(wide, graph, {"gru": values})
        assert judge_claims(replace(wide, tf32=False), graph, found.claims).right is passes


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.ones((4, 2)) + 5j, "complex128"),
        (np.ones((4, 2)).astype(str), "<U"),
        (np.ma.masked_all((4, 2)), "masked array"),
        ([[1, 2], [3]], "list"),
    ],
)
def test_what_are_no_real_numbers_is_a_finding(given: Any, words: str) -> None:
    observed = observe(spec_from_mapping({"N": 4, "T": 3, "D": 2, "M": 3, "K": 2}))
    found = claims_of(observed, Graph(observed.nodes), {"dense": given})
    assert found.claims == ()
    assert words in found.findings[0]


def test_a_layer_behind_a_chaotic_one_is_judged_from_the_states_that_were_given() -> None:
    """End to end its outputs could show nothing; from what it was fed they can."""
    observed = observe(
        spec_from_mapping({"N": 2, "T": 300, "D": 4, "M": 32, "K": 2, "weights": {"scale": 4.0}, "seed": 1})
    )
    graph = Graph(observed.nodes)
    (walk,) = observed.walks["simple_rnn"]
    given = {"simple_rnn.h": walk.sequence, "dense": observed.predictions[0]}
    judged = judge_claims(observed, graph, claims_of(observed, graph, given).claims)
    assert judged.right
    assert not judged.untested
    wrong = judge_claims(observed, graph, claims_of(observed, graph, {**given, "dense": 1.001 * given["dense"]}).claims)
    assert not wrong.right
    assert wrong.first is not None
    assert wrong.first.layer == "dense"
