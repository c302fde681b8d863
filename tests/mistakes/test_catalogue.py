"""The catalogue: that it is whole, that each mistake can be made and seen, and that diagnosis names it."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from docs.made.symptoms import BARE, hidden_in, read, symptoms_of
from rnnverify.api import compare, diagnose, observe
from rnnverify.diagnosis import mistaken
from rnnverify.diagnosis.blind_spots import outputs_of
from rnnverify.diagnosis.replays import Replays
from rnnverify.diagnosis.reruns import Made
from rnnverify.errors import UnsupportedError
from rnnverify.layers.graph import Graph
from rnnverify.mistakes import MISTAKES, made_in, with_mistakes
from rnnverify.observation import Observation
from rnnverify.spec import spec_from_mapping
from rnnverify.verification.claimed import judge_claims
from rnnverify.verification.claims import claims_of
from rnnverify.verification.end_to_end import expected_end_to_end
from rnnverify.verification.outputs import label
from tests.mistakes.models import observations
from tests.mistakes.ports import PORTS, UNKNOWN

# Not seen by any of these models, since there a right port does the same.
NEVER = {
    "masking-any",  # it needs chance equalities
    "normalization-variance/exchanged",  # a mean below zero is no variance, see the test below
}
OTHER_SHAPES = {"last-step-only", "whole-sequence"}


@pytest.fixture(scope="module")
def observed() -> dict[str, Observation]:
    return observations()


def shown(observed: Observation, enough: set[str]) -> dict[str, tuple[str, ...]]:
    """For each mistake that the model can show what is named, on what a port gives that makes it."""
    graph = Graph(observed.nodes)
    found = {}
    for mistake in MISTAKES:
        wrong = with_mistakes(graph, [mistake])
        if wrong is None or mistake.id in enough:
            continue
        try:
            made = wrong.run(observed.inputs, np.float32)
        except Exception as error:  # what a layer makes of it does not fit the next one
            assert "get_weights() gave" in str(error)  # noqa: PT017
            continue
        if not all(np.isfinite(made[ref].values).all() for ref in observed.outputs):
            continue  # nothing is explained by what gives no numbers
        given = claims_of(observed, graph, {label(graph, ref): made[ref].values for ref in observed.outputs})
        judged = judge_claims(observed, graph, given.claims)
        if judged.right and not given.misfits:
            continue
        others = [one for one in MISTAKES if one.family != mistake.family][::12]  # all of them take a minute
        tried = [mistake, *others]
        found[mistake.id] = mistaken.diagnose(
            observed, graph, given.claims, judged, misfits=given.misfits, effort=0, mistakes=tried
        ).tied
        rounded = expected_end_to_end(observed, wrong).tensors
        exact = wrong.run(observed.inputs)
        for ref in observed.outputs:
            np.testing.assert_allclose(np.asarray(rounded[ref].values), exact[ref].values, rtol=1e-12, atol=1e-12)
    return found


def test_every_mistake_is_shown_by_some_model_and_named(observed: dict[str, Observation]) -> None:
    times: Counter[str] = Counter()
    for name, one in observed.items():
        for mistake, tied in shown(one, {id for id, count in times.items() if count > 1}).items():
            assert mistake in tied, (name, mistake, tied)
            times[mistake] += 1
    assert {mistake.id for mistake in MISTAKES} - set(times) == NEVER


def test_moments_that_are_exchanged_are_named(keras: Any) -> None:
    layer = keras.layers.BatchNormalization()
    layer.build((None, 3))
    gamma, beta, mean, variance = (
        np.float32([0.5, 2, 1]),
        np.float32([1, 0, 3]),
        np.float32([2, 3, 4]),
        np.float32([1, 5, 2]),
    )
    layer.set_weights([gamma, beta, mean, variance])
    x = np.random.default_rng(1).standard_normal((5, 3)).astype(np.float32)
    wrong = gamma * (x - variance) / np.sqrt(mean + 1e-3) + beta
    assert diagnose(layer, x, wrong).tied == ("normalization-variance/exchanged",)


@pytest.mark.parametrize(
    ("freedom", "epsilon", "named"),
    [(0, 1e-5, "epsilon/1e-5"), (1, 1e-3, "normalization-variance/unbiased")],
)
def test_a_normalization_written_by_hand_is_named(keras: Any, freedom: int, epsilon: float, named: str) -> None:
    layer = keras.layers.LayerNormalization()
    layer.build((None, 4))
    gamma, beta = np.float32([0.5, 2, 1, 3]), np.float32([1, 0, 3, -1])
    layer.set_weights([gamma, beta])
    x = 0.3 * np.random.default_rng(1).standard_normal((5, 4)).astype(np.float32)
    variance = np.var(x.astype(np.float64), axis=-1, keepdims=True, ddof=freedom)
    port = gamma * (x - x.mean(axis=-1, keepdims=True, dtype=np.float64)) / np.sqrt(variance + epsilon) + beta
    assert named in diagnose(layer, x, port).tied


def test_a_mean_over_all_steps_and_a_stack_whose_states_are_lost_are_named(keras: Any) -> None:
    ids = np.array([[3, 1, 0, 0], [2, 0, 0, 0], [1, 2, 3, 4]])
    given = keras.Input((4,), dtype="int32")
    embedding = keras.layers.Embedding(5, 3, mask_zero=True)
    model = keras.Model(given, keras.layers.GlobalAveragePooling1D()(embedding(given)))
    assert "masked-mean" in diagnose(model, ids, embedding.get_weights()[0][ids].mean(axis=1)).tied

    cells = [keras.layers.SimpleRNNCell(2), keras.layers.SimpleRNNCell(2)]
    x = keras.Input((3, 4), batch_size=2)
    stack = keras.Model(x, keras.layers.RNN(cells, stateful=True)(x))
    rng = np.random.default_rng(2)
    stack.set_weights([rng.standard_normal(w.shape) for w in stack.get_weights()])
    calls = [rng.standard_normal((2, 3, 4)).astype(np.float32) for _ in range(2)]
    made = []
    for call in calls:
        lower = upper = np.zeros((2, 2))
        weights = [w.astype(np.float64) for w in stack.get_weights()]
        for t in range(3):
            lower = np.tanh(call[:, t] @ weights[0] + lower @ weights[1] + weights[2])
            upper = np.tanh(lower @ weights[3] + upper @ weights[4] + weights[5])
        made.append(upper.astype(np.float32))
    assert "state-lost-between-calls" in diagnose(stack, calls, made).tied


@pytest.mark.parametrize("kind", PORTS)
def test_ports_written_by_hand_are_named(observed: dict[str, Observation], kind: str) -> None:
    for mistake, port in PORTS[kind].items():
        found = compare(observed[kind], port)
        assert bool(found.findings) is (mistake in OTHER_SHAPES), mistake
        assert found.diagnosis is not None
        if not mistake:
            assert found.passed, kind
            continue
        assert found.verdict == "mismatch", mistake
        wanted = [mistake, " + ".join(reversed(mistake.split(" + ")))]
        assert set(wanted) & set(found.diagnosis.tied), (mistake, found.diagnosis.tied)


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_is_in_no_catalogue_gets_no_name(observed: dict[str, Observation], what: str) -> None:
    found = compare(observed["LSTM"], UNKNOWN[what])
    assert found.verdict == "mismatch"
    assert found.diagnosis is not None
    assert not found.diagnosis.tied
    assert found.diagnosis.shared


def test_what_the_wrong_elements_share_is_said(observed: dict[str, Observation]) -> None:
    found = compare(observed["LSTM"], UNKNOWN["one sample"])
    assert found.diagnosis is not None
    assert "only sample 2 is wrong" in found.diagnosis.shared


def test_mistakes_that_this_input_cannot_show_are_untested(observed: dict[str, Observation]) -> None:
    found = diagnose(observed["LSTM"], None, np.zeros((4, 2)), effort=0)
    assert "initial-state-ignored" in found.untested
    assert "bias-missing" not in found.untested


def test_the_gallery_shows_the_symptoms_that_are_found(observed: dict[str, Observation]) -> None:
    """And if it does not, `python -m docs.made.symptoms` writes them anew."""
    kept = dict(read())
    found = symptoms_of(observed.values())
    assert kept.keys() == found.keys()
    assert {mistake.id for mistake in MISTAKES} - set(found) == {"masking-any"}
    for id, one in found.items():
        off = None if one.off is None else pytest.approx(one.off, rel=0.02)
        assert kept[id] == replace(one, off=off, reach=pytest.approx(one.reach, rel=1e-3), hidden=kept[id].hidden)
    assert found["state-carried-across-samples"].samples == "wrong from sample 1 on"
    assert found["recurrent-term-missing"].timesteps == "wrong from timestep 1 on"
    assert found["mask-ignored"].samples == "only samples with masked steps are wrong"
    for id, reasons in hidden_in(BARE[:1]).items():
        assert set(reasons) <= set(kept[id].hidden), id
    assert kept["bias-missing"].hidden == ("its biases are zero, or alike; `weights: {bias: random}` shows it",)


def test_ids_are_unique_and_every_mistake_says_how_to_mend_it() -> None:
    ids = [mistake.id for mistake in MISTAKES]
    assert len(set(ids)) == len(ids)
    for mistake in MISTAKES:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*(/[a-z0-9]+(-[a-z0-9]+)*)*", mistake.id)
        assert len(mistake.says) > 10
        assert len(mistake.mend) > 10
    assert sum(mistake.family == "lstm-gate-order" for mistake in MISTAKES) == 23
    assert sum(mistake.family == "gru-gate-order" for mistake in MISTAKES) == 5


def test_a_mistake_leaves_a_layer_of_its_class_and_the_right_one_as_it_was(observed: dict[str, Observation]) -> None:
    for one in observed.values():
        graph = Graph(one.nodes)
        before = {name: vars(layer).copy() for name, layer in graph.layers.items()}
        for mistake in MISTAKES:
            for layer in graph.layers.values():
                made = made_in(layer, mistake)
                assert made is None or isinstance(made, type(layer))
        assert {name: vars(layer) for name, layer in graph.layers.items()} == before


def test_two_mistakes_of_the_walk_are_both_made(observed: dict[str, Observation]) -> None:
    """Each is made on top of the other, whichever comes first."""
    graph = Graph(observed["SimpleRNN"].nodes)
    by_id = {mistake.id: mistake for mistake in MISTAKES}
    pair = [by_id["state-carried-across-samples"], by_id["first-step-skipped"]]
    made = []
    for order in (pair, pair[::-1]):
        wrong = with_mistakes(graph, order)
        assert wrong is not None
        made.append(wrong.run(observed["SimpleRNN"].inputs)[observed["SimpleRNN"].outputs[0]].values)
    x = next(iter(observed["SimpleRNN"].inputs.values()))
    weights = {node.layer: list(node.weights.values()) for node in observed["SimpleRNN"].nodes}
    by_hand = PORTS["SimpleRNN"]["state-carried-across-samples"](x[:, 1:].astype(np.float64), weights)
    np.testing.assert_allclose(made[0], by_hand, rtol=1e-5)
    np.testing.assert_allclose(made[1], by_hand, rtol=1e-5)


@pytest.mark.parametrize("name", ["GRU", "LSTM with states", "masked, both directions"])
def test_any_two_mistakes_go_together(observed: dict[str, Observation], name: str) -> None:
    """Or they fit no shapes; but one that has lost what the other changes is no error."""
    seen = observed[name]
    graph = Graph(seen.nodes)
    possible = [mistake for mistake in MISTAKES if with_mistakes(graph, [mistake]) is not None]
    for one in possible:
        for other in possible[::3]:
            both = with_mistakes(graph, [one, other]) if one.family != other.family else None
            if both is not None:
                with contextlib.suppress(ValueError, IndexError, UnsupportedError):
                    both.run(seen.inputs)


def test_walks_taken_together_are_those_taken_alone(observed: dict[str, Observation]) -> None:
    for name, seen in observed.items():
        graph = Graph(seen.nodes)
        replays = Replays(seen, graph, outputs_of(seen, graph))
        singles = [(Made(one, (node.name,)),) for one in MISTAKES for node in replays.nodes_of(one)]
        pairs = [(*one, *other) for one, other in zip(singles, singles[7::3], strict=False)]
        replays.take_together([*singles, *pairs])
        coarse = 0
        for made in [*singles, *pairs]:
            some, exact = (replays.wrong(made, exact=exact) for exact in (False, True))
            assert (some is None) == (exact is None), (name, made)
            if some is not None and exact is not None:
                assert not exact.coarse
                coarse += some.coarse
                for one, other in zip(some.values, exact.values, strict=True):
                    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4, err_msg=f"{name}, {made}")
        plain = all(node.class_name not in ("ConvLSTM1D", "RNN") for node in seen.nodes)  # those go their own way
        if plain and any(layer.takes_initial_state for layer in graph.layers.values()):
            assert coarse > 30, name


def test_in_a_chaotic_model_nothing_is_named_that_early_steps_rule_out() -> None:
    """Rounding may move late steps by more than the values; the first ones tell all the same."""
    seen = observe(spec_from_mapping({"N": 2, "T": 300, "D": 4, "M": 32, "K": 2, "weights": {"scale": 4.0}, "seed": 1}))

    def step(x: Any, weights: Any, states: Any) -> Any:
        kernel, recurrent, bias = weights["simple_rnn"]
        head, offset = weights["dense"]
        h = np.float32(1.01) * np.tanh(x @ kernel + states["simple_rnn.h"] @ recurrent + bias)
        return h @ head + offset, {"simple_rnn.h": h}

    result = compare(seen, step, per_step=True, effort=0.0)
    assert result.verdict == "mismatch"
    assert result.diagnosis is not None
    assert result.diagnosis.tied == ()


def test_a_backward_output_that_is_not_put_back_is_named_so() -> None:
    layers: Any = [{"Bidirectional": {"layer": {"LSTM": {"units": "M", "return_sequences": True}}}}]
    seen = observe(spec_from_mapping({"N": 3, "T": 6, "D": 4, "M": 5, "layers": layers}))
    y = seen.predictions[0]
    given = np.concatenate([y[..., :5], y[:, ::-1, 5:]], axis=-1)
    assert diagnose(seen, None, given, effort=0.0).mistakes[0].id == "backward-not-rereversed"
