"""Runs from end to end, and what is taken as given in them, as recorded or by hand."""

from __future__ import annotations

from dataclasses import fields, replace
from math import tanh
from typing import Any

import numpy as np
import pytest

from rnnverify.errors import DataError
from rnnverify.layers.graph import Graph
from rnnverify.layers.walk import Walk
from rnnverify.observation import Node, Observation, Ref
from rnnverify.results import GivenLayer
from rnnverify.rounding import PRECISIONS, Rounded
from rnnverify.verification.end_to_end import expected_end_to_end, handed
from rnnverify.verification.steps import NodeCheck
from rnnverify.verification.verdict import another_run, given_layers, judge
from tests.layers.against_keras import OPTIONS
from tests.recorded.observations import recorded
from tests.recorded.test_faults import add, first_of, with_emitted
from tests.verification.by_hand import seen


def opaque(observed: Observation, *names: str) -> Observation:
    """What was observed, where these layers are taken as given."""
    return replace(observed, nodes=tuple(replace(node, opaque=node.name in names) for node in observed.nodes))


def test_what_is_taken_as_given_is_told_with_its_place_and_all_else_is_checked() -> None:
    observed = opaque(recorded("gated"), "gru")
    given = (GivenLayer("gru", "GRU", 3 * (5 * 6 + 6 * 6 + 2 * 6), (3, 7, 6), 1),)
    assert tuple(given_layers(observed)) == given
    result = judge(observed).result
    assert (result.verdict, result.given) == ("match", given)
    assert [layer.layer for layer in result.layers] == ["lstm", "dense"]
    wrong = with_emitted(opaque(recorded("gated"), "lstm"), Ref("dense"), add((0, 1, 2), 1e-3))
    assert first_of(judge(wrong).result).layer == "dense"


def test_where_all_is_taken_as_given_nothing_is_left_to_check() -> None:
    message = "gated: nothing left to check: lstm, gru, dense taken as given, and there is no other layer"
    observed = opaque(recorded("gated"), "lstm", "gru", "dense")
    with pytest.raises(DataError) as caught:
        judge(replace(observed, asked=replace(observed.asked, spec="gated")))
    assert str(caught.value) == message


def test_in_another_run_what_is_taken_as_given_is_off_by_some_roundings_of_its_own() -> None:
    observed = opaque(recorded("gated"), "lstm")
    expected = expected_end_to_end(observed, Graph.of(observed)).tensors
    lstm: Any = expected[Ref("lstm")].values
    emitted = observed.emitted[Ref("lstm")]
    deviation = 16 * 2.0**-24 * float(np.abs(emitted).max())  # what it was fed is exact
    np.testing.assert_array_equal(lstm.value, emitted)
    np.testing.assert_allclose(lstm.variance, np.full(emitted.shape, deviation**2), rtol=1e-12)
    np.testing.assert_allclose(lstm.bound, np.full(emitted.shape, 16 * deviation), rtol=1e-12)
    dense: Any = expected[Ref("dense")].values
    np.testing.assert_allclose(dense.value, observed.predictions[0], atol=1e-5)


def test_that_what_it_makes_of_another_run_is_a_guess_is_said() -> None:
    tallies: Any = {"dense": None, "other": None}
    told = (
        "dense, other: the model returned other bits than the run that was observed step by step, as it does when compiled"
        " otherwise; so these were judged end to end, by how far rounding alone can take them"
    )
    assert list(another_run(tallies, recorded("gated"))) == [told]
    guess = "; how far it takes lstm, which are not replayed, is a guess: 16 roundings, and those of their inputs in proportion"
    assert list(another_run(tallies, opaque(recorded("gated"), "lstm"))) == [told + guess]
    assert list(another_run({}, recorded("gated"))) == []


def test_operands_that_are_rounded_to_tf32_count_in_every_step_and_end_to_end() -> None:
    plain = recorded("stack")
    coarse = replace(plain, tf32=True)
    for observed, operands in ((plain, 0.0), (coarse, 2.0**-11)):
        assert [check.node.precision.operands for check in judge(observed).nodes.values()] == [operands] * 4
    fine, rough = (
        expected_end_to_end(one, Graph(one.nodes)).tensors[Ref("head")].values.variance for one in (plain, coarse)
    )
    assert (rough > 1000**2 * fine).all()  # 2^-11 beside 2^-24


@pytest.mark.parametrize("name", ["unheeded", "states"])
def test_masks_and_states_are_handed_on_as_keras_does(name: str) -> None:
    observed = recorded(name)
    expected = expected_end_to_end(observed, Graph(observed.nodes)).tensors
    for ref, emitted in observed.emitted.items():
        np.testing.assert_allclose(np.asarray(expected[ref].values), emitted, atol=1e-5)


MASKED = {
    "nodes": (
        Node(
            "rnn",
            "rnn",
            "SimpleRNN",
            {**OPTIONS, "name": "rnn", "dtype": "float32", "units": 1, "use_bias": False, "activation": "linear"}
            | {"return_sequences": True},
            {"kernel": np.ones((1, 1)), "recurrent_kernel": np.ones((1, 1))},
            (Ref("x"),),
            mask=(Ref("steps"),),
        ),
    ),
    "inputs": {"x": [[[1.0], [2.0], [4.0], [8.0]]], "steps": [[1.0, 0.0, 0.0, 1.0]]},
    "emitted": {"rnn": [[[1.0], [1.0], [1.0], [9.0]]]},
}


def test_a_mask_that_a_call_was_given_is_heeded_in_every_step_and_end_to_end() -> None:
    observed = seen(**MASKED, walked=True)
    result = judge(observed).result
    assert (result.verdict, result.outputs[0].max_abs_error) == ("match", 0)
    end: Any = expected_end_to_end(observed, Graph(observed.nodes)).tensors[Ref("rnn")].values
    assert end.value.tolist() == [[[1], [1], [1], [9]]]
    unmasked = replace(observed, nodes=tuple(replace(node, mask=()) for node in observed.nodes))
    assert first_of(judge(unmasked).result).timestep == 1


def test_rows_start_from_states_as_long_as_they_are_end_to_end_too() -> None:
    config = {"name": "rows", "dtype": "float32", "filters": 1, "kernel_size": (2,), "return_sequences": True}
    weights = {
        "kernel": np.zeros((2, 1, 4)),
        "recurrent_kernel": np.zeros((2, 1, 4)),
        "bias": np.array([0.0, 0.0, 1.0, 0.0]),
    }
    c = tanh(1) / 2  # of gates that are all half open
    every = [[[[tanh(c) / 2]] * 3, [[tanh(1.5 * c) / 2]] * 3]]
    config |= {"strides": (1,), "padding": "valid", "dilation_rate": (1,), "data_format": "channels_last"}
    config |= {"activation": "tanh", "recurrent_activation": "sigmoid", **OPTIONS, "return_sequences": True}
    node = Node("rows", "rows", "ConvLSTM1D", config, weights, (Ref("x"),))
    observed = seen((node,), {"x": np.ones((1, 2, 4, 1))}, {"rows": every}, walked=True)
    end: Any = expected_end_to_end(observed, Graph(observed.nodes)).tensors[Ref("rows")].values
    np.testing.assert_allclose(end.value, every, rtol=1e-12)


def test_token_ids_are_handed_on_as_they_are() -> None:
    observed = recorded("masked")
    node, graph, (ids,) = observed.nodes[0], Graph(observed.nodes), observed.inputs.values()
    for given in (ids, Rounded(ids, np.zeros(ids.shape), np.zeros(ids.shape), PRECISIONS["float32"])):
        assert handed(node, graph, node.inputs[0], given, PRECISIONS["float32"]) is ids


def check_of(name: str, node: str) -> NodeCheck:
    return judge(recorded(name)).nodes[node].node


def test_what_a_layer_is_fed_is_rounded_as_it_does_and_whole_numbers_stay_such() -> None:
    fine = np.array([0.1, 1.0], dtype=np.float32)
    made = check_of("mixed", "outside").as_fed(fine)
    assert (made.tolist(), made.dtype) == ([float(np.float16(0.1)), 1], np.float64)
    embedding = check_of("masked", "embedding")  # which rounds nothing
    assert embedding.as_fed(fine).tolist() == fine.tolist()
    assert embedding.as_fed(fine).dtype == np.float64
    for kind in (np.int32, np.uint8, np.bool_):
        assert embedding.as_fed(np.array([1, 0], dtype=kind)).dtype == kind


def test_a_check_knows_what_the_layer_put_out_and_hands_on_the_mask_of_its_first_output_alone() -> None:
    observed = recorded("masked")
    check = check_of("masked", "bidirectional")
    assert check.first_output is observed.emitted[Ref("bidirectional")]
    (ids,) = observed.inputs.values()
    first = check.masks[Ref("bidirectional")]
    assert first is not None
    np.testing.assert_array_equal(first, ids != 0)
    assert {ref.output: mask for ref, mask in check.masks.items() if ref.output} == dict.fromkeys((1, 2, 3, 4))


@pytest.mark.parametrize("node", ["SimpleRNN", "LSTM"])
def test_an_output_of_other_steps_than_those_that_were_seen_may_have_sums_in_an_order_of_their_own(node: str) -> None:
    observed, (place, by) = recorded("ordered"), ((1, 2), 1e-6)
    changed = with_emitted(observed, Ref(node), add(place, by))
    result, nodes = judge(changed)
    assert result.verdict == "match"
    check = nodes[node].node
    free: Any = check.free[0].values
    assert (np.abs(observed.emitted[Ref(node)] - free.value) > 12 * np.sqrt(free.variance)).any()
    over = np.zeros(free.shape)
    over[place] = 2.0
    (samples,), made = check.free_again(0, over)
    assert samples.tolist() == [1]
    regular: Any = expected_end_to_end(observed, Graph(observed.nodes), regular=True).tensors[Ref(node)].values
    np.testing.assert_allclose(made.variance, regular.variance[1:], rtol=1e-12)
    np.testing.assert_allclose(made.bound, regular.bound[1:], rtol=1e-12)


def test_an_output_of_steps_that_were_not_seen_is_compared_under_its_own_number() -> None:
    check = check_of("states", "encoder")
    outputs = [recorded("states").emitted[Ref("encoder", index)] + np.float32(0.5) for index in range(3)]
    found = [one for one in check.comparisons(outputs) if one.tensor[0] is None]
    assert [(one.tensor, one.start) for one in found] == [((None, 0), 0), ((None, 1), None), ((None, 2), None)]
    assert [one.widens for one in found] == [True] * 3


def test_what_is_merged_of_steps_that_are_right_is_compared_step_by_step() -> None:
    check = check_of("bidirectional", "sum")
    merged = recorded("bidirectional").emitted[Ref("sum")]
    (one,) = (one for one in check.comparisons([merged]) if one.tensor[0] is None)
    assert (one.tensor, one.start) == ((None, 0), 0)
    ave = check_of("bidirectional", "ave")
    (one,) = (one for one in ave.comparisons([recorded("bidirectional").emitted[Ref("ave")]]) if one.tensor[0] is None)
    assert (one.tensor, one.start) == ((None, 0), None)


def test_single_steps_have_their_errors_in_float32_but_for_those_that_start_from_zero() -> None:
    check = check_of("gated", "lstm")
    (taken,) = check.walks
    for part, kind in ((slice(0, 2), np.float64), (slice(1, 4), np.float32)):
        taken.__dict__["stretches"] = [part]
        ((_, made),) = check.steps(taken)
        c: Any = made[1]
        assert (c.value.dtype, c.bound.dtype, c.variance.dtype) == (np.float64, kind, kind)


class OwnWay(Walk):
    """A walk on a way of its own, as a mistaken one may go."""

    def run(self, every_step: bool = False) -> Any:
        made = super().run(every_step)
        return replace(made, sequence=made.sequence * 2)


def test_a_walk_on_a_way_of_its_own_is_compared_as_a_whole() -> None:
    check = check_of("gated", "lstm")
    (taken,) = check.walks
    walk = OwnWay(*(getattr(taken.walk, field.name) for field in fields(Walk)))
    own = replace(taken, walk=walk)
    assert not own.by_step
    check.walks = [own]
    (whole,) = check.of_steps()
    sequence = taken.sequence
    assert whole.keras.shape == sequence.shape
    assert (whole.start, whole.tensor, whole.again, whole.thin) == (0, (0, 0), None, None)
    np.testing.assert_allclose(whole.expected.value, 2 * sequence.astype(np.float64), rtol=1e-4, atol=1e-5)
    check.walks = [taken]
    found = list(check.of_steps())
    assert {one.tensor for one in found} == {(0, 0), (0, 1)}
    assert all(one.again is not None and one.thin == 1 for one in found)
