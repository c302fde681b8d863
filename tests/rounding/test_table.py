"""The table: every operation in it passes on that numbers were beyond the range, and NumPy refuses all others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnnverify.layers.activations import ERF, sigmoid
from rnnverify.rounding import PRECISIONS, Rounded, Unsure
from rnnverify.rounding.history import History
from rnnverify.rounding.table import FINITE_AT_INFINITY, FUNCTIONS, UFUNCS

PLAIN = np.array([[0.5, -0.25], [2.0, 3.0]])
TWO = [np.add, np.subtract, np.multiply, np.divide, np.logaddexp, np.maximum, np.minimum, np.matmul]
ONE = [np.negative, np.absolute, np.tanh, np.exp, np.log, np.sqrt, ERF, np.sign]
ONE += [np.sin, np.cos, np.square, np.reciprocal]
COMPARISONS = [np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal]
CALLS: dict[Any, Callable[[Any, Any], Any]] = {
    np.power: lambda x, y: x**2,
    sigmoid: lambda x, y: sigmoid(x),
    np.clip: lambda x, y: np.clip(x, 0, 6),
    np.where: lambda x, y: np.where(x > y, x, y),
    np.max: lambda x, y: np.max(x, axis=-1),
    np.sort: lambda x, y: np.sort(x, axis=-1),
    np.take_along_axis: lambda x, y: np.take_along_axis(x, counted(x), axis=-1),
    np.sum: lambda x, y: np.sum(x, axis=-1),
    np.mean: lambda x, y: np.mean(x, axis=-1),
    np.cumsum: lambda x, y: np.cumsum(x, axis=-1),
    np.split: lambda x, y: np.split(x, 2, axis=-1)[1],
    np.concatenate: lambda x, y: np.concatenate([y, x], axis=-1),
    np.stack: lambda x, y: np.stack([y, x], axis=-1),
    np.repeat: lambda x, y: np.repeat(x, 2, axis=0),
    np.swapaxes: lambda x, y: np.swapaxes(x, 0, 1),
    np.transpose: lambda x, y: np.transpose(x, (1, 0)),
    np.reshape: lambda x, y: np.reshape(x, (4,)),
    np.expand_dims: lambda x, y: np.expand_dims(x, 1),
    np.squeeze: lambda x, y: np.squeeze(x.reshape(-1, 1), 1),
    np.moveaxis: lambda x, y: np.moveaxis(x, 0, 1),
    np.flip: lambda x, y: np.flip(x, axis=1),
    np.roll: lambda x, y: np.roll(x, 1, axis=0),
    **{ufunc: lambda x, y, ufunc=ufunc: ufunc(x) for ufunc in ONE},
}


def counted(x: Any) -> Unsure:
    places = np.zeros((len(x.value), 1), dtype=int)
    return Unsure(places, places, places)


def numbers(beyond: bool) -> Rounded:
    nothing = np.zeros_like(PLAIN)
    return Rounded(np.abs(PLAIN), nothing, nothing, PRECISIONS["float32"], History(beyond=beyond))


@pytest.mark.parametrize("operation", [*CALLS, *TWO], ids=lambda operation: operation.__name__)
def test_every_operation_passes_on_that_an_operand_was_beyond_the_range(operation: Any) -> None:
    function = CALLS.get(operation, operation)
    lost, within = numbers(beyond=True), numbers(beyond=False)
    with np.errstate(all="ignore"):
        assert function(lost, within).beyond
        assert not function(within, within).beyond
        if operation in TWO:
            assert function(within, lost).beyond
            assert function(PLAIN, lost).beyond
            assert function(lost, PLAIN).beyond


@pytest.mark.parametrize("operation", [*CALLS, *TWO], ids=lambda operation: operation.__name__)
def test_of_what_nothing_is_known_of_nothing_is_known_after_any_operation(operation: Any) -> None:
    function = CALLS.get(operation, operation)
    for value in (0.0, 1.5, -200.0, 1e30, np.inf):
        numbers = np.full((2, 2), value)
        unknown = Rounded(numbers, np.full((2, 2), np.inf), np.full((2, 2), np.inf), PRECISIONS["float32"])
        with np.errstate(all="ignore"):
            made = function(unknown, PLAIN)
        assert np.isinf(made.bound).any(axis=-1).all()  # beside it there may be what was known
        assert np.array_equal(np.isinf(made.bound), np.isinf(made.variance))


@pytest.mark.parametrize(
    ("bounded", "at_infinity"),
    [
        (np.tanh, 1.0),
        (sigmoid, 1.0),
        (ERF, 1.0),
        (np.sign, 1.0),
        (lambda x: np.clip(x, 0, 6), 6.0),
        (lambda x: np.minimum(x, 2.5), 2.5),
    ],
)
def test_of_infinity_a_function_with_a_range_gives_that_range_s_end(bounded: Any, at_infinity: float) -> None:
    beyond = Rounded(np.array([1e39]), np.array([1e32]), np.array([1e60]), PRECISIONS["float32"], History(beyond=True))
    with np.errstate(over="ignore"):
        made = bounded(beyond)
    assert made.value == at_infinity
    assert np.sqrt(made.variance) < 1e-6
    assert made.bound < 5


def test_these_are_all_operations_but_those_whose_result_is_known_whatever_the_operands_are() -> None:
    assert {*CALLS, *TWO, *COMPARISONS, np.zeros_like, np.ones_like} == {*UFUNCS, *FUNCTIONS}
    assert {*UFUNCS} > FINITE_AT_INFINITY


def test_a_comparison_is_as_unsure_beyond_the_range_as_its_bounds_are_wide() -> None:
    for comparison in COMPARISONS:
        assert isinstance(comparison(numbers(beyond=True), 1.0), Unsure)
    for like in (np.zeros_like, np.ones_like):
        made, of_truth = like(numbers(beyond=True)), like(numbers(beyond=True), dtype=np.bool_)
        assert type(made) is type(of_truth) is np.ndarray
        assert (made.shape, made.dtype, of_truth.dtype) == (PLAIN.shape, np.float64, np.bool_)


def test_numpy_refuses_what_is_not_in_the_table() -> None:
    x = numbers(beyond=False)
    for refused in (np.arctan, np.add.reduce, np.linalg.norm, np.mean, lambda y: np.power(y, 3)):
        with pytest.raises(TypeError):
            refused(x)
    with pytest.raises(TypeError, match="returned NotImplemented"):
        np.add(x, x, out=np.zeros((2, 2)))


@pytest.mark.parametrize("operation", [*CALLS, *TWO], ids=lambda operation: operation.__name__)
def test_of_no_numbers_an_operation_makes_none(operation: Any) -> None:
    if operation is np.reshape:
        return
    nothing = np.zeros((0, 2))
    x = Rounded(nothing, nothing, nothing, PRECISIONS["float32"])
    y: Any = np.zeros((2, 2)) if operation is np.matmul else Rounded(nothing, nothing, nothing, PRECISIONS["float32"])
    made = CALLS.get(operation, operation)(x, y)
    assert made.value.size == made.bound.size == made.variance.size == 0
    assert made.precision is PRECISIONS["float32"]
    assert not made.beyond
    assert (x * 0.5).value.shape == (x / 3).value.shape == (0, 2)


def test_a_function_that_is_not_in_the_table_is_refused_by_numpy() -> None:
    with pytest.raises(TypeError, match="no implementation found"):
        np.median(numbers(beyond=False))
    with pytest.raises(TypeError, match=r"not supported|did not|returned NotImplemented"):
        np.sinh(numbers(beyond=False))


def test_options_and_methods_of_ufuncs_are_refused_rather_than_passed_over() -> None:
    x = numbers(beyond=False)
    with pytest.raises(TypeError):
        np.add(x, x, where=np.array([[True, False], [True, False]]))
    with pytest.raises(TypeError, match="returned NotImplemented"):
        np.add.outer(x, x)
