"""The partial sums of ordered terms, by hand and beside real arithmetic in those orders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from rnnverify.layers.arrays import Array
from rnnverify.rounding import LIMIT, PRECISIONS, Matrix, Rounded
from rnnverify.rounding.orders import in_any_order, squares_of_partial_sums

ORDERED = replace(PRECISIONS["float32"], ordered=True)


def test_few_terms_by_hand() -> None:
    # In the order in which they stand: 3, 1, 6, and the whole, 6; in two lanes 3, 8 and -2, then 8, 6.
    terms = np.array([[3.0], [-2.0], [5.0]])
    in_order, in_lanes = 9 + 1 + 36 + 36, 9 + 64 + 4 + 4 + 64 + 36
    assert in_any_order(terms).tolist() == [max(in_order, in_lanes)]
    assert squares_of_partial_sums(np.array([[1.0, 1.0, 1.0]]), terms).tolist() == [[in_lanes]]


def test_terms_that_are_alike_may_all_be_rounded_to_the_same_side() -> None:
    n = 1000
    terms = np.full((n, 1), 0.1, np.float32)
    sums = np.cumsum(terms.astype(np.float64))
    deviation = np.sqrt(in_any_order(terms.astype(np.float64))[0]) * 2.0**-24 / np.sqrt(3)
    assert LIMIT * deviation >= 2.0**-24 * np.sum(sums)
    assert abs(natural(terms[:, 0]) - sums[-1]) > LIMIT * np.sqrt(np.sum(sums**2)) * 2.0**-24 / np.sqrt(3)


def test_every_row_and_column_has_sums_of_its_own() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 3, 70)), rng.normal(size=(70, 4))
    made = squares_of_partial_sums(x, w)
    assert made.shape == (2, 3, 4)
    assert made[1, 2, 3] == pytest.approx(in_any_order((x[1, 2] * w[:, 3])[:, np.newaxis])[0])


def natural(terms: Array) -> Array:
    return np.add.accumulate(terms, axis=-1)[..., -1]


def in_lanes(terms: Array) -> Array:
    return natural(np.add.accumulate(terms.reshape(*terms.shape[:-1], -1, 8), axis=-2)[..., -1, :])


def in_blocks(terms: Array) -> Array:
    return natural(np.add.accumulate(terms.reshape(*terms.shape[:-1], -1, 64), axis=-1)[..., -1])


KERNELS: dict[str, Callable[[int], Array]] = {
    "cosine": lambda n: np.cos(np.pi * (np.arange(n) + 0.5) * 3 / n),
    "sine": lambda n: np.sin(2 * np.pi * np.arange(n) / n),
    "halves": lambda n: np.where(np.arange(n) < n // 2, 1.0, -1.0),
    "linspace": lambda n: np.linspace(-1, 1, n),
    "sorted": lambda n: np.sort(np.random.default_rng(1).normal(size=n)),
}


@pytest.mark.parametrize("order", [natural, in_lanes, in_blocks])
@pytest.mark.parametrize("kernel", KERNELS)
def test_ordered_sums_in_real_arithmetic_are_within_the_limit_that_knows_their_order(
    kernel: str, order: Callable[[Array], Array]
) -> None:
    rng = np.random.default_rng(2)
    n = 1024
    x = (20 + rng.normal(size=(200, n))).astype(np.float32)
    w = KERNELS[kernel](n).astype(np.float32)
    exact = x.astype(np.float64) @ w.astype(np.float64)
    error = np.abs(order(x * w) - exact)
    ours = Rounded.exact(x, ORDERED) @ Matrix(w[:, np.newaxis], ORDERED)
    assert (error <= LIMIT * np.sqrt(ours.variance[:, 0])).all()
    assert error.max() > 0.1 * np.sqrt(ours.variance[:, 0]).min()  # and it is no more than what is needed


def test_of_terms_in_no_order_the_deviation_is_the_formula_s() -> None:
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(50, 300)), rng.normal(size=(300, 20))
    plain = Rounded.exact(x, PRECISIONS["float32"]) @ Matrix(w, PRECISIONS["float32"])
    ordered = Rounded.exact(x, ORDERED) @ Matrix(w, ORDERED)
    ratio = np.sqrt(ordered.variance / plain.variance)
    assert 0.9 < np.mean(ratio) < 1.3
    assert np.array_equal(ordered.bound, plain.bound)
