"""What a result takes over from its operands."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.lstm import LSTMCell
from rnnverify.rounding import PRECISIONS, Matrix, Rounded
from rnnverify.rounding.history import BLANK, History, merged
from tests.rounding.coarse import COARSE, INF, SHORT, bound_of, rounded, short


def with_history(**parts: Any) -> Rounded:
    return Rounded(np.ones(2), np.zeros(2), np.zeros(2), COARSE, History(**parts))


def test_a_result_is_beyond_the_range_if_any_operand_is_or_the_operation_may_have_left_it() -> None:
    within, beyond = with_history(), with_history(beyond=True)
    for operands, own, expected in (
        ((within, within), False, False),
        ((within, within), True, True),
        ((beyond, within), False, True),
        ((within, beyond), False, True),
        ((np.ones(2), beyond, 3), False, True),
        ((beyond, within), True, True),
    ):
        for kind in ({}, {"moved": True}):
            assert merged(operands, beyond=own, **kind).beyond is expected


def test_numbers_that_are_only_moved_reach_as_far_as_the_largest_of_them() -> None:
    near, far = with_history(reach=2.0), with_history(reach=30.0)
    assert merged((near, far), moved=True).reach == merged((far, near), moved=True).reach == 30
    assert merged((with_history(reach=0.25),), moved=True).reach == 0.25
    assert merged((near, np.ones(2)), moved=True).reach == INF  # of a plain array nobody has looked
    assert merged((near, far)).reach == INF
    assert merged((near, far), reach=5.0).reach == 5


def test_how_a_result_was_made_is_the_operation_s_own() -> None:
    part = (np.ones(2),)
    before = with_history(terms=part, factors=part, postponed=6.0)
    assert merged((before, before)) == BLANK
    assert merged((before,), terms=part, postponed=3.0) == History(terms=part, postponed=3.0)
    assert merged((before,), factors=part) == History(factors=part)


def test_of_a_part_of_the_numbers_all_is_known_that_was_known_of_the_whole() -> None:
    whole = Rounded.exact(np.array([[1.0, 2.0], [3.0, 4.0]]), COARSE)
    total, product = whole + np.array([10.0, 20.0]), whole * rounded([0.75, 5.0])
    first, second = total[1].history.terms
    assert (first.tolist(), second.tolist()) == ([3, 4], [10, 20])
    assert [factor.tolist() for factor in product[1].history.factors] == [[3, 4], [0.75, 5]]
    marked = with_history(reach=3.0, beyond=True, postponed=6.0)
    assert marked[:1].history == marked.reshape(1, 2).history == marked.history


def test_a_history_never_changes() -> None:
    x = rounded(1.0)
    with pytest.raises(AttributeError):
        x.history.beyond = True  # type: ignore[misc]
    assert rounded(1.0).history == BLANK  # everybody's


def test_no_value_is_beyond_its_reach() -> None:
    rng = np.random.default_rng(0)
    x, y = (Rounded.exact(rng.normal(scale=5, size=(3, 4)), SHORT) for _ in range(2))
    for made in (x + y, x * y, np.tanh(x), np.split(x + y, 2, axis=1)[0], (x * y)[1:], np.concatenate([x + y, x * y])):
        assert np.abs(made.value).max() <= made.history.reach < 2000
    assert np.concatenate([x + y, np.full((3, 4), 1e9)]).history.reach == INF


def test_a_choice_that_is_unsure_does_not_bring_back_what_was_beyond_the_range() -> None:
    lost, within = short(110), short(9)
    for condition in (within > 8, lost > 0):
        assert np.where(condition, lost, within).beyond
        assert np.where(condition, within, lost).beyond
        assert not np.where(condition, within, within).beyond
    assert bound_of(lambda x: np.where(x > 0, x, 0) - short(40), lost) == INF
    assert bound_of(lambda x: np.where(x > 0, x, 0) - short(40), short(80)) < 1


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_every_activation_of_what_was_beyond_the_range_is_beyond_it(name: str) -> None:
    precision = dataclasses.replace(SHORT, smallest=2.0**-60)
    for value, expected in ((55.0, True), (-55.0, True), (1.0, False)):
        x: Any = 2 * Rounded.exact(np.array([[value]]), precision)
        with np.errstate(all="ignore"):
            made: Any = ACTIVATIONS[name](x)
        assert made.beyond is expected


@pytest.mark.parametrize("activation", ["elu", "leaky_relu", "sparse_plus", "soft_shrink"])
def test_an_lstm_that_may_have_had_infinity_less_infinity_claims_nothing(activation: str) -> None:
    """Keras has NaN for c = 6 c + 6 candidate where the two are of opposite signs, and beyond float32's range."""
    p = PRECISIONS["float32"]
    kernel, recurrent = Matrix(np.array([[1e4, 1e4, 1e4, 1e4]]), p), Matrix(np.zeros((1, 4)), p)
    cell = LSTMCell(kernel, recurrent, 0.0, ACTIVATIONS[activation], ACTIVATIONS["relu6"])
    state = [Rounded.exact(np.array([[value]]), p) for value in (0.0, -3e38)]
    with np.errstate(all="ignore"):
        h, c = cell.step(cell.project(Rounded.exact(np.array([[3e34]]), p)), (state[0], state[1]))
    assert c.beyond
    assert h.beyond
    assert c.bound.item() == INF


def test_products_and_matrices_from_beyond_the_range_stay_so_in_parts() -> None:
    clipped = np.clip(Rounded(np.full((1, 2), 55.0), np.zeros((1, 2)), np.zeros((1, 2)), SHORT) * 2, 0, 1)
    assert clipped.beyond
    whole = clipped @ np.array([[0.5, 0.25], [0.25, 0.5]]) + np.array([1.0, 2.0])
    assert whole.bound.max() < INF
    for part in np.split(whole, 2, axis=-1):
        assert part.beyond
    unknown = dataclasses.replace(SHORT, largest=1.0)
    double = 2 * Rounded.exact(np.array([[0.7]]), unknown)
    halves: list[Any] = np.split(double @ np.array([[0.5, 0.25]]), 2, axis=-1)
    assert [half.bound.item() for half in halves] == [INF, INF]
    with np.errstate(invalid="ignore"):
        assert Matrix(np.array([[INF]]), SHORT).beyond


def test_only_what_was_divided_may_be_divided_later() -> None:
    x = rounded([3.0, 1.0, 2.0])
    for made in (np.sum(x, axis=0), np.sort(x), np.where(x > 2, x, -x), np.sign(x)):
        assert made.history.postponed == 1.0
    assert (x / 8.0).history.postponed != 1.0
