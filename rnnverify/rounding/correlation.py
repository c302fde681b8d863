"""Errors that a sum's terms have in common: the variance that they hand on to it.

Variances of independent errors add up. But numbers that were computed alike have errors that are alike: a projection of which
all columns are equal makes one and the same error in each of its units, those whose columns differ by a sign or a power of
two make the same in relation to the unit, and what was multiplied by one number has that one's error. Of errors s_i e, with
one e for all, the sum over i of w_i s_i e has the standard deviation |sum of w_i s_i|, if s_i is what each has by itself.

So where a limit that rests on independence is passed and the worst case is not, these two are looked at as well: all errors to
the same side, and all in the direction of their numbers. For errors that are independent after all, whose factors have signs
as by lot, the square of that sum is about as large as the sum of the squares. So it stays sharp: over an attention with
independent kernels the limit of this look is twice the other, where |w_i| in place of w_i would make it 20 times that.
"""

from __future__ import annotations

import numpy as np

from rnnverify.layers.arrays import Array


def handed_on(variance: Array, value: Array, factors: Array, in_common: bool) -> Array:
    """The variance of inner products of numbers with exact factors, as far as it is due to the numbers.

    Args:
        variance: of the numbers' errors, (..., n).
        value: the numbers, (..., n).
        factors: (n,) or (..., n, M).
        in_common: whether the errors may be alike.

    Returns:
        (...) or (..., M).
    """
    made: Array = variance @ (factors * factors)
    if not in_common:
        return made
    deviation = np.sqrt(variance)
    for alike in (deviation, np.sign(value) * deviation):
        made = np.maximum(made, np.square(alike @ factors))
    return made
