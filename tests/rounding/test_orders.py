"""The partial sums of ordered terms, by hand and beside real arithmetic in those orders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from rnnverify.layers.arrays import Array
from rnnverify.rounding import LIMIT, PRECISIONS, Matrix, Rounded
from rnnverify.rounding.orders import added, alike, in_any_order, parted, squares_of_partial_sums
from rnnverify.rounding.orders import in_lanes as within_blocks

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


def walked(parts: list[list[float]]) -> tuple[float, list[float]]:
    """The squares of all partial sums of each part, one number after the other, and the parts' totals."""
    squares, totals = 0.0, []
    for part in parts:
        total = 0.0
        for number in part:
            total += number
            squares += total**2
        totals.append(total)
    return squares, totals


def lanes_of(terms: list[float], lanes: int) -> list[list[float]]:
    return [terms[lane::lanes] + [0.0] * (-(-len(terms) // lanes) - len(terms[lane::lanes])) for lane in range(lanes)]


def blocks_of(terms: list[float], count: int) -> list[list[float]]:
    length = -(-len(terms) // count)
    padded = terms + [0.0] * (length * count - len(terms))
    return [padded[start : start + length] for start in range(0, len(padded), length)]


def one_after_the_other(terms: list[float]) -> float:
    """The largest sum over all orders, by plain loops."""
    squares, (total,) = walked([terms])
    found = [squares + total**2]
    for lanes in (2, 4, 8, 16, 32, 64):
        if lanes < len(terms):
            squares, totals = walked(lanes_of(terms, lanes))
            found.append(squares + walked([totals])[0])
    for block in (32, 64, 128, 256):
        if block < len(terms):
            blocks = blocks_of(terms, -(-len(terms) // block))
            squares, totals = walked(blocks)
            found.append(squares + walked([totals])[0])
            for lanes in (4, 8, 16):
                squares, ends = 0.0, []
                for part in blocks:
                    inner, lane_totals = walked(lanes_of(part, lanes))
                    between, (end,) = walked([lane_totals])
                    squares, ends = squares + inner + between, [*ends, end]
                found.append(squares + walked([ends])[0])
    return max(found)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 31, 33, 64, 65, 70, 129, 150, 257, 300])
def test_all_orders_are_those_of_plain_loops(n: int) -> None:
    rng = np.random.default_rng(n)
    columns = [rng.normal(size=n), 1 + 0.1 * rng.normal(size=n), np.sort(rng.normal(size=n))]
    columns += [
        np.where(np.arange(n) % lanes == 0, 1.0, -1 / max(lanes - 1, 1)) + rng.normal(size=n) / 99
        for lanes in (2, 4, 8)
    ]
    columns += [np.sin(2 * np.pi * np.arange(n) / period) for period in (8, 31, 32, 64.5, 130, 256)]
    made = in_any_order(np.array(columns).T)
    np.testing.assert_allclose(made, [one_after_the_other(column.tolist()) for column in columns], rtol=1e-9)


def test_terms_are_parted_in_lanes_or_in_blocks_and_the_last_may_be_zero() -> None:
    terms = np.arange(1.0, 6.0)[:, np.newaxis] * [1, 10]
    assert parted(terms, 2)[..., 0].tolist() == [[1, 2], [3, 4], [5, 0]]
    assert parted(terms, 2, contiguous=True)[..., 0].tolist() == [[1, 4], [2, 5], [3, 0]]
    assert parted(terms, 2)[..., 1].tolist() == [[10, 20], [30, 40], [50, 0]]
    # 1, 4, 9 and 2, 6, 6; then 9, 15.
    squares = 1 + 16 + 81 + 4 + 36 + 36 + 81 + 225
    assert added(parted(terms, 2)).tolist() == [squares, 100 * squares]


def test_lanes_within_blocks_by_hand() -> None:
    # Blocks of 1, 2, 3 and of 4, 5, 6, each in two lanes: 1, 4 and 2, 2, then 4, 6; 4, 10 and 5, 5, then 10, 15; then 6, 21.
    blocks = np.array([[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]])[..., np.newaxis]
    squares = 1 + 16 + 4 + 4 + 16 + 36 + 16 + 100 + 25 + 25 + 100 + 225 + 36 + 441
    assert within_blocks(blocks * [1, 2], 2).tolist() == [squares, 4 * squares]


def test_roundings_to_one_side_are_farther_from_some_number_of_terms_on() -> None:
    assert alike(1) == alike(48) == 1
    assert alike(480) == 10
    half = np.array([[1.0]] * 100 + [[2.0], [3.0]] * 50)  # as many that are like the one before as not, but one
    more = np.array([[1.0]] * 104 + [[2.0], [3.0]] * 48)
    exactly = np.array([[1.0]] * 101 + [[2.0], [3.0]] * 49 + [[2.0]])  # 100 of 200
    for terms, factor in ((half, 1.0), (exactly, 1.0), (more, 3 * 200 / 144)):
        assert in_any_order(terms)[0] == pytest.approx(factor * one_after_the_other(terms.ravel().tolist()))
    # Within a thousandth of the later one they are alike, to either side.
    for ratio, factor in ((1.0009, 3 * 200 / 144), (1 / 1.0009, 3 * 200 / 144), (1.0011, 1.0), (1 / 1.0011, 1.0)):
        growing = ratio ** np.arange(200.0)
        assert in_any_order(-growing[:, np.newaxis])[0] == pytest.approx(factor * one_after_the_other(growing.tolist()))


def test_a_thousandth_itself_is_alike() -> None:
    terms = np.tile([1000.0, 1001.0], 100)  # every second one is off from the one before by just a thousandth of itself
    factor = 3 * 200 / 144
    assert in_any_order(terms[:, np.newaxis])[0] == pytest.approx(factor * one_after_the_other(terms.tolist()))


def test_columns_of_terms_that_are_alike_stand_beside_others() -> None:
    rng = np.random.default_rng(3)
    terms = np.stack([np.ones(200), rng.normal(size=200)], axis=1)
    made = in_any_order(terms)
    assert made[0] == pytest.approx(3 * 200 / 144 * one_after_the_other([1.0] * 200))
    assert made[1] == pytest.approx(one_after_the_other(terms[:, 1].tolist()))


@pytest.mark.parametrize(("length", "lanes"), [(6, 2), (7, 2), (9, 4), (16, 8)])
def test_lanes_within_blocks_are_those_of_plain_loops(length: int, lanes: int) -> None:
    blocks = np.random.default_rng(length).normal(size=(length, 3, 2))
    expected = []
    for column in range(2):
        squares, ends = 0.0, []
        for block in range(3):
            inner, totals = walked(lanes_of(blocks[:, block, column].tolist(), lanes))
            between, (end,) = walked([totals])
            squares, ends = squares + inner + between, [*ends, end]
        expected.append(squares + walked([ends])[0])
    np.testing.assert_allclose(within_blocks(blocks, lanes), expected, rtol=1e-12)


@pytest.mark.parametrize("n", [32, 64, 128])
def test_sums_as_long_as_a_block_are_no_lanes_within_it(n: int) -> None:
    terms = np.tile([1.0, 0.25, -1.0, 0.0], n // 4)  # in four lanes each of one sign, and not zero in all
    assert in_any_order(terms[:, np.newaxis])[0] == pytest.approx(one_after_the_other(terms.tolist()), rel=1e-12)
