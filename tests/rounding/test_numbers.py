"""Numbers as they are fed in."""

from __future__ import annotations

import numpy as np

from rnnverify.rounding import PRECISIONS, Rounded
from rnnverify.rounding.operands import nothing_or
from rnnverify.rounding.precision import LARGEST
from tests.rounding.coarse import INF, SHORT


def test_subnormal_numbers_may_be_read_as_zero() -> None:
    for name, subnormal in (("float32", 1e-40), ("bfloat16", 1e-40), ("float64", 1e-310), ("float16", 0.0)):
        x = Rounded.exact(np.array([subnormal, 1.0]), PRECISIONS[name])
        assert x.bound.tolist() == [subnormal, 0]
    assert not Rounded.exact(np.array([0.0, 6e-8]), PRECISIONS["float16"]).inexact


def test_an_infinity_that_was_fed_in_is_the_end_of_the_range() -> None:
    with np.errstate(invalid="ignore"):
        assert np.subtract(*(Rounded.exact(np.array([INF, 1.0]), SHORT) for _ in range(2))).beyond
        assert not np.subtract(*(Rounded.exact(np.array([2.0, 1.0]), SHORT) for _ in range(2))).beyond


def test_as_a_plain_array_it_is_a_copy_of_its_values_in_the_type_that_is_asked_for() -> None:
    x = Rounded.exact(np.array([[1.0, 2.0]]), SHORT)
    plain = np.asarray(x)
    plain[0, 0] = 7
    assert x.value.tolist() == [[1, 2]]
    assert np.asarray(x, dtype=np.float32).dtype == np.float32
    assert plain.dtype == np.float64
    assert (len(x), x.shape, x.ndim, x.dtype, x.inexact) == (1, (1, 2), 2, np.float64, False)


def test_what_is_rearranged_takes_its_errors_and_its_terms_with_it() -> None:
    x = Rounded(np.array([[1.0, 2.0]]), np.array([[0.1, 0.2]]), np.array([[0.3, 0.4]]), SHORT) + np.array([5.0])
    for made in (x.reshape(2, 1), x.reshape((2, 1)), x[0][:, np.newaxis]):
        assert made.value.tolist() == [[6], [7]]
        assert made.bound.ravel().tolist() == x.bound.ravel().tolist()
        assert made.variance.ravel().tolist() == x.variance.ravel().tolist()
        assert [term.tolist() for term in made.history.terms] == [[[1], [2]], [[5], [5]]]
        assert made.precision is SHORT
    assert x.astype(np.float32) is x


def test_numbers_of_whole_and_of_half_precision_are_exact_in_float64() -> None:
    made = Rounded.exact(np.array([1, 2], dtype=np.int32), SHORT)
    assert made.value.dtype == np.float64
    assert made.bound.tolist() == made.variance.tolist() == [0, 0]
    tiny = Rounded.exact(np.array([1e-40, 1.0, -1e-39]), PRECISIONS["float32"])
    assert tiny.variance.tolist() == [1e-40**2, 0, 1e-39**2]
    at_the_edge = Rounded.exact(np.array([2.0**-126]), PRECISIONS["float32"])
    assert not at_the_edge.inexact


def test_numbers_that_are_read_as_they_are_share_one_error_of_zero() -> None:
    p = PRECISIONS["float32"]
    for values in ([1.0, 2.0], [0.0, 1.0], [0.0, 2.0**-126], [0.0, 0.0]):
        x = Rounded.exact(np.array(values), p)
        assert isinstance(nothing_or(x.bound), float)
        assert isinstance(nothing_or(x.variance), float)
    assert Rounded.exact(np.array([2.0**-126, 1e-40]), p).bound.tolist() == [0, 1e-40]
    empty = Rounded.exact(np.zeros((0, 2)), p)
    assert empty.bound.shape == empty.variance.shape == (0, 2)
    assert not empty.beyond


def test_the_largest_number_that_was_fed_in_is_within_the_range() -> None:
    assert not Rounded.exact(np.array([LARGEST, -LARGEST]), SHORT).beyond
