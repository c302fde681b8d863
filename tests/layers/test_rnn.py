"""RNN over cells and stacks of them."""

from __future__ import annotations

from math import tanh
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from rnnverify.errors import UnsupportedError
from rnnverify.layers.cell import Cell, States
from rnnverify.layers.gru import GRU
from rnnverify.layers.layer import MisfitError
from rnnverify.layers.lstm import LSTM
from rnnverify.layers.registry import layer_of
from rnnverify.layers.rnn import RNN, Stack
from tests.layers.against_keras import (
    CLEAR,
    RecurrentCase,
    called,
    check,
    draw,
    draw_mask,
    layers_in,
    recurrent_cases,
    see,
    with_random_weights,
)

N, T, D, M = 4, 5, 3, 2


def cells_in(layers: Any, M: int, use_bias: bool = True) -> list[Any]:
    return [
        layers.LSTMCell(M, use_bias=use_bias),
        layers.GRUCell(M + 2, reset_after=False),
        layers.SimpleRNNCell(M + 1, activation="softsign"),
    ]


@pytest.mark.parametrize("place", range(3))
@settings(max_examples=10)
@given(case=recurrent_cases)
def test_one_cell_is_what_keras_computes(keras: Any, case: RecurrentCase, place: int) -> None:
    check_rnn(keras, case, lambda layers, M: cells_in(layers, M, case.options["use_bias"])[place])


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0), (1, 1)])
@settings(max_examples=10)
@given(case=recurrent_cases)
def test_a_stack_is_what_keras_computes(keras: Any, case: RecurrentCase, order: tuple[int, ...]) -> None:
    check_rnn(keras, case, lambda layers, M: [cells_in(layers, M, case.options["use_bias"])[place] for place in order])


def check_rnn(keras: Any, case: RecurrentCase, made: Any) -> None:
    N, T, D, M = case.sizes
    rng = np.random.default_rng(case.seed)
    layers = layers_in(keras)
    options = {name: value for name, value in case.options.items() if name != "use_bias"}
    cell = made(layers, M)
    cell = layers.StackedRNNCells(cell) if isinstance(cell, list) else cell  # by itself it would be one in float32
    layer = with_random_weights(layers.RNN(cell, **options), (N, T, D), case.seed)
    x, mask = draw(rng, N, T, D), draw_mask(rng, case.mask, N, T)
    structure = layer.get_initial_state(N)
    shapes = [state.shape for state in keras.tree.flatten(structure)]
    states = [draw(rng, *shape) for shape in shapes]
    if case.from_zero:
        check_flat(keras, layer, x, mask, None, None)
    else:
        check_flat(keras, layer, x, mask, states, keras.tree.pack_sequence_as(structure, states))


def check_flat(keras: Any, layer: Any, x: Any, mask: Any, states: Any, packed: Any) -> None:
    """As `check`, of a layer whose states Keras has in lists of their own."""
    from rnnverify.layers.layer import Call, Masked

    replay = layer_of("RNN", layer.get_config())
    theirs = layer(x, mask=mask, initial_state=packed)
    call = Call([Masked(x, mask)], layer.get_weights(), states or ())
    ours = replay(call)
    expected = [np.asarray(y) for y in keras.tree.flatten(theirs)]
    assert [one.values.shape for one in ours] == [y.shape for y in expected]
    assert [y.shape[1:] for y in expected] == replay.output_shapes([x.shape[1:]])
    for one, y in zip(ours, expected, strict=True):
        np.testing.assert_allclose(one.values, y, rtol=1e-12, atol=1e-12)


def test_a_stack_by_hand() -> None:
    one = LSTM.of({"units": 1, "activation": "tanh", "recurrent_activation": "linear", "use_bias": False})
    other = LSTM.of({"units": 1, "activation": "linear", "recurrent_activation": "linear", "use_bias": False})
    stack = Stack((one, other), return_state=True)
    ones, none = [[1.0, 0.0, 1.0, 1.0]], [[0.0] * 4]
    y, *states = called(stack, [[[2.0]]], [ones, none, ones, none])
    # i = 2, f = 0, candidate = tanh(2), o = 2: c = 2 tanh(2), h = 2 tanh(c); then i = o = candidate = h, c = h^2, h = h^3
    c1 = 2 * tanh(2)
    h1 = 2 * tanh(c1)
    expected = [h1, c1, h1**3, h1**2]
    assert y.values.item() == pytest.approx(h1**3)
    assert [state.values.item() for state in states] == pytest.approx(expected)
    assert stack.output_names == ("", "cell_0_h", "cell_0_c", "cell_1_h", "cell_1_c")


def test_one_cell_makes_the_layer_of_that_name(keras: Any) -> None:
    rnn = keras.layers.RNN(keras.layers.GRUCell(3, reset_after=False), return_sequences=True, go_backwards=True)
    layer = layer_of("RNN", rnn.get_config())
    assert isinstance(layer, GRU)
    assert (layer.units, layer.reset_after, layer.return_sequences, layer.go_backwards) == (3, False, True, True)


def test_exchanged_cells_differ(keras: Any) -> None:
    layers = layers_in(keras)
    seen = see(layers.RNN(layers.StackedRNNCells([layers.GRUCell(D), layers.GRUCell(D)])), (N, T, D))
    weights = seen.layer.get_weights()
    assert seen.error(weights=[*weights[3:], *weights[:3]]) > CLEAR


def test_inside_other_layers(keras: Any) -> None:
    layers = layers_in(keras)
    cells = layers.StackedRNNCells([layers.GRUCell(M), layers.LSTMCell(M + 1)])
    inner = layers.RNN(cells, return_sequences=True)
    both = with_random_weights(layers.Bidirectional(inner, merge_mode="sum"), (N, T, D), 1)
    check(both, draw(np.random.default_rng(2), N, T, D))


def test_each_cell_is_looked_at_by_itself() -> None:
    class Adding(Cell):
        def project(self, x: Any) -> Any:
            return x

        def step(self, zx: Any, states: States) -> States:
            return (zx + states[0],)

    cell = Stack((LSTM(units=1), LSTM(units=1))).cell_with([np.zeros((1, 4)), np.zeros((1, 4)), np.zeros(4)] * 2)
    one, other = (part._replace(cell=Adding(), states=slice(at, at + 1)) for at, part in enumerate(cell.parts, 1))  # type: ignore[attr-defined]
    cell = type(cell)((one, other))  # type: ignore[call-arg]
    x, before = np.array([1.0]), (np.array([0.0]), np.array([10.0]), np.array([200.0]))
    seen = (x, np.array([5.0]), x)
    assert [float(state[0]) for state in cell.step(x, before)] == [211, 11, 211]
    assert [float(state[0]) for state in cell.step_seen(x, before, seen)] == [205, 11, 205]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("GRU", "expected the cell of an RNN with its class and config, got 'GRU'"),
        ({"class_name": "GRU", "config": {}}, "the cell GRU has no replay"),
        (
            {"class_name": "StackedRNNCells", "config": {"cells": [{"class_name": "Mine", "config": {}}]}},
            "the cell Mine",
        ),
        (
            {"class_name": "LSTMCell", "config": {"units": 2, "unroll": True}},
            "LSTMCell: the option 'unroll' is unknown",
        ),
        (
            {"class_name": "LSTMCell", "config": {"units": 2}},
            "its config lacks activation, recurrent_activation, use_bias",
        ),
    ],
)
def test_another_cell_is_refused_by_name(keras: Any, cell: Any, message: str) -> None:
    config = {**keras.layers.RNN(keras.layers.LSTMCell(2)).get_config(), "cell": cell}
    with pytest.raises(UnsupportedError, match=message):
        RNN.from_config(config)


def test_a_stack_reads_sequences() -> None:
    with pytest.raises(MisfitError, match=r"a sequence"):
        Stack((LSTM(units=2), LSTM(units=3))).output_shapes([(4,)])
