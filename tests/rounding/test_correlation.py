"""Errors that terms have in common, by hand and beside real arithmetic."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rnnverify.rounding import PRECISIONS, Rounded
from rnnverify.rounding.correlation import handed_on

IN_COMMON = replace(PRECISIONS["float32"], in_common=True)


def of_four(value: list[float], factors: list[float], in_common: bool = True) -> float:
    made = handed_on(np.array([0.04, 0.04, 0.09, 0.01]), np.array(value), np.array(factors), in_common)
    return float(made)


def test_errors_to_the_same_side_add_up_by_hand() -> None:
    assert of_four([1, 1, 1, 1], [1, 1, 1, 1], in_common=False) == pytest.approx(0.18)
    assert of_four([1, 1, 1, 1], [1, 1, 1, 1]) == pytest.approx((0.2 + 0.2 + 0.3 + 0.1) ** 2)
    assert of_four([1, -1, 1, -1], [2, 1, 1, 1]) == pytest.approx((0.4 + 0.2 + 0.3 + 0.1) ** 2)


def test_errors_in_the_direction_of_their_numbers_add_up_by_hand() -> None:
    assert of_four([1, -1, 1, -1], [1, -1, 1, -1]) == pytest.approx((0.2 + 0.2 + 0.3 + 0.1) ** 2)


def test_errors_in_common_that_cancel_are_those_of_independent_ones() -> None:
    assert of_four([1, 1, 1, 1], [1, -1, 1, -3]) == pytest.approx(0.04 + 0.04 + 0.09 + 0.09)


def test_independent_factors_take_next_to_nothing_of_the_sharpness() -> None:
    rng = np.random.default_rng(0)
    variance, value, factors = rng.random((50, 64)), rng.normal(size=(50, 64)), rng.normal(size=(64, 40))
    wider = handed_on(variance, value, factors, True) / handed_on(variance, value, factors, False)
    assert 1 <= np.sqrt(np.median(wider)) < 1.3
    assert np.sqrt(wider.max()) < 5  # and not 8, the root of 64


def rounded(values: Any) -> Any:
    """Numbers that are off by 1e-4 of their size."""
    value = np.asarray(values, dtype=np.float64)
    return Rounded(value, 1e-3 * np.abs(value), (1e-4 * value) ** 2, IN_COMMON)


def test_every_operation_that_adds_up_computed_numbers_looks_at_what_they_have_in_common() -> None:
    x, weights = rounded(np.full((1, 2, 100), 0.7)), np.ones((100, 3))
    alike = 100 * 0.7e-4 * 0.9999
    other = Rounded.exact(np.ones((1, 100, 3)), IN_COMMON)
    turned = Rounded.exact(np.ones((1, 3, 100)), IN_COMMON) @ np.swapaxes(x, 1, 2)
    for made in (x @ weights, x @ other, turned, np.sum(x, axis=-1), np.mean(x, axis=-1) * 100.0):
        assert np.sqrt(made.variance).min() > alike
    x.precision = PRECISIONS["float32"]  # as if independent
    for made in (x @ weights, x @ other, np.sum(x, axis=-1)):
        assert np.sqrt(made.variance).max() < alike / 2


def test_equal_columns_make_equal_errors_in_float32() -> None:
    """Of the sum of 1,024 projections, each the same: what is allowed of independent errors is passed."""
    rng = np.random.default_rng(3)
    x, column = rng.normal(size=(200, 64)).astype(np.float32), rng.normal(size=(64, 1)).astype(np.float32)
    projected = np.cumsum(x * column[:, 0], axis=1, dtype=np.float32)[:, -1]
    error = 1024 * np.abs(projected - x.astype(np.float64) @ column.astype(np.float64)[:, 0])
    given: Any = Rounded.exact(x, IN_COMMON)
    made = given @ np.repeat(column.astype(np.float64), 1024, axis=1)
    apart, in_common = (np.sqrt(handed_on(made.variance, made.value, np.ones(1024), flag)) for flag in (False, True))
    assert (error / apart).max() > 12
    assert (error / in_common).max() < 4
