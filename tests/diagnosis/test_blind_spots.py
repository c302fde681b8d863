"""Blind spots: that they are those which the verdict cannot see, and that the change which is named shows them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

import rnnverify
from benchmarks.blind_spots import disagreements, spec_of
from rnnverify.diagnosis import blind_spots as search
from rnnverify.diagnosis.variations import Free
from rnnverify.spec import spec_from_mapping

SIZES: dict[str, Any] = {"N": 4, "T": 6, "D": 3, "M": 5, "K": 2}


def spots_of(**spec: Any) -> dict[str, Any]:
    found = rnnverify.blind_spots(spec_from_mapping({**SIZES, **spec}))
    return {spot.id: spot for spot in found.spots}


@pytest.mark.parametrize("seed", [1, 6, 12, 14, 25, 26])
def test_they_are_what_brute_force_finds(seed: int) -> None:
    """Two of these models compute in float64. Over 100 seeds: benchmarks/blind_spots.py."""
    assert list(disagreements(rnnverify.observe(spec_of(seed)))) == []


def test_zero_biases_hide_mistakes_with_biases() -> None:
    spots = spots_of(layer="GRU", weights="keras")
    assert {"bias-missing", "gru-recurrent-bias-missing", "gru-input-bias-only"} & set(spots)
    assert spots["bias-missing"].change == "weights: {bias: random}"
    assert "bias-missing" not in spots_of(layer="GRU")


def test_one_sample_hides_what_passes_between_samples() -> None:
    spots = spots_of(N=1)
    assert spots["state-carried-across-samples"].reason == "N is 1"
    assert spots["state-carried-across-samples"].change == "N: 3"
    assert spots["only-first-sample"].change == "N: 3"
    assert not {"state-carried-across-samples", "only-first-sample"} & set(spots_of(N=3))


def test_one_step_hides_the_recurrence() -> None:
    spots = spots_of(T=1)
    assert spots["recurrent-kernel-transposed"].change == spots["recurrent-term-missing"].change == "T: 7"
    assert "recurrent-kernel-transposed" not in spots_of(T=2)


def test_states_that_start_from_zero_hide_that_they_are_ignored() -> None:
    spots = spots_of(layer="LSTM")
    assert spots["initial-states-swapped"].change == "initial_state: random"
    assert "initial-states-swapped" not in spots_of(layer="LSTM", initial_state="random")


def test_full_sequences_hide_mistakes_with_masks() -> None:
    layers: Any = [
        {"Embedding": {"input_dim": 9, "output_dim": 4, "mask_zero": True}},
        {"LSTM": {"units": "M", "return_sequences": True}},
    ]
    spots = spots_of(layers=layers, data="tokens")
    assert spots["mask-ignored"].change == "data: {tokens: {lengths: random}}"
    assert spots["mask-ignored"].reason == "no step at the end is masked"
    assert "mask-ignored" not in spots_of(layers=layers, data={"tokens": {"lengths": "random"}})


def test_a_mistake_that_nothing_shows_is_none_and_does_not_count() -> None:
    """A kernel of one unit is its own transpose; a model without masks cannot ignore one."""
    found = rnnverify.blind_spots(spec_from_mapping({**SIZES, "M": 1}))
    none = {spot.id for spot in found.equivalent}
    assert {"recurrent-kernel-transposed", "mask-ignored"} <= none
    assert not none & set(found.ids)
    five = rnnverify.blind_spots(spec_from_mapping(SIZES))
    assert "recurrent-kernel-transposed" not in {spot.id for spot in five.equivalent}
    assert found.known < five.known


def test_the_change_that_is_named_shows_it() -> None:
    """In the spec itself, with what Keras then draws."""
    spec: dict[str, Any] = {**SIZES, "N": 1, "T": 1, "layer": "LSTM", "weights": "keras"}
    found = rnnverify.blind_spots(spec_from_mapping(spec))
    assert len(found.spots) > 20
    for change in dict.fromkeys(spot.change for spot in found.spots if "approximated" not in spot.id):
        assert change is not None
        changed = {**spec, **yaml.safe_load(f"{{{change}}}")}
        left = set(rnnverify.blind_spots(spec_from_mapping(changed)).ids)
        shown = {spot.id for spot in found.spots if spot.change == change and "approximated" not in spot.id}
        assert not shown & left


def test_biases_that_are_zero_hide_mistakes_in_a_model_too() -> None:
    """A port that forgets them is right until the model is trained. What is no spec's to set is said in words."""
    observed = rnnverify.observe(spec_from_mapping({**SIZES, "weights": "keras", "N": 1}))
    spots = {spot.id: spot.change for spot in rnnverify.blind_spots(observed).spots}
    assert spots["bias-missing"] == "random biases"
    assert spots["only-first-sample"] == "3 samples"


@pytest.mark.parametrize("layer", ["SimpleRNN", "LSTM", "GRU"])
def test_what_is_named_together_shows_nearly_all(layer: str) -> None:
    """With what Keras then draws: but for approximations that are right to many digits."""
    spec: dict[str, Any] = {**SIZES, "layer": layer}
    change = rnnverify.blind_spots(spec_from_mapping(spec)).change
    changed = {**spec, **yaml.safe_load(f"{{{change}}}")}
    left = rnnverify.blind_spots(spec_from_mapping(changed))
    assert {spot.id.split("/")[0] for spot in left.spots} <= {"activation-approximated"}
    assert all(spot.change != change for spot in left.spots)


def test_what_takes_too_long_is_not_begun_or_given_up() -> None:
    observed = rnnverify.observe(spec_from_mapping(SIZES))
    assert search.blind_spots(observed, Free(), 0.0) is None
    assert search.blind_spots(observed, Free(), 1e-3) is None


def test_it_shows_itself() -> None:
    text = repr(rnnverify.blind_spots(spec_from_mapping({**SIZES, "N": 1})))
    assert "state-carried-across-samples" in text
    assert "N: 3" in text


def test_a_result_has_them_under_the_reports_name() -> None:
    result = rnnverify.verify(spec_from_mapping({**SIZES, "T": 1}))
    assert result.blind_spots is None or "recurrent-term-missing" in result.blind_spots


def test_a_mistake_whose_shapes_do_not_go_together_is_left_out_of_the_walks_of_many() -> None:
    """Another T than features, given states of as many units: read with its axes exchanged, the input fits, the states do not."""
    layers: Any = [{"GRU": {"units": 4, "return_sequences": True}}, {"GRU": {"units": 10}}]
    for timesteps in (4, 10):
        spec = {"N": 3, "T": timesteps, "D": 10, "layers": layers, "initial_state": "random"}
        found = rnnverify.blind_spots(spec_from_mapping(spec))
        assert found.known > 50
