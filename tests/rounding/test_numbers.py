"""Numbers as they are fed in."""

from __future__ import annotations

import numpy as np

from rnnverify.rounding import PRECISIONS, Rounded
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
