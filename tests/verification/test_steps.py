"""Faults patched into Keras's own cells are seen, and placed in the right layer, timestep and unit."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from rnnverify import verify
from rnnverify.api import observe
from rnnverify.keras_model.session import Session
from rnnverify.layers.graph import Graph
from rnnverify.layers.registry import LAYERS
from rnnverify.observation import Observation
from rnnverify.results import Verification
from rnnverify.rounding import PRECISIONS, Rounded
from rnnverify.spec import spec_from_mapping
from rnnverify.verification import taken
from rnnverify.verification.nodes import check_nodes
from rnnverify.verification.tally import Tally
from rnnverify.verification.verdict import judge

SIZES = {"N": 5, "T": 40, "D": 6, "M": 24, "K": 3}
CELLS = ("SimpleRNN", "LSTM", "GRU")
UNIT = 7

Patch = Callable[[Callable[..., Any]], Callable[..., Any]]


@pytest.fixture
def patched(keras: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Patch], None]:
    """Replace what a Keras class does when it is called."""

    def patch(class_name: str, change: Patch) -> None:
        found = getattr(keras.layers, class_name)
        monkeypatch.setattr(found, "call", change(found.call))

    return patch


def one_unit_off(relative: float) -> Patch:
    """A cell whose unit 7 comes out larger than it should."""
    factors = np.ones(SIZES["M"], dtype=np.float32)
    factors[UNIT] += relative

    def change(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrong(self: Any, *arguments: Any, **options: Any) -> Any:
            h, states = call(self, *arguments, **options)
            states = list(states) if isinstance(states, list | tuple) else [states]
            return h * factors, [states[0] * factors, *states[1:]]

        return wrong

    return change


def checked(cell: str, **keys: Any) -> Verification:
    layers = [{"SimpleRNN": {"units": 9, "return_sequences": True, "name": "before"}}] if cell != "SimpleRNN" else []
    layers += [{cell: {"units": "M", "return_sequences": True, "name": "tested"}}, {"Dense": {"units": "K"}}]
    return verify(spec_from_mapping({**SIZES, "layers": layers, **keys}))


@pytest.mark.parametrize("cell", CELLS)
def test_the_unpatched_cell_is_right(cell: str) -> None:
    assert checked(cell).passed


@pytest.mark.parametrize("cell", CELLS)
def test_one_unit_off_by_a_hundred_thousandth_is_seen_and_placed(cell: str, patched: Any) -> None:
    patched(f"{cell}Cell", one_unit_off(1e-5))
    result = checked(cell)
    assert result.verdict == "mismatch"
    assert result.first_divergence is not None
    assert (result.first_divergence.layer, result.first_divergence.unit) == ("tested", UNIT)
    assert result.first_divergence.timestep is not None
    assert result.first_divergence.timestep <= 3  # as soon as that unit of one sample is not near zero
    assert [layer.layer for layer in result.layers if not layer.passed] == ["tested"]


def test_a_recurrent_term_that_is_lost_shows_at_the_second_timestep(patched: Any) -> None:
    def change(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrong(self: Any, sequence: Any, states: Any, training: bool = False) -> Any:
            kept = states if isinstance(states, list | tuple) else [states]
            return call(self, sequence, [0 * kept[0], *kept[1:]], training=training)

        return wrong

    patched("LSTMCell", change)
    first = checked("LSTM").first_divergence
    assert first is not None
    assert (first.layer, first.timestep) == ("tested", 1)
    assert first.certain


def test_a_dense_output_off_by_a_fifty_thousandth_is_placed_in_that_dense(patched: Any) -> None:
    patched("Dense", lambda call: lambda self, x, training=None: call(self, x) * np.float32(1 + 2e-5))
    result = checked("GRU")
    assert result.first_divergence is not None
    assert result.first_divergence.layer == "dense"
    assert [layer.layer for layer in result.layers if not layer.passed] == ["dense"]


def test_weights_cut_to_bfloat16_are_a_mismatch() -> None:
    observed = observe(spec_from_mapping({**SIZES, "layer": "LSTM"}))
    lstm, dense = observed.nodes
    cut = {name: weight.astype(ml_dtypes.bfloat16).astype(np.float32) for name, weight in lstm.weights.items()}
    ported = replace(observed, nodes=(replace(lstm, weights=cut), dense))
    first = judge(ported).result.first_divergence
    assert first is not None
    assert (first.layer, first.timestep) == ("lstm", 0)


def test_a_wrong_merge_is_placed_in_the_bidirectional() -> None:
    layers = [{"Bidirectional": {"layer": {"GRU": {"units": 4, "return_sequences": True}}, "merge_mode": "sum"}}]
    observed = observe(spec_from_mapping({"N": 3, "T": 7, "D": 2, "layers": layers}))
    (node,) = observed.nodes
    wrong = replace(observed, nodes=(replace(node, config={**node.config, "merge_mode": "ave"}),))
    assert judge(observed).result.passed
    assert not judge(wrong).result.passed


@pytest.fixture(scope="module", params=["pre", "post"])
def padded(request: pytest.FixtureRequest) -> tuple[Observation, Observation, Verification]:
    """A right model on padded tokens, the same with a wrong weight, and what the check finds in that at once."""
    layers = [
        {"Embedding": {"input_dim": 9, "output_dim": 5, "mask_zero": True}},
        {"Bidirectional": {"layer": {"LSTM": {"units": 4, "return_sequences": True}}}},
        {"GRU": {"units": 6, "return_sequences": True}},
        {"Dense": {"units": 3}},
    ]
    data = {"tokens": {"lengths": "random", "padding": request.param}}
    observed = observe(spec_from_mapping({"N": 3, "T": 17, "layers": layers, "data": data}))
    gru = observed.nodes[2]
    weights = {**gru.weights, "recurrent_kernel": gru.weights["recurrent_kernel"] * np.float32(1.01)}
    nodes = tuple(replace(gru, weights=weights) if node is gru else node for node in observed.nodes)
    wrong = replace(observed, nodes=nodes)
    return observed, wrong, judge(wrong).result


@pytest.mark.parametrize("stretch", [1, 200, 10_000])
def test_the_check_in_stretches_of_time_finds_the_same(
    padded: tuple[Observation, Observation, Verification], stretch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong, whole = padded
    monkeypatch.setattr("rnnverify.verification.taken.STRETCH", stretch)
    parts = judge(wrong).result
    assert whole.first_divergence is not None
    assert parts.first_divergence is not None
    assert (whole.first_divergence.layer, whole.first_divergence.timestep) == ("gru", parts.first_divergence.timestep)
    for one, other in zip(whole.layers, parts.layers, strict=True):
        assert one.max_residual == pytest.approx(other.max_residual, rel=1e-6)
        assert one.worst_ratio == pytest.approx(other.worst_ratio, rel=1e-6)
    assert judge(right).result.passed


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("masked", [False, True])
def test_the_check_s_own_memory_does_not_grow_with_the_number_of_timesteps(
    cell: str, masked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taken, "STRETCH", 1 << 12)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # how much several threads hold at once is a matter of chance
    session = Session(LAYERS)  # one trace for both numbers of timesteps

    def peak(timesteps: int) -> int:
        layers = [{"Masking": {}}] if masked else []
        layers += [{cell: {"units": 16, "return_sequences": True}}, {"Dense": {"units": 2}}]
        observed = session.observe(spec_from_mapping({"N": 2, "T": timesteps, "D": 3, "layers": layers}))
        graph = Graph(observed.nodes)
        check_nodes(observed, graph)
        tracemalloc.start()
        nodes = check_nodes(observed, graph)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert all(checked.tally.first is None for checked in nodes.values())
        return most

    few, many = 512, 4096  # stretches of the same length
    growth = peak(many) - peak(few)
    sequence = 2 * (many - few) * 16 * 4  # bytes of Keras's own outputs, which are there in any case
    masks = 6 * 2 * (many - few) * 8 if masked else 0  # where a masked step's state comes from: integers for each step
    assert growth < sequence / 4 + masks


@pytest.mark.parametrize("activation", ["softsign", "silu", "gelu", "relu", "squareplus"])
@pytest.mark.parametrize("cell", CELLS)
def test_where_keras_s_range_ends_on_the_way_it_is_not_blamed(cell: str, activation: str) -> None:
    layers = [{cell: {"units": 12, "activation": activation}}, {"Dense": {"units": 3, "activation": "softmax"}}]
    keys = {"weights": {"scale": 30.0}, "data": {"normal": {"scale": 1e4}}, "dtype": "float16"}
    observed = Session(LAYERS).observe(spec_from_mapping({"N": 3, "T": 9, "D": 2, "layers": layers, **keys}))
    (walk,) = observed.walks[observed.nodes[0].name]
    assert not np.isfinite(walk.sequence).all()
    assert judge(observed).result.verdict != "mismatch"


def test_a_nan_counts_as_the_replay_s_own_unless_keras_s_range_had_ended() -> None:
    precision = PRECISIONS["float32"]
    with np.errstate(all="ignore"):
        lost = np.maximum(Rounded.exact(np.array([[np.inf, np.inf]]), precision) @ np.array([[1.0], [-1.0]]), 0)
        own = np.log(Rounded.exact(np.array([[-2.0]]), precision) * 1.5)
    assert np.isnan(lost.value).all()
    assert np.isnan(own.value).all()
    for keras in (0.0, np.nan, np.inf):
        tally = Tally("dense", 3.4e38)
        tally.add(np.array([[keras]]), lost)
        assert tally.first is None
    tally = Tally("dense", 3.4e38)
    tally.add(np.array([[0.5]]), own)
    assert tally.first is not None
