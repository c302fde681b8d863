"""Errors held in float32: the same as in float64 but for some digits, no bound smaller, and given up where they are too faint."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnnverify.layers.activations import sigmoid
from rnnverify.rounding import PRECISIONS, Rounded
from rnnverify.rounding.matrices import Matrix
from rnnverify.rounding.single import ROUNDED, TooFaintError, hold, holds, in_float64, slack, tried

WIDE = PRECISIONS["float32"]
SINGLE = dataclasses.replace(WIDE, single=True)
RNG = np.random.default_rng(20261130)
X, H, C = RNG.normal(size=(3, 8, 5))
KERNEL, RECURRENT_KERNEL, BIAS = RNG.normal(size=(5, 6)), RNG.normal(size=(5, 6)), RNG.normal(size=6)


def given(values: Any, bound: float = 1e-6, deviation: float = 1e-7, single: bool = True) -> Any:
    """Numbers with errors of a size, in float32 or in float64."""
    value = np.atleast_1d(np.asarray(values, dtype=np.float64))
    kind = np.float32 if single else np.float64
    errors = (np.full(value.shape, error, kind) for error in (bound, deviation**2))
    return Rounded(value, *errors, SINGLE if single else WIDE)


def exact(values: Any, single: bool) -> Any:
    return Rounded.exact(values, SINGLE if single else WIDE)


def pre_activation(single: bool) -> Any:
    kernel, recurrent_kernel = (Matrix(one, WIDE) for one in (KERNEL, RECURRENT_KERNEL))
    return exact(X, single) @ kernel + exact(BIAS, single) + exact(H, single) @ recurrent_kernel


def gates(single: bool) -> list[Any]:
    return [sigmoid(pre_activation(single))[:, :3], np.tanh(pre_activation(single))[:, 3:]]


OPERATIONS: dict[str, Callable[[bool], Any]] = {
    "inner products": pre_activation,
    "one inner product": lambda single: exact(X, single) @ Matrix(KERNEL, WIDE),
    "tanh": lambda single: np.tanh(pre_activation(single)),
    "sigmoid": lambda single: sigmoid(pre_activation(single)),
    "product": lambda single: np.multiply(*gates(single)),
    "square": lambda single: given(X, single=single) * given(X, single=single),
    "product with exact numbers": lambda single: gates(single)[0] * exact(C[:, :3], single),
    "product with a number": lambda single: gates(single)[0] * 0.3,
    "product with a power of two": lambda single: gates(single)[0] * 0.5,
    "sum": lambda single: np.add(*gates(single)),
    "difference": lambda single: 1 - gates(single)[0],
    "negative": lambda single: -gates(single)[1],
    "step": lambda single: gates(single)[0] * exact(C[:, :3], single) + np.multiply(*gates(single)),
    "joined": lambda single: np.concatenate(gates(single), axis=1),
    "wide tanh": lambda single: np.tanh(given(X, 3.0, 0.4, single)),
    "wide sigmoid": lambda single: sigmoid(given(X, 3.0, 0.4, single)),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_errors_in_float32_are_those_in_float64_and_no_bound_is_smaller(name: str) -> None:
    single, wide = OPERATIONS[name](True), OPERATIONS[name](False)
    assert wide.bound.dtype == wide.variance.dtype == np.float64
    if name.startswith("wide"):  # how steep a function is far from its argument is asked in float64
        assert single.variance.dtype == np.float64
    else:
        assert single.bound.dtype == single.variance.dtype == np.float32
    np.testing.assert_array_equal(single.value, wide.value)
    assert (single.bound >= wide.bound).all()
    np.testing.assert_allclose(single.bound, wide.bound, rtol=2e-5)
    np.testing.assert_allclose(single.variance, wide.variance, rtol=2e-5)


@pytest.mark.parametrize(("other", "functions"), [(1e-20, 3), (0.0, 3), (1e30, 1)])
def test_where_a_variance_is_beyond_float32_all_of_them_are_in_float64(other: float, functions: int) -> None:
    every = (lambda x, y: x * y, lambda x, y: np.tanh(x) * y, lambda x, y: sigmoid(x - 45.5) * y)
    for function in every[:functions]:
        with np.errstate(all="ignore"):
            made = [function(given([1.0, other], 0, 0, one), given([2.0, 0.5], 0, 0, one)) for one in (True, False)]
        assert made[0].variance.dtype == np.float64
        np.testing.assert_allclose(made[0].variance, made[1].variance, rtol=1e-5)
        np.testing.assert_allclose(made[0].bound, made[1].bound, rtol=1e-5)


def test_sums_of_which_one_is_faint_are_in_float64() -> None:
    x, w = np.diag([1.0, 1e-13]), np.eye(2)
    made, wide = (exact(x, one) @ Matrix(w, WIDE) + exact([0.0, 1e-13], one) for one in (True, False))
    assert made.variance.dtype == np.float64
    np.testing.assert_array_equal(made.variance, wide.variance)
    np.testing.assert_array_equal(made.bound, wide.bound)
    assert (exact(x + 1, True) @ Matrix(w, WIDE)).variance.dtype == np.float32


def test_other_operations_get_and_make_float64() -> None:
    for function in (
        np.exp,
        np.sqrt,
        np.abs,
        lambda x: x / 3.0,
        lambda x: np.maximum(x, 0.5),
        lambda x: np.sum(x, axis=0),
    ):
        made, wide = (function(given([1.0, 2.0], single=one)) for one in (True, False))
        assert made.variance.dtype == made.bound.dtype == np.float64
        np.testing.assert_allclose(made.bound, wide.bound, rtol=1e-6)
        np.testing.assert_allclose(made.variance, wide.variance, rtol=1e-6)


def test_variances_between_the_ends_are_held() -> None:
    assert holds(1.1e-36, 0.9e36)
    assert not holds(1e-36, 1.0)
    assert not holds(1.0, 1e36)
    assert not holds(float("nan"), float("nan"))
    hold(np.array([1e-300]))  # of float64 nothing is asked
    hold(np.array([1e-35, 1e35], np.float32))
    for wrong in ([1e-37, 1.0], [1.0, 1e37], [np.nan]):
        with pytest.raises(TooFaintError):
            hold(np.array(wrong, np.float32))


def test_float32_has_room_for_its_roundings_and_float64_needs_none() -> None:
    assert slack(np.dtype(np.float32)) == ROUNDED > (1 + 2.0**-24) ** 15
    assert slack(np.dtype(np.float64)) == 1


def test_what_is_too_faint_is_done_once_more_and_what_does_not_know_float32_is_not_tried() -> None:
    asked: list[Any] = []

    def operation(x: Any, scale: float) -> Any:
        asked.append(x.bound.dtype)
        if x.bound.dtype == np.float32:
            raise TooFaintError
        return scale

    x = given([1.0])
    assert tried(operation, True, x, scale=3.0) == 3.0
    assert asked == [np.float32, np.float64]
    assert tried(operation, False, x, scale=2.0) == 2.0
    assert asked[2:] == [np.float64]


def test_numbers_are_widened_wherever_they_stand() -> None:
    x = given([1.0])
    (first, second), plain = in_float64(([x, x], 5.0))
    assert first.bound.dtype == second.variance.dtype == np.float64
    assert first.value is x.value
    assert plain == 5.0
    wide = given([1.0], single=False)
    assert in_float64(wide) is wide


@pytest.mark.parametrize("function", [lambda x: x * 0.5, lambda x: x * x, lambda x: x * 0.3, lambda x: x - 1.0])
def test_no_bound_is_smaller_either_where_what_is_lost_below_the_smallest_number_counts_most(function: Any) -> None:
    half = PRECISIONS["float16"]
    values, bounds = 1e-3 * RNG.normal(size=1000), 1e-6 * RNG.random(1000).astype(np.float32)
    made = []
    for kind, precision in ((np.float32, dataclasses.replace(half, single=True)), (np.float64, half)):
        errors = bounds.astype(kind), np.square(bounds, dtype=kind)
        made.append(function(Rounded(values, *errors, precision)))
    assert made[0].bound.dtype == np.float32
    assert (made[0].bound >= made[1].bound).all()


def test_errors_of_two_kinds_become_float64_both() -> None:
    for kinds in ((np.float32, np.float64), (np.float64, np.float32)):
        bound, variance = (np.full(2, 1e-6, kind) for kind in kinds)
        made = in_float64(Rounded(np.ones(2), bound, variance, SINGLE))
        assert made.bound.dtype == made.variance.dtype == np.float64
