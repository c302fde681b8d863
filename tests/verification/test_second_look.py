"""Which rows are looked at again, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnverify.layers.dense import Dense
from rnnverify.layers.flatten import Flatten
from rnnverify.layers.layer import Call, Masked
from rnnverify.layers.registry import LAYERS
from rnnverify.layers.rnn import Stack
from rnnverify.layers.walk import Walk
from rnnverify.observation import Walked
from rnnverify.rounding import PRECISIONS, Matrix
from rnnverify.verification import second_look
from rnnverify.verification.second_look import of_call, of_steps, worst_rows
from rnnverify.verification.taken import Taken

FLOAT32 = PRECISIONS["float32"]


def test_the_worst_rows_come_first_and_those_within_their_limits_do_not_come() -> None:
    over = np.array([[0.0, 0.0], [2.0, 1.5], [0.0, 3.0], [0.0, 0.0], [1.1, 0.0]])
    (rows,) = worst_rows(over, 1, [np.ones(10)])
    assert rows.tolist() == [2, 1, 4]
    samples, times = worst_rows(np.array([[[0.0, 4.0], [5.0, 0.0]], [[0.0, 0.0], [0.0, 6.0]]]), 2, [])
    assert (samples.tolist(), times.tolist()) == ([1, 0, 0], [1, 1, 0])


def test_as_many_rows_as_there_is_time_for_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_look, "WORK", 100)
    over = np.array([[1.5], [4.0], [3.0], [2.0]])
    assert worst_rows(over, 1, [np.ones((5, 6)), np.ones(10)])[0].tolist() == [1, 2]
    assert worst_rows(over, 1, [Matrix(np.ones((9, 4)), FLOAT32)])[0].tolist() == [1, 2]
    assert worst_rows(over, 1, [np.ones(1000)])[0].tolist() == [1]
    assert worst_rows(over, 1, [])[0].tolist() == [1, 2, 3, 0]
    monkeypatch.setattr(second_look, "WORK", 3)
    assert worst_rows(over, 1, [np.ones(1)])[0].tolist() == [1, 2, 3]


def test_of_rows_that_are_as_far_off_the_first_come_first() -> None:
    over = np.tile([[1.0], [2.0], [2.0], [1.5]], (25, 1))
    order = [*np.flatnonzero(over[:, 0] == 2), *np.flatnonzero(over[:, 0] == 1.5), *np.flatnonzero(over[:, 0] == 1)]
    assert worst_rows(over, 1, [])[0].tolist() == order


def test_weights_that_meet_many_places_leave_time_for_fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = LAYERS["SimpleRNN"].of({"units": 2, "activation": "linear", "use_bias": False})
    weights = [Matrix(np.ones((3, 2)), FLOAT32), Matrix(np.zeros((2, 2)), FLOAT32)]
    taken = Taken(Walk(layer, weights, np.ones((3, 4, 3)), None, (np.zeros((3, 2)),)), Walked(np.zeros((3, 4, 2))))
    monkeypatch.setattr(second_look, "WORK", 10 * 20 * 3)
    over = np.full((3, 4, 4, 5, 2), 2.0)  # ten weights, at 4 times 5 places
    rows, made = of_steps(taken, np.ones((3, 4, 3)), slice(0, 4), 0, FLOAT32, over)
    assert [one.tolist() for one in rows] == [[0, 0, 0], [0, 1, 2]]
    assert made.value.tolist() == [[3, 3]] * 3


def drifting(samples: int, timesteps: int) -> Any:
    """Sums of equal terms: their partial sums are as large as can be."""
    return np.linspace(1, 2, samples * timesteps).reshape(samples, timesteps, 1) * np.ones(256)


def test_some_timesteps_of_a_layer_that_treats_each_by_itself_have_the_limits_of_their_order() -> None:
    dense = Dense(units=2, use_bias=False)
    x, weights = drifting(3, 4), [Matrix(np.ones((256, 2)), FLOAT32)]
    over = np.zeros((3, 4, 2))
    over[2, 1, 0], over[0, 3, 1] = 3.0, 7.0
    rows, made = of_call(dense, Call([Masked(x)], weights), [x], 0, FLOAT32, over)
    assert [one.tolist() for one in rows] == [[0, 2], [3, 1]]
    assert made.value.shape == (2, 2)
    np.testing.assert_allclose(made.value[:, 0], x[rows].sum(axis=-1))
    # sum of (k x)^2 is n^3/3 x^2, and each rounds by u^2/3 of it; beside it all else is small. Equal terms round alike:
    # 3 n / 12^2 times as far. All lanes and blocks have smaller partial sums.
    expected = (2.0**-24 * x[rows][:, 0]) ** 2 / 3 * 256**3 / 3 * (3 * 256 / 144)
    np.testing.assert_allclose(made.variance[:, 0], expected, rtol=0.03)
    assert made.precision.ordered
    samples, whole = of_call(dense, Call([Masked(x[:, 0])], weights), [x[:, 0]], 0, FLOAT32, over[:, 1])
    assert [one.tolist() for one in samples] == [[2]]
    np.testing.assert_allclose(whole.value[:, 0], [x[2, 0].sum()])


def test_steps_of_a_walk_have_the_limits_of_their_order() -> None:
    layer = LAYERS["SimpleRNN"].of({"units": 2, "activation": "linear", "use_bias": False})
    x = drifting(3, 4)
    weights = [Matrix(np.ones((256, 2)), FLOAT32), Matrix(np.zeros((2, 2)), FLOAT32)]
    walk = Walk(layer, weights, x, None, (np.zeros((3, 2)),))
    taken = Taken(walk, Walked(np.zeros((3, 4, 2), np.float32)))
    over = np.zeros((3, 3, 2))
    over[1, 2, 1] = 2.0
    rows, made = of_steps(taken, x[:, 1:], slice(1, 4), 0, FLOAT32, over)
    assert [one.tolist() for one in rows] == [[1], [2]]
    np.testing.assert_allclose(made.value, [x[1, 3].sum()] * np.ones((1, 2)))
    expected = (2.0**-24 * x[1, 3, 0]) ** 2 / 3 * 256**3 / 3 * (3 * 256 / 144)
    np.testing.assert_allclose(made.variance, expected * np.ones((1, 2)), rtol=0.03)


def test_whole_numbers_that_only_move_are_exact() -> None:
    ids = np.arange(24).reshape(3, 2, 4)
    over = np.zeros((3, 8))
    over[1, 2] = 2.0
    rows, made = of_call(Flatten(), Call([Masked(ids)], []), [ids], 0, FLOAT32, over)
    assert [one.tolist() for one in rows] == [[1]]
    assert made.value.tolist() == [list(range(8, 16))]
    assert not made.inexact
    assert made.precision.ordered


def test_a_stack_is_looked_at_from_what_each_cell_was_seen_to_put_out() -> None:
    one = LAYERS["SimpleRNN"].of({"units": 1, "activation": "linear", "use_bias": False})
    layer: Any = Stack((one, one))  # type: ignore[arg-type]
    weights = [Matrix(np.ones((1, 1)), FLOAT32)] * 4  # each adds what it reads to its state
    below, above = (np.array(values).reshape(1, 4, 1) for values in ([10.0, 20, 30, 40], [1.0, 2, 3, 4]))
    walk = Walk(layer, weights, np.full((1, 4, 1), 0.5), None, (np.zeros((1, 1)),) * 3)
    taken = Taken(walk, Walked(above, others=(below, above)))
    over = np.zeros((1, 2, 1))
    over[0, 1] = 2.0
    for state, value in enumerate((40 + 3, 30 + 0.5, 40 + 3)):
        rows, made = of_steps(taken, walk.x[:, 2:], slice(2, 4), state, FLOAT32, over)
        assert [one.tolist() for one in rows] == [[0], [1]]
        assert made.value.tolist() == [[value]]


def test_token_ids_are_looked_at_again_as_they_are() -> None:
    class Ids(Flatten):
        def __call__(self, call: Call) -> Any:
            assert call.x.values.dtype.kind == "i"
            return super().__call__(call)

    ids = np.arange(24).reshape(3, 2, 4)
    _, made = of_call(Ids(), Call([Masked(ids)], []), [ids], 0, FLOAT32, np.full((3, 8), 2.0))
    assert made.value.tolist() == ids.reshape(3, 8).tolist()
