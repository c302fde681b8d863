"""What pages draw is what was compared: nothing beyond a limit is lost when it is folded to a size that can be seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rnnverify.diagnosis.explanation import explained
from rnnverify.observation import Ref
from rnnverify.results import Verification
from rnnverify.results.pictures import Pictures
from rnnverify.verification.folding import MOST_COLUMNS, MOST_ROWS, Folded, by_blocks
from rnnverify.verification.verdict import judge
from tests.recorded.observations import recorded
from tests.recorded.test_faults import add, with_emitted, with_walk


def pictured(observed: Any) -> tuple[Verification, Pictures]:
    result = explained(judge(observed, pictures=True))
    assert result.pictures is not None
    return result, result.pictures


def test_nothing_is_kept_where_nobody_asks_and_the_verdict_is_the_same() -> None:
    observed = recorded("gated")
    plain, (result, _) = judge(observed).result, pictured(observed)
    assert plain.pictures is None
    assert replace(result, pictures=None, seconds=plain.seconds) == plain


@pytest.mark.parametrize("name", ["stack", "masked", "states", "bidirectional"])
def test_the_largest_of_each_layers_maps_is_its_worst_ratio(name: str) -> None:
    result, pictures = pictured(recorded(name))
    assert {one.layer for one in pictures.maps} == {layer.layer for layer in result.layers}
    for layer in result.layers:
        largest = max(np.nanmax(one.ratios) for one in pictures.maps if one.layer == layer.layer)
        assert largest == layer.worst_ratio


def test_maps_are_by_timestep_and_unit() -> None:
    _, pictures = pictured(recorded("gated"))
    shapes = {one.tensor: (one.ratios.shape, one.timesteps, one.units) for one in pictures.maps}
    assert shapes == {
        "lstm.h": ((7, 5), 7, 5),
        "lstm.c": ((7, 5), 7, 5),
        "gru.h": ((7, 6), 7, 6),
        "dense": ((7, 4), 7, 4),
    }
    for one in pictures.maps:
        top = np.nanmax(one.ratios, axis=0)
        assert [worst.unit for worst in one.worst] == np.argsort(-top)[:3].tolist()
        np.testing.assert_array_equal(one.worst[0].ratios, one.ratios[:, one.worst[0].unit])


def test_a_fault_stands_in_its_cell_and_is_enlarged() -> None:
    seen = recorded("gated")
    observed = with_walk(seen, "gru", 0, 0, add((1, 4, 5), 0.25))
    result, pictures = pictured(observed)
    (gru,) = (one for one in pictures.maps if one.tensor == "gru.h")
    beyond = np.argwhere(gru.ratios > 1).tolist()
    assert [4, 5] in beyond
    assert all(timestep in (4, 5) for timestep, _ in beyond)  # the step itself, and the one that starts from it
    near, first = pictures.closeup, result.first_divergence
    assert near is not None
    assert first is not None
    assert (near.layer, near.sample, near.timestep, near.unit) == ("gru", 1, 4, 5)
    assert near.over_time is not None
    given = observed.walks["gru"][0].sequence
    np.testing.assert_array_equal(near.over_time.given, given[1, :, 5].astype(float))
    np.testing.assert_array_equal(near.over_units.given, given[1, 4].astype(float))
    off = np.abs(near.over_time.given - near.over_time.replay) > near.over_time.allowed
    assert off.tolist() == [step == 4 or (step == 5 and bool(off[5])) for step in range(7)]
    assert near.over_units.replay[5] == first.replay
    assert near.over_units.allowed[5] == first.allowed


def test_a_fault_in_what_has_no_walk_is_enlarged_too() -> None:
    observed = with_emitted(recorded("gated"), Ref("dense"), add((2, 3, 1), 0.5))
    _, pictures = pictured(observed)
    near = pictures.closeup
    assert near is not None
    assert (near.layer, near.sample, near.timestep, near.unit) == ("dense", 2, 3, 1)
    assert len(near.over_units.given) == 4


def test_drifts_are_end_to_end() -> None:
    result, pictures = pictured(recorded("gated"))
    drifts = {one.tensor: one for one in pictures.drifts}
    assert list(drifts) == ["lstm.h", "lstm.c", "gru.h", "dense"]
    worst = max(output.max_abs_error for output in result.outputs)
    assert drifts["dense"].error.max() == pytest.approx(worst, rel=1e-9)
    for one in drifts.values():
        assert one.error.shape == one.deviation.shape == one.size.shape == (7,)
        assert (one.error <= one.limit * one.deviation).all()  # within what is derived for it


def test_of_what_is_too_large_some_samples_are_run_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {one.tensor: one for one in pictured(recorded("gated"))[1].drifts}
    monkeypatch.setattr("rnnverify.verification.drifts.MOST_ELEMENTS", 2 * 7 * 6)
    some = {one.tensor: one for one in pictured(recorded("gated"))[1].drifts}
    assert [one.samples for one in whole.values()] == [None] * 4
    assert [one.samples for one in some.values()] == [2] * 4
    for name, one in some.items():
        assert (one.error <= whole[name].error).all()
        assert one.error.max() > 0


def test_what_is_taken_as_given_is_in_the_graph_and_nowhere_else() -> None:
    observed = recorded("gated")
    nodes = tuple(replace(node, opaque=node.name == "gru") for node in observed.nodes)
    _, pictures = pictured(replace(observed, nodes=nodes))
    assert [box.name for box in pictures.boxes if box.given] == ["gru"]
    assert {one.layer for one in pictures.maps} == {"lstm", "dense"}
    assert {one.layer for one in pictures.drifts} == {"lstm", "dense"}


def test_walks_that_go_back_in_time_are_told() -> None:
    _, pictures = pictured(recorded("bidirectional"))
    backwards = {one.tensor: one.backwards for one in [*pictures.maps, *pictures.drifts] if one.layer == "concat"}
    assert backwards["concat.forward_h"] is False
    assert backwards["concat.backward_h"] is True


def test_the_graph_is_that_of_the_model() -> None:
    _, pictures = pictured(recorded("states"))
    reads = {box.name: box.reads for box in pictures.boxes}
    inputs = [box.name for box in pictures.boxes if box.class_ == "input"]
    assert len(inputs) == 3
    assert reads["decoder"][0] == "encoder"
    assert reads["without"] == ("before",)
    assert {box.name for box in pictures.boxes if box.returned} == {"encoder", "decoder", "plain", "without"}


def test_long_walks_and_many_units_are_folded_by_the_largest() -> None:
    chance = np.random.default_rng(2)
    ratios = chance.uniform(size=(5 * MOST_ROWS + 7, MOST_COLUMNS + 3))
    ratios[777, 130] = 9.0
    folded = Folded(ratios.shape[1], timed=True)
    for start in range(0, len(ratios), 50):
        folded.add(ratios[start : start + 50], start)
    made = folded.map_of("lstm", "lstm.h")
    assert (made.per_row, made.per_column) == (8, 2)
    assert made.ratios.shape == (-(-len(ratios) // 8), -(-ratios.shape[1] // 2))
    assert (made.timesteps, made.units) == ratios.shape
    assert np.argwhere(made.ratios == 9.0).tolist() == [[777 // 8, 65]]
    assert made.ratios[3, 4] == ratios[24:32, 8:10].max()
    assert made.worst[0].unit == 130


def test_blocks_of_what_is_not_known_stay_unknown() -> None:
    rows = np.array([1.0, np.nan, 3.0, np.nan, np.nan])
    np.testing.assert_array_equal(by_blocks(rows, 2), [1.0, 3.0, np.nan])


def test_the_weight_that_is_wrong_explains_most() -> None:
    observed = recorded("gated")
    first, *others = observed.nodes
    kernel = np.array(first.weights["recurrent_kernel"])
    kernel[2, 5 + 4] += 0.05  # of the forget gate of unit 4
    changed = replace(first, weights={**first.weights, "recurrent_kernel": kernel})
    _, pictures = pictured(replace(observed, nodes=(changed, *others)))
    assert [one.weight for one in pictures.suspicions] == ["kernel", "recurrent_kernel", "bias"]
    shares = {one.weight: one.shares for one in pictures.suspicions}
    assert {name: array.shape for name, array in shares.items()} == {
        "kernel": (2, 4),
        "recurrent_kernel": (5, 4),
        "bias": (1, 4),
    }
    most = max(shares, key=lambda name: shares[name].max())
    assert most == "recurrent_kernel"
    assert np.unravel_index(int(shares[most].argmax()), (5, 4)) == (2, 1)
    assert shares[most].max() > 0.9
