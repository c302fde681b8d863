"""No weight and no gate is named where its influence cannot be told from that of others, nor by rounding, nor by chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from rnnverify.api import observe, verify
from rnnverify.diagnosis.corrections import explained_by, explanation
from rnnverify.diagnosis.evidence import Evidence
from rnnverify.diagnosis.explanation import explained
from rnnverify.diagnosis.influences import Measured, firsts, least_change
from rnnverify.layers.arrays import Array
from rnnverify.results import Divergence
from rnnverify.rounding import PRECISIONS
from rnnverify.verification.verdict import judge

UNITS = 4
FLOAT32 = PRECISIONS["float32"]


def features(kind: str, samples: int = 6, timesteps: int = 10) -> Array:
    """Data with three features."""
    rng = np.random.default_rng(11)
    if kind == "one-hot":
        return np.eye(3, dtype=np.float32)[rng.integers(0, 3, (samples, timesteps))]
    if kind == "constant":
        return np.full((samples, timesteps, 3), 0.4, np.float32)
    x = rng.standard_normal((samples, timesteps, 3)).astype(np.float32)
    if kind == "a column of ones":
        x[..., 1] = 1
    return x


def model_of(keras: Any, kind: str, seed: int = 3) -> Any:
    given = keras.Input((None, 3))
    model = keras.Model(given, getattr(keras.layers, kind)(UNITS)(given))
    rng = np.random.default_rng(seed)
    model.set_weights([rng.standard_normal(weight.shape) * 0.5 for weight in model.weights])
    return model


def faulty(keras: Any, monkeypatch: pytest.MonkeyPatch, kind: str, change: Callable[[Any, Any], Any]) -> None:
    """Keras's cell puts out another h than it computed, and goes on from that."""
    cell = getattr(keras.layers, f"{kind}Cell")

    def call(own: Any, self: Any, x: Any, states: Any, training: bool = False) -> Any:
        h, (_, *others) = own(self, x, states)
        h = change(h, *others)
        return h, [h, *others]

    own = cell.call
    monkeypatch.setattr(cell, "call", lambda self, *args, **keys: partial(call, own)(self, *args, **keys))


@pytest.mark.parametrize("data", ["one-hot", "a column of ones", "constant"])
@pytest.mark.parametrize("name", ["h + 0.01", "tanh(1.01 c)", "h * 1.001", "h + 0.01 in a GRU"])
def test_weights_whose_rounding_hides_the_fault_explain_nothing(
    keras: Any, monkeypatch: pytest.MonkeyPatch, name: str, data: str
) -> None:
    tanh = keras.ops.tanh
    kind, change = {
        "h + 0.01": ("LSTM", lambda h, c: h + 0.01),
        "tanh(1.01 c)": ("LSTM", lambda h, c: h / tanh(c) * tanh(1.01 * c)),
        "h * 1.001": ("GRU", lambda h, *_: h * 1.001),
        "h + 0.01 in a GRU": ("GRU", lambda h, *_: h + 0.01),
    }[name]
    faulty(keras, monkeypatch, kind, change)
    result = verify(model_of(keras, kind), features(data))
    assert result.first_divergence is not None
    assert result.first_divergence.gate is None
    assert result.layers[0].suspects == ()


def first_with(keras: Any, kind: str, data: str, name: str, gate: int, change: float) -> Divergence:
    """The first divergence of a layer of which one gate's weights are others than reported."""
    observed = observe(model_of(keras, kind), features(data))
    (node,) = (node for node in observed.nodes if node.weights)
    weight = node.weights[name].copy()
    block = weight[..., gate * UNITS : (gate + 1) * UNITS]
    block -= np.float32(change) * np.random.default_rng(5).standard_normal(block.shape).astype(np.float32)
    wrong = replace(node, weights={**node.weights, name: weight})
    nodes = tuple(wrong if one is node else one for one in observed.nodes)
    first = explained(judge(replace(observed, nodes=nodes))).first_divergence
    assert first is not None
    return first


@pytest.mark.parametrize("data", ["one-hot", "a column of ones", "independent"])
@pytest.mark.parametrize(
    ("kind", "name", "gate", "named", "change"),
    [
        ("LSTM", "kernel", 2, "candidate", 0.01),
        ("LSTM", "recurrent_kernel", 3, "output", 1e-4),
        ("LSTM", "bias", 3, "output", 3.0),
        ("GRU", "kernel", 2, "candidate", 1e-4),
        ("GRU", "recurrent_kernel", 0, "update", 0.01),
    ],
)
def test_a_gate_that_is_wrong_is_named_all_the_same(
    keras: Any, kind: str, name: str, gate: int, named: str, change: float, data: str
) -> None:
    assert first_with(keras, kind, data, name, gate, change).gate == named


def test_the_smallest_change_is_shared_by_those_that_do_the_same() -> None:
    # Two one-hot features and a bias. Both elements are off by 2: a kernel row is off by a and the bias by b, a + b = 2. In
    # units of what they do, a and sqrt(2) b, the smallest is where 2 a^2 + 2 b^2 is.
    change, rank = least_change(np.array([[1.0, 0, 1], [0, 1, 1]]), np.array([2.0, 2]))
    assert change == pytest.approx([1, 1, 1])
    assert rank == 2


def test_the_scale_of_a_feature_does_not_make_it_negligible() -> None:
    change, rank = least_change(np.array([[1e-9, 0], [0, 1e9]]), np.array([1.0, 1]))
    assert change == pytest.approx([1e9, 1e-9])
    assert rank == 2


def test_a_weight_without_influence_is_left_alone() -> None:
    change, rank = least_change(np.array([[0, 2.0], [0, 2]]), np.array([1.0, 1]))
    assert change == pytest.approx([0, 0.5])
    assert rank == 1


def test_an_input_that_is_given_again_is_one_element() -> None:
    influence = np.array([[1.0, 100], [1, 100.01], [1, 50], [1, 100]])
    assert firsts(influence).tolist() == [True, False, True, False]
    assert firsts(np.zeros((3, 2))).tolist() == [True, False, False]


def measured(y: list[float], deviation: float = 1.0) -> Measured:
    count = len(y)
    return Measured(np.ones(count, bool), np.full(count, deviation), np.array(y), np.ones((count, 1)))


def explains(fault: list[float], left: list[float], spent: int = 1, weights: int = 32, deviation: float = 1.0) -> bool:
    distinct = np.ones(len(fault), bool)
    now = measured(left, deviation)
    return explanation(np.zeros(1), measured(fault), now, FLOAT32, distinct, spent, weights) is not None


def test_what_a_weight_explains_by_chance_is_not_its_fault() -> None:
    # One weight meets one of two elements whatever the fault is, and the other, to 4 of 10,000, with a chance of 4e-4: of 32
    # weights 0.013 do. A third element leaves 0.013 / 10,000.
    assert not explains([1e4, 1e4, 0], [0, 4, 0])
    assert explains([1e4, 1e4, 1e4], [0, 4, 0])
    assert explains([1e4, 1e4, 0], [0, 4, 0], weights=2)
    assert not explains([1e4] * 8, [0] * 8, spent=8)
    assert explains([1e4] * 10, [0] * 10, spent=8)


def test_weights_that_round_by_much_explain_nothing() -> None:
    # The limits grow by 12 * 99 = 1,188 of the deviations reported: less than the root of 1e-3 of a fault of 1e5, not of 3e4.
    assert explains([1e5] * 9, [1] * 9, deviation=100)
    assert not explains([3e4] * 9, [1] * 9, deviation=100)


def test_what_rounding_explains_needs_no_other_weight() -> None:
    x = np.linspace(1, 2, 20)[:, np.newaxis]

    def outputs(columns: Any) -> Any:
        return x @ columns[0]

    column = np.array([[0.5]])
    evidence = Evidence(0.5 * x[:, 0] * (1 + 1e-7), [column], outputs, (None,))
    distinct = np.ones(20, bool)
    assert explained_by(evidence, [(0, (0, 0))], FLOAT32, distinct) is None
    seen = explained_by(replace(evidence, keras=0.5 * x[:, 0] * 1.01), [(0, (0, 0))], FLOAT32, distinct)
    assert seen is not None
    assert seen.off == pytest.approx([0.005], rel=1e-5)
    assert seen.share == pytest.approx(1)
