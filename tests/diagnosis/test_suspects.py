"""A mismatch names the gate and the weights that its residuals point at, and stays silent where they point at several."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
import pytest

from rnnverify.api import observe, verify
from rnnverify.diagnosis.evidence import Evidence
from rnnverify.diagnosis.explanation import explained
from rnnverify.diagnosis.suspects import gate_of, suspects
from rnnverify.layers.arrays import Array
from rnnverify.layers.lstm import LSTMCell
from rnnverify.layers.walk import Walk
from rnnverify.observation import Observation, Walked
from rnnverify.report.parts import Line
from rnnverify.report.reasons import reason_for_mismatch
from rnnverify.report.table import render
from rnnverify.results import Divergence, Suspect
from rnnverify.rounding import PRECISIONS
from rnnverify.spec import spec_from_mapping
from rnnverify.verification.taken import Taken
from rnnverify.verification.verdict import judge

SIZES = {"N": 5, "T": 40, "D": 6, "M": 11, "K": 3}
UNITS = SIZES["M"]
LAYERS: dict[str, Any] = {
    "SimpleRNN": {"SimpleRNN": {"units": "M"}},
    "SimpleRNN without bias": {"SimpleRNN": {"units": "M", "use_bias": False}},
    "LSTM": {"LSTM": {"units": "M", "return_sequences": True}},
    "LSTM backwards": {"LSTM": {"units": "M", "go_backwards": True}},
    "GRU": {"GRU": {"units": "M"}},
}


def observation(layer: Any, **keys: Any) -> Observation:
    layers = [*keys.pop("before", []), layer, {"Dense": {"units": "K", "activation": "tanh"}}]
    return observe(spec_from_mapping({**SIZES, "layers": layers, **keys}))


@pytest.fixture(scope="module")
def seen() -> dict[str, Observation]:
    return {name: observation(layer) for name, layer in LAYERS.items()}


def with_change(observed: Observation, layer: str, weight: str, index: tuple[int, ...], change: float) -> Observation:
    """The same, with one weight reported otherwise than Keras has it."""
    (node,) = (node for node in observed.nodes if node.name == layer)
    changed = node.weights[weight].copy()
    changed[index] -= change
    node = replace(node, weights={**node.weights, weight: changed})
    return replace(observed, nodes=tuple(node if one.name == layer else one for one in observed.nodes))


class Found(NamedTuple):
    suspects: tuple[Suspect, ...]
    first: Divergence


def found_in(observed: Observation, layer: str) -> Found:
    """What is found of a layer that is the first to be wrong."""
    result = explained(judge(observed))
    assert result.first_divergence is not None
    assert result.first_divergence.layer == layer
    (one,) = (one for one in result.layers if one.layer == layer)
    return Found(one.suspects, result.first_divergence)


@pytest.mark.parametrize("change", [1e-3, -0.02])
@pytest.mark.parametrize(
    ("name", "weight", "index", "gate"),
    [
        ("SimpleRNN", "kernel", (4, 7), None),
        ("SimpleRNN", "recurrent_kernel", (3, 9), None),
        ("SimpleRNN", "bias", (2,), None),
        ("SimpleRNN without bias", "recurrent_kernel", (8, 1), None),
        ("LSTM", "kernel", (1, 0 * UNITS + 4), "input"),
        ("LSTM", "recurrent_kernel", (3, 1 * UNITS + 9), "forget"),
        ("LSTM", "kernel", (5, 2 * UNITS + 2), "candidate"),
        ("LSTM", "recurrent_kernel", (10, 3 * UNITS + 7), "output"),
        ("LSTM backwards", "recurrent_kernel", (0, 2 * UNITS + 5), "candidate"),
        ("GRU", "recurrent_kernel", (6, 0 * UNITS + 3), "update"),
        ("GRU", "kernel", (2, 1 * UNITS + 8), "reset"),
        ("GRU", "recurrent_kernel", (9, 2 * UNITS + 1), "candidate"),
        ("GRU", "bias", (1, 2 * UNITS + 6), "candidate"),
    ],
)
def test_a_weight_that_differs_is_named_with_how_much(
    seen: dict[str, Observation], name: str, weight: str, index: tuple[int, ...], gate: str | None, change: float
) -> None:
    layer = seen[name].nodes[0].name
    found = found_in(with_change(seen[name], layer, weight, index, change), layer)
    best = found.suspects[0]
    assert (best.weight, best.index, best.gate) == (weight, index, gate)
    assert best.change == pytest.approx(change, rel=0.02)
    assert best.explains > 0.99
    assert found.first.gate == gate
    assert found.first.unit == index[-1] % UNITS


def test_either_direction_has_weights_of_its_own() -> None:
    layer = {"Bidirectional": {"layer": {"GRU": {"units": "M", "return_sequences": True}}, "name": "both"}}
    observed = observation(layer)
    for weight in ("forward_kernel", "backward_recurrent_kernel"):
        found = found_in(with_change(observed, "both", weight, (5, UNITS + 3), 1e-3), "both")
        assert (found.suspects[0].weight, found.suspects[0].index) == (weight, (5, UNITS + 3))
        assert found.first.gate == "reset"


def test_masked_steps_do_not_count() -> None:
    observed = observation(
        {"LSTM": {"units": "M", "name": "masked"}},
        before=[{"Embedding": {"input_dim": 20, "output_dim": 5, "mask_zero": True}}],
        data={"tokens": {"padding": "pre", "lengths": "random"}},
    )
    found = found_in(with_change(observed, "masked", "recurrent_kernel", (3, UNITS + 2), 1e-3), "masked")
    assert found.suspects[0].index == (3, UNITS + 2)
    assert found.suspects[0].explains > 0.99


def test_a_dense_layer_s_weight_is_named_too(seen: dict[str, Observation]) -> None:
    for name in ("LSTM", "GRU"):  # with time and without
        found = found_in(with_change(seen[name], "dense", "kernel", (4, 2), 1e-3), "dense")
        assert (found.suspects[0].weight, found.suspects[0].index) == ("kernel", (4, 2))
        assert found.suspects[0].change == pytest.approx(1e-3, rel=0.02)
        assert found.first.gate is None


def test_a_gate_that_is_computed_otherwise_is_told(
    seen: dict[str, Observation], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gates(self: LSTMCell, zx: Array, h: Array) -> tuple[Array, ...]:
        i, f, candidate, o = np.split(zx + h @ self.recurrent_kernel, 4, axis=-1)
        i, f, o = self.recurrent_activation(i), self.recurrent_activation(f), self.recurrent_activation(1.01 * o)
        return f, i * self.activation(candidate), o

    monkeypatch.setattr(LSTMCell, "gates", gates)
    found = found_in(seen["LSTM"], "lstm")
    assert found.first.gate == "output"
    assert found.suspects == ()  # all its weights together explain it, and none by itself


def test_no_gate_is_told_where_several_would_do(seen: dict[str, Observation]) -> None:
    # At one timestep of one sample any gate can explain any residual.
    one = observation({"LSTM": {"units": "M"}}, N=1, T=1)
    found = found_in(with_change(one, "lstm", "bias", (3,), 1e-2), "lstm")
    assert found.first.gate is None
    assert found.suspects == ()


@pytest.mark.parametrize(
    "options", [{"reset_after": False}, {"activation": "softmax"}, {"recurrent_activation": "softmax"}]
)
def test_nothing_is_named_where_units_do_not_stand_by_themselves(options: dict[str, Any]) -> None:
    observed = observation({"GRU": {"units": "M", **options}})
    found = found_in(with_change(observed, "gru", "kernel", (2, 3), 1e-2), "gru")
    assert found.suspects == ()
    assert found.first.gate is None


def test_a_late_divergence_of_a_long_walk_does_not_take_all_memory() -> None:
    def outputs(columns: Any) -> Any:
        raise AssertionError("should not be computed")

    evidence = Evidence(np.zeros(10_000_000), [np.zeros((100, 4))], outputs, ("a", "b", "c", "d"))
    assert suspects(evidence, ["kernel"], 7, 3, PRECISIONS["float32"]) == ((), None)


def test_influences_by_hand() -> None:
    # y = 3 w + b with the true w = 2.5 and b = 1 at x = 3 and x = -1; reported is w = 2.
    x = np.array([[3.0], [-1.0]])

    def outputs(columns: Any) -> Any:
        kernel, bias = columns
        return x @ kernel + bias

    evidence = Evidence(np.array([8.5, -1.5]), [np.array([[2.0]]), np.array([1.0])], outputs, (None,))
    (first,), gate = suspects(evidence, ["kernel", "bias"], 4, 2, PRECISIONS["float32"])
    assert gate is None
    assert (first.weight, first.index) == ("kernel", (0, 2))
    assert first.change == pytest.approx(0.5, rel=1e-6)
    assert first.explains == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize(("explained", "told"), [(0.97, "forget"), (0.92, None)])
def test_a_gate_is_told_only_where_it_explains_nearly_all(explained: float, told: str | None) -> None:
    influence = np.eye(6)[:, :2]  # one weight each of two gates, each on an element of its own
    y = np.sqrt([explained, 0, 0, 0, 0, 1 - explained])
    evidence = Evidence(y, [], lambda _: None, ("input", "forget"))
    share = np.array([0, explained])
    assert gate_of(evidence, np.array([1, 0]), influence, share, y, 6) == told


def test_no_more_of_a_walk_is_looked_at_than_is_needed() -> None:
    layer: Any = None
    walk = Taken(Walk(layer, [], np.zeros((2, 100, 4)), None, (np.zeros((2, 3)),)), Walked(np.zeros((2, 100, 3))))
    late = Divergence("gru", 90, 1, 0, None, 0.0, 1.0, 1.0, 0.1, certain=True)
    assert walk.around(late, 20) == (slice(1, 2), slice(71, 91))


def test_the_table_names_gate_and_weights(seen: dict[str, Observation]) -> None:
    wrong = with_change(seen["LSTM"], "lstm", "recurrent_kernel", (3, UNITS + 9), 0.02)
    result = explained(judge(wrong))
    assert "unit 9, forget gate: Keras" in reason_for_mismatch(result)
    lines = [part.plain for part in render(result, verbose=True) if isinstance(part, Line)]
    (line,) = [line for line in lines if f"recurrent_kernel[3, {UNITS + 9}], forget gate" in line]
    assert "Keras computes as if it were 0.02 more than reported, which explains 100.0%" in line
    assert not any("suspicious" in str(part) for part in render(result))


@pytest.mark.parametrize(("name", "gates"), [("LSTM", 4), ("GRU", 3)])
def test_no_gate_is_named_where_several_are_wrong(seen: dict[str, Observation], name: str, gates: int) -> None:
    """Every wrong order of the gates moves two of them or more, though one alone may fit what is left."""
    observed = seen[name]
    node = observed.nodes[0]
    wrong = 0
    for order in list(permutations(range(gates)))[1:]:
        weights = {
            label: np.concatenate([np.split(weight, gates, axis=-1)[gate] for gate in order], axis=-1)
            for label, weight in node.weights.items()
        }
        ported = replace(observed, nodes=(replace(node, weights=weights), *observed.nodes[1:]))
        first = explained(judge(ported)).first_divergence
        assert first is not None
        assert first.gate is None, order
        wrong += 1
    assert wrong == {"LSTM": 23, "GRU": 5}[name]


@pytest.mark.parametrize("change", [1e-5, 1e-3, -0.02])
def test_a_whole_gate_that_is_wrong_is_named(seen: dict[str, Observation], change: float) -> None:
    observed = seen["LSTM"]
    (node, *rest) = observed.nodes
    recurrent = node.weights["recurrent_kernel"].copy()
    recurrent[:, UNITS : 2 * UNITS] += np.float32(change) * np.random.default_rng(3).standard_normal((UNITS, UNITS))
    ported = replace(observed, nodes=(replace(node, weights={**node.weights, "recurrent_kernel": recurrent}), *rest))
    first = explained(judge(ported)).first_divergence
    assert first is not None
    assert first.gate == "forget"


def test_no_gate_is_named_where_the_output_s_activation_is_another(seen: dict[str, Observation]) -> None:
    observed = seen["LSTM"]
    (node, *rest) = observed.nodes
    ported = replace(observed, nodes=(replace(node, config={**node.config, "activation": "softsign"}), *rest))
    first = explained(judge(ported)).first_divergence
    assert first is not None
    assert first.gate is None


def patched(monkeypatch: pytest.MonkeyPatch, keras: Any, name: str, change: Callable[..., Any]) -> None:
    """Keras's cell, which `change` makes something else of, from its own call and its arguments."""
    cell = getattr(keras.layers, f"{name}Cell")
    own = cell.call
    monkeypatch.setattr(cell, "call", lambda self, x, states, training=False: change(partial(own, self), x, states))


def h_and_states(made: Any, factor: float) -> Any:
    h, states = made
    return h * factor, [h * factor, *states[1:]]


# Faults that are no weight's and no gate's: of the state itself, of the input, of all gates at once.
CELL_FAULTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "h is scaled": ("GRU", lambda own, x, states: h_and_states(own(x, states), 1.01)),
    "h is scaled in a SimpleRNN": ("SimpleRNN", lambda own, x, states: h_and_states(own(x, states), 1.01)),
    "c is scaled": ("LSTM", lambda own, x, states: (lambda h, s: (h, [h, s[1] * 1.01]))(*own(x, states))),
    "c is shifted": ("LSTM", lambda own, x, states: (lambda h, s: (h, [h, s[1] + 0.1]))(*own(x, states))),
    "c does not go through tanh": (
        "LSTM",
        lambda own, x, states: (lambda h, s: (h * 1.1, [h * 1.1, s[1]]))(*own(x, states)),
    ),
    "the input is scaled": ("LSTM", lambda own, x, states: own(x * 1.01, states)),
    "the input is lost": ("GRU", lambda own, x, states: own(x * 0, states)),
    "h is forgotten": ("LSTM", lambda own, x, states: own(x, [states[0] * 0, *states[1:]])),
}


@pytest.mark.parametrize("timesteps", [2, 20])
@pytest.mark.parametrize("name", CELL_FAULTS)
def test_nothing_is_named_for_a_fault_that_is_no_weight_s(
    keras: Any, monkeypatch: pytest.MonkeyPatch, name: str, timesteps: int
) -> None:
    kind, change = CELL_FAULTS[name]
    patched(monkeypatch, keras, kind, change)
    given = keras.Input((timesteps, 3))
    model = keras.Model(given, getattr(keras.layers, kind)(5, return_sequences=True)(given))
    rng = np.random.default_rng(7)
    for weight in model.weights:
        weight.assign(0.6 * rng.standard_normal(weight.shape))
    result = verify(model, rng.standard_normal((3, timesteps, 3)).astype(np.float32))
    assert result.first_divergence is not None
    assert result.first_divergence.gate is None
    assert result.layers[0].suspects == ()


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_nothing_is_named_for_a_step_that_was_skipped(seen: dict[str, Observation], name: str) -> None:
    observed = deepcopy(seen[name])
    ((node, (walked,)),) = observed.walks.items()
    for states in (walked.sequence, *walked.others):
        states[:, 3] = states[:, 2]
    found = found_in(observed, node)
    assert found.first.timestep == 3
    assert (found.first.gate, found.suspects) == (None, ())
