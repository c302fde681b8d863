"""Steps that all err to one side, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnverify.layers.registry import LAYERS
from rnnverify.layers.rnn import Stack
from rnnverify.layers.walk import Walk
from rnnverify.observation import Walked
from rnnverify.verification.systematic import Side, Systematic, distinct, thinned
from rnnverify.verification.taken import Taken

N, T, M = 2, 500, 3
VALUE = np.random.default_rng(3).uniform(0.5, 1, (N, T, M))
DEVIATION = 0.01


def filled(errors: Any, thin: int = 1, limit: float = 12.0, parts: int = 1) -> Systematic:
    """The sums of steps whose values are off by so many deviations, given in parts."""
    made, keras = None, VALUE + DEVIATION * np.broadcast_to(errors, VALUE.shape)
    variance = np.full(VALUE.shape, DEVIATION**2)
    for part in np.split(np.arange(T), parts):
        made = Systematic.of(keras[:, part], VALUE[:, part], variance[:, part], thin, limit).after(made)
    assert made is not None
    return made


def all_distinct(unit: int) -> int:
    return N * T


def side_of(made: Systematic) -> Side:
    side = made.side(all_distinct)
    assert side is not None
    return side


def test_errors_to_both_sides_are_rounding() -> None:
    signs = np.where(np.arange(T) % 2, 1, -1)[:, np.newaxis]
    assert filled(10 * signs).side(all_distinct) is None
    assert filled(0).side(all_distinct) is None


def test_errors_to_one_side_are_none_from_some_size_on() -> None:
    # 3.2, and 12 over the square root of a thousand steps: 3.58.
    assert filled([0, 0, 3.4]).side(all_distinct) is None
    for sign in (1, -1):
        side = side_of(filled([0, 0, 3.8 * sign]))
        assert (side.sample, side.unit) == (1, 2)
        # sum of q g over the root of that of g^2 and of how many there are: by Cauchy and Schwarz a little less than 3.8.
        assert side.mean == pytest.approx(3.8 * DEVIATION * 0.75 / np.sqrt(0.75**2 + 1 / 48), rel=0.01)
        assert side.allowed == pytest.approx(DEVIATION * (3.2 + 12 / np.sqrt(1000)), rel=1e-12)
        assert side.replay == VALUE[1, 499, 2]
        assert side.keras == pytest.approx(VALUE[1, 499, 2] + 3.8 * DEVIATION * sign)


def test_parts_of_the_time_add_up() -> None:
    whole, parts = side_of(filled([0, 5, 0])), side_of(filled([0, 5, 0], parts=5))
    assert parts == pytest.approx(whole)
    assert filled(0, parts=5).steps == 1000


def test_thinned_steps_are_counted_alone() -> None:
    made = filled([9, 0, 0], thin=2)
    assert made.steps == 500
    assert side_of(made).allowed == pytest.approx(DEVIATION * (3.2 + 12 / np.sqrt(1000)))  # by those that are distinct
    errors = np.where(np.arange(T) % 2, 0, 9)[:, np.newaxis]
    assert side_of(filled(errors, thin=2)).mean > 1.8 * DEVIATION * 3.5
    assert filled(np.where(np.arange(T) % 2, 9, 0)[:, np.newaxis], thin=2).side(all_distinct) is None


def test_a_limit_of_one_step_that_is_smaller_leaves_less_room() -> None:
    assert filled([0, 0, 3.58], limit=4.0).side(all_distinct) is not None
    assert filled([0, 0, 3.58], limit=12.0).side(all_distinct) is None


def test_few_steps_or_few_that_are_distinct_say_nothing() -> None:
    made = filled([0, 0, 5])
    assert made.side(lambda unit: 299) is None
    asked: list[int] = []

    def few(unit: int) -> int:
        asked.append(unit)
        return 300

    side = made.side(few)
    assert asked == [2]
    assert side is not None
    assert side.allowed == pytest.approx(DEVIATION * (3.2 + 12 / np.sqrt(300)))
    assert filled([0, 0, 3.7]).side(few) is None  # 3.7 of a thousand steps would do, of 300 it takes 3.89
    variance = np.full((1, 299, M), DEVIATION**2)
    short = Systematic.of(VALUE[:1, :299] + 9 * DEVIATION, VALUE[:1, :299], variance, 1, 12.0)
    assert short.side(all_distinct) is None
    one_more = Systematic.of(VALUE[:1, :1] + 9 * DEVIATION, VALUE[:1, :1], variance[:, :1], 1, 12.0)
    assert one_more.after(short).side(all_distinct) is not None


def test_masked_steps_and_units_that_do_not_round_are_not_counted() -> None:
    variance = np.full(VALUE.shape, DEVIATION**2)
    variance[:, 100:] = 0
    assert Systematic.of(VALUE + 9 * DEVIATION, VALUE, variance, 1, 12.0).steps == 200
    variance = np.full(VALUE.shape, DEVIATION**2)
    variance[..., 1:] = 0
    still = Systematic.of(VALUE + np.array([9, 9, 9]) * DEVIATION, VALUE, variance, 1, 12.0)
    assert side_of(still).unit == 0


@pytest.mark.parametrize(
    ("shape", "every"), [((1, 4096), 1), ((1, 8192), 2), ((4, 8191), 7), ((2, 10), 1), ((2, 4096), 2)]
)
def test_so_many_steps_are_looked_at(shape: tuple[int, int], every: int) -> None:
    assert thinned(np.zeros((*shape, 1))) == every


def test_steps_are_as_distinct_as_the_gate_in_which_they_are_least() -> None:
    layer = LAYERS["GRU"].of({"units": 2, "reset_after": False, "use_bias": False})
    x = np.zeros((1, 6, 1))
    x[0, :, 0] = [1, 2, 3, 1, 2, 3]
    kernel = np.array([[1.0, 0.0, 9.0, 9.0, 0.5, 0.5]])
    walk = Walk(layer, [kernel, np.zeros((2, 6))], x, None, (np.zeros((1, 2)),))
    taken = Taken(walk, Walked(np.zeros((1, 6, 2), np.float32)))
    assert distinct(taken, lambda one: one, 1, 0) == 3  # the candidate's values, and the update gate's
    assert distinct(taken, lambda one: one, 1, 1) == 1  # of whose update gate there is one value
    assert distinct(taken, lambda one: one, 3, 0) == 1
    assert distinct(taken, lambda one: one * 0, 1, 0) == 1
    fine = x + np.array([0, 0, 0, 1e-12, 1e-12, 1e-12])[:, np.newaxis]
    for dtype, count in ((np.float32, 3), (np.float64, 6)):
        close = Taken(Walk(layer, walk.weights, fine, None, walk.states), Walked(np.zeros((1, 6, 2), dtype)))
        assert distinct(close, lambda one: one, 1, 0) == count
    before = np.zeros((1, 6, 2), np.float32)
    before[0, :, 0] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    fed = Walk(layer, [kernel * 0, np.ones((2, 6))], x, None, (np.zeros((1, 2)),))
    assert distinct(Taken(fed, Walked(before)), lambda one: one, 1, 0) == 6  # by the h before each


def test_steps_of_a_stack_whose_gates_are_not_known_are_as_distinct_as_what_stands_before_them() -> None:
    one = LAYERS["SimpleRNN"].of({"units": 1, "activation": "linear", "use_bias": False})
    layer: Any = Stack((one, one))  # type: ignore[arg-type]
    top = np.array([5.0, 6.0, 5.0, 7.0, 8.0]).reshape(1, 5, 1)
    zeros = np.zeros((1, 5, 1))
    walk = Walk(layer, [np.ones((1, 1))] * 4, zeros, None, (np.zeros((1, 1)),) * 3)
    taken = Taken(walk, Walked(top, others=(zeros, zeros)))
    assert distinct(taken, lambda x: x, 1, 0) == 4  # 0, 5, 6, 5, 7
    assert distinct(taken, lambda x: x, 2, 0) == 3  # 0, 6, 7
