"""What the other side computes in, and how far roundings can take it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rnnverify.observation.precision import LARGEST as LARGEST_OF

LARGEST = float(np.finfo(np.float64).max)
EPSILON = 2.0**-52  # of float64, in which values and bounds are computed
OWN_ROUNDING = 1 + 2.0**-40  # what a bound may have lost by being computed in float64: counts where two nearly cancel
SURELY_WITHIN = 0.9  # of the largest number: rounded, it is still below that
# How many standard deviations a number may be off before that is no rounding any more. Over 10,002 random right models
# (benchmarks/results/soundness.txt) the largest residual was 7.1, and 3.6 in half precision, where single roundings count and
# not sums of many; these leave room for more, and what they cost in sharpness is less than a factor of two.
LIMIT, LIMIT_IN_HALF_PRECISION = 12.0, 8.0
UNIFORM = 3.0**-0.5  # the standard deviation of one rounding, in u


@dataclass(frozen=True)
class Precision:
    """What the other side computes in."""

    unit: float  # unit roundoff: half the spacing of numbers just above 1
    smallest: float  # results below it may be flushed to zero
    largest: float = LARGEST  # beyond it there is only infinity
    unread: float = 0.0  # numbers below it may be read as zero, even where they are fed in
    operands: float = 0.0  # how far the operands of an inner product are rounded before it, relatively (TF32)
    summed: float | None = (
        None  # unit roundoff in which inner products are added up before they are stored; None: the same
    )
    totals_too: bool = False  # whether sums over an axis, such as a softmax's, are added up in that as well
    limit: float = LIMIT  # how many standard deviations are rounding
    ordered: bool = False  # whether the terms of inner products may be in an order of their own: see `orders`
    in_common: bool = False  # whether what is added up may have errors that are alike: see `correlation`
    single: bool = False  # whether errors may be held in float32, where that can tell them: see `single`
    alike: bool = False  # whether a library's functions may be off by their most, always to the same side
    fused: bool = False  # whether what is added to an inner product may be what its sum begins with, as under XLA

    @property
    def wider(self) -> float:
        """The unit roundoff inside an inner product, over that of what is stored: 1 where they are the same."""
        return 1.0 if self.summed is None else self.summed / self.unit


# Flushing subnormal results to zero, as TensorFlow does, makes an error of up to the smallest normal number; its silu gives
# zero for a factor of up to a little over twice that, in float32, and in one of 16,000 random models gave it for five times.
# In float64 the replay's own rounding is as large as the other side's: one place where that counts, so its unit is twice as
# large. TensorFlow reads subnormal numbers as zero, too: as measured, relu(1e-40) is 0 on a CPU. Only those of float16 are
# left alone. In half precision inner products are added up, and functions computed, in float32, and rounded once
# (benchmarks/library_functions.py), but for those of layers with `narrow_sums`. The worst case does not rely on it.
PRECISIONS: Mapping[str, Precision] = {
    "float64": Precision(2.0**-52, smallest=2.0**-1022, unread=2.0**-1022),
    "float32": Precision(2.0**-24, smallest=2.0**-123, largest=LARGEST_OF["float32"], unread=2.0**-126),
    "float16": Precision(
        2.0**-11, smallest=2.0**-14, largest=LARGEST_OF["float16"], summed=2.0**-24, limit=LIMIT_IN_HALF_PRECISION
    ),
    "bfloat16": Precision(
        2.0**-8,
        smallest=2.0**-124,
        largest=LARGEST_OF["bfloat16"],
        unread=2.0**-126,
        summed=2.0**-24,
        totals_too=True,
        limit=LIMIT_IN_HALF_PRECISION,
    ),
}


def growth(n: int, u: float) -> float:
    """g(n) = n u / (1 - n u): how far a sum of n terms, or a product of n factors, is off relatively."""
    return n * u / (1 - n * u) if n * u < 1 else np.inf
