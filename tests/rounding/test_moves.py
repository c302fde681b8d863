"""Elements that are moved."""

from __future__ import annotations

import numpy as np

from rnnverify.rounding.moves import rearranged
from tests.rounding.coarse import COARSE, rounded


def test_elements_that_move_take_their_errors_with_them() -> None:
    x = rounded([[1.0, 2.0]], [[0.1, 0.2]], [[0.3, 0.4]])
    both = np.concatenate([x, np.zeros((1, 2))], axis=0)
    assert both.bound.tolist() == [[0.1, 0.2], [0, 0]]
    assert np.swapaxes(x, 0, 1).variance.tolist() == [[0.3], [0.4]]
    assert [part.bound.item() for part in np.split(x, 2, axis=-1)] == [0.1, 0.2]


def test_what_is_put_together_is_as_large_as_any_of_it_may_be() -> None:
    x, plain = rounded([1.0], 0.1, 0.2), np.array([5.0])
    made = rearranged(np.concatenate)([x, plain, x])
    assert (made.value.tolist(), made.bound.tolist()) == ([1, 5, 1], [0.1, 0, 0.1])
    assert made.variance.tolist() == [0.2, 0, 0.2]
    assert made.precision is COARSE
    assert made.history.reach == np.inf  # a plain array may hold any number
    first, second = rearranged(np.split)(rounded([1.0, 2.0], [0.1, 0.2], [0.3, 0.4]) * 2, 2)
    assert (first.value, first.bound, first.variance) == ([2], [0.2], [1.2])
    assert (second.value, second.bound, second.variance) == ([4], [0.4], [1.6])
    assert first.precision is second.precision is COARSE
    sums = rounded([1.0, 2.0]) + rounded([0.5, 0.5])
    assert rearranged(np.repeat)(sums, 2, axis=0).history.reach == sums.history.reach < np.inf
    beyond = rearranged(np.stack)([rounded([1.0]), rounded([1.0]).exact(np.array([np.inf]), COARSE)])
    assert beyond.beyond
