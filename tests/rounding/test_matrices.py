"""What is known of the columns of a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnverify.rounding import PRECISIONS, Matrix, Rounded
from rnnverify.rounding.matrices import exact_matrices, norm
from tests.rounding.coarse import INF


def test_infinite_rows_and_columns_say_nothing_about_the_others() -> None:
    p = PRECISIONS["float32"]
    x, w = np.array([[INF, 1.0, 2.0], [0.3, -0.7, 0.2]]), np.array([[0.5, -INF], [0.25, 3.0], [0.7, 1.0]])
    with np.errstate(invalid="ignore", over="ignore"):
        whole: Any = Rounded.exact(x, p) @ Matrix(w, p)
    alone: Any = Rounded.exact(x[1:], p) @ Matrix(w[:, :1], p)
    np.testing.assert_allclose(whole.variance[1, 0], alone.variance[0, 0], rtol=1e-6)
    np.testing.assert_allclose(whole.bound[1, 0], alone.bound[0, 0], rtol=1e-12)
    assert np.isinf(whole.variance[0]).all()
    assert np.isinf(whole.variance[:, 1]).all()


def test_a_weight_so_small_that_it_may_be_read_as_zero_counts_as_wholly_wrong() -> None:
    p = PRECISIONS["float32"]
    made: Any = Rounded.exact(np.array([[1e30]]), p) @ Matrix(np.array([[1e-40]]), p)
    assert 1e-10 <= made.bound[0, 0] < 1.1e-10
    assert 1e-20 <= made.variance[0, 0] < 1.1e-20


def test_a_length_is_precise_where_squares_underflow() -> None:
    for size in (1e-140, 1e-160, 1e-300):
        np.testing.assert_allclose(norm(np.full((1, 4), size), -1), [2 * size], rtol=1e-12)


def test_the_norm_of_whole_numbers_does_not_overflow() -> None:
    x = np.array([[2**20, 2**20], [0, 0], [3, 4]], dtype=np.int32)
    np.testing.assert_allclose(norm(x, -1), [2**20 * np.sqrt(2), 0, 5], rtol=1e-12, atol=1e-300)


def test_of_the_weights_that_are_matrices_the_columns_are_known() -> None:
    p = PRECISIONS["float32"]
    weights = [np.ones((2, 3)), np.ones(3), np.ones((2, 2, 3))]
    made = exact_matrices(weights, p)
    assert [type(one) for one in made] == [Matrix, Rounded, Rounded]
    for one, weight in zip(made, weights, strict=True):
        np.testing.assert_array_equal(one.value, weight)
        assert one.precision is p
