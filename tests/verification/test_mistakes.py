"""A mistake is a function from a layer to the layer that a wrong port has in its place: everything else works under it.

Five of them, of five kinds: weights read wrongly, another cell, another walk, another call, other outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rnnverify.api import observe
from rnnverify.layers.arrays import Array, blocks
from rnnverify.layers.bidirectional import Bidirectional
from rnnverify.layers.cell import Cell, CellInParts, Gates, States
from rnnverify.layers.graph import Graph
from rnnverify.layers.gru import GRU
from rnnverify.layers.layer import Call, Layer
from rnnverify.layers.lstm import LSTM
from rnnverify.layers.recurrent import Recurrent
from rnnverify.layers.walk import Walk
from rnnverify.observation import Observation, Walked
from rnnverify.spec import spec_from_mapping
from rnnverify.verification.nodes import check_nodes

SIZES = {"N": 3, "T": 7, "D": 2, "M": 5, "K": 4}


def altered(layer: Any, **methods: Any) -> Any:
    """The same layer, still of its own class, with methods of ours in place of some of its own."""
    own = type(layer)
    return type(own)(own.__name__, (own,), methods)(**vars(layer))


def gates_read_as_i_f_o_c(layer: LSTM) -> Layer:
    def read(self: LSTM, arrays: Sequence[Array]) -> list[Array]:
        return [np.concatenate([blocks(array, 4)[gate] for gate in (0, 1, 3, 2)], axis=-1) for array in arrays]

    return altered(layer, weights_from=read)


class UpdateGateInverted(CellInParts):
    def __init__(self, cell: Cell) -> None:
        self.cell = cell

    def project(self, x: Array) -> Array:
        return self.cell.project(x)

    def gates(self, zx: Array, h: Array) -> Gates:
        return self.cell.gates(zx, h)

    def output(self, gates: Gates, states: States) -> Array:
        z, candidate = gates
        return self.cell.output((1 - z, candidate), states)


def update_gate_inverted(layer: GRU) -> Layer:
    return altered(layer, cell_with=lambda self, weights: UpdateGateInverted(layer.cell_with(weights)))


class StateCarriedAcrossSamples(Walk):
    """The notebook's loop over samples, which never resets h."""

    def run(self, every_step: bool = False) -> Walked:
        N, T, *rest = self.x.shape
        joined = Walk(
            self.layer, self.weights, self.x.reshape(1, N * T, *rest), None, tuple(s[:1] for s in self.states)
        )
        y = joined.run(every_step=True).sequence.reshape(N, T, -1)
        return Walked(y, tuple(y[:, -1] for _ in self.states))


def state_carried_across_samples(layer: Recurrent) -> Layer:
    own = type(layer)
    return altered(
        layer, walks=lambda self, call: tuple(StateCarriedAcrossSamples(**vars(walk)) for walk in own.walks(self, call))
    )


def mask_ignored(layer: Recurrent) -> Layer:
    own = type(layer)

    def walks(self: Recurrent, call: Call) -> tuple[Walk, ...]:
        return own.walks(self, call._replace(masked=False))

    return altered(layer, walks=walks)


def backward_not_rereversed(layer: Bidirectional) -> Layer:
    return altered(layer, in_order_of_time=lambda self, y: y)


def with_mistake(layer: Layer, kind: type[Layer], change: Callable[[Any], Layer]) -> Layer:
    """The layer with the mistake in it, and in the layers inside it."""
    inside = {
        name: with_mistake(value, kind, change) for name, value in vars(layer).items() if isinstance(value, Layer)
    }
    layer = replace(layer, **inside) if inside else layer
    return change(layer) if isinstance(layer, kind) else layer


MISTAKES: dict[str, tuple[type[Layer], Callable[[Any], Layer]]] = {
    "gates read as i f o c": (LSTM, gates_read_as_i_f_o_c),
    "update gate inverted": (GRU, update_gate_inverted),
    "state carried across samples": (Recurrent, state_carried_across_samples),
    "mask ignored": (Recurrent, mask_ignored),
    "backward not re-reversed": (Bidirectional, backward_not_rereversed),
}

MODELS: dict[str, dict[str, Any]] = {
    "plain": {
        "layers": [
            {"LSTM": {"units": "M", "return_sequences": True}},
            {"GRU": {"units": 6, "return_sequences": True}},
            {"SimpleRNN": {"units": 4}},
            {"Dense": {"units": "K"}},
        ],
        "initial_state": "random",
    },
    "masked": {
        "layers": [
            {"Embedding": {"input_dim": 9, "output_dim": 3, "mask_zero": True}},
            {"LSTM": {"units": "M", "return_sequences": True}},
            {"Bidirectional": {"layer": {"GRU": {"units": 4, "return_sequences": True}}, "merge_mode": "mul"}},
        ],
        "data": {"tokens": {"lengths": "random"}},
    },
    "bidirectional": {
        "layers": [
            {"Bidirectional": {"layer": {"LSTM": {"units": "M", "return_sequences": True}}, "name": "lstm"}},
            {"Bidirectional": {"layer": {"GRU": {"units": 4}}, "name": "gru", "merge_mode": "sum"}},
        ]
    },
    "in time": {
        "layers": [
            {"InputLayer": {"shape": [6, 7, 2]}},
            {"TimeDistributed": {"layer": {"GRU": {"units": 3, "return_sequences": True}}, "name": "gru"}},
            {"TimeDistributed": {"layer": {"LSTM": {"units": 5}}, "name": "lstm"}},
            {"Dense": {"units": "K"}},
        ]
    },
}

# Where each is seen. A mask is there in one model alone, and a backward walk that gives its last step has no order.
SEEN = {
    ("gates read as i f o c", "plain"): {"lstm"},
    ("gates read as i f o c", "masked"): {"lstm"},
    ("gates read as i f o c", "bidirectional"): {"lstm"},
    ("gates read as i f o c", "in time"): {"lstm"},
    ("update gate inverted", "plain"): {"gru"},
    ("update gate inverted", "masked"): {"bidirectional"},
    ("update gate inverted", "bidirectional"): {"gru"},
    ("update gate inverted", "in time"): {"gru"},
    ("state carried across samples", "plain"): {"lstm", "gru", "simple_rnn"},
    ("state carried across samples", "bidirectional"): {"lstm", "gru"},
    ("state carried across samples", "in time"): {"lstm", "gru"},
    ("mask ignored", "plain"): set(),
    ("mask ignored", "masked"): {"lstm", "bidirectional"},
    ("mask ignored", "bidirectional"): set(),
    ("mask ignored", "in time"): set(),
    ("backward not re-reversed", "plain"): set(),
    ("backward not re-reversed", "masked"): {"bidirectional"},
    ("backward not re-reversed", "bidirectional"): {"lstm"},
    ("backward not re-reversed", "in time"): set(),
}


@pytest.fixture(scope="module")
def observed() -> dict[str, Observation]:
    return {name: observe(spec_from_mapping({**SIZES, **keys})) for name, keys in MODELS.items()}


@pytest.mark.parametrize(("mistake", "model"), SEEN)
def test_a_mistake_is_seen_where_it_was_made_and_nowhere_else(
    observed: dict[str, Observation], mistake: str, model: str
) -> None:
    seen = observed[model]
    graph = Graph(seen.nodes)
    assert {name for name, node in check_nodes(seen, graph).items() if node.tally.first is not None} == set()
    graph.layers = {name: with_mistake(layer, *MISTAKES[mistake]) for name, layer in graph.layers.items()}
    wrong = {name for name, node in check_nodes(seen, graph).items() if node.tally.first is not None}
    assert wrong == SEEN[mistake, model]
