"""Numbers that carry their rounding: a value, how far it can be off at worst, and how far it is off in practice.

A `Rounded` array goes through the replay's own expressions in place of a plain one: NumPy's ufuncs and functions are
dispatched here, so one piece of code computes the float64 value, a bound that no order of summation can exceed, and the
variance of the rounding errors that the other implementation, in its own precision, makes on the way.

The model is the standard one (Higham, Accuracy and Stability of Numerical Algorithms, 2002, ch. 2 and 3): every
operation returns its exact result times 1 + d, |d| <= u. An inner product of n terms, summed in any order, with or
without fused multiply-adds, is off by at most g(n) |x|.|w|, g(n) = n u / (1 - n u). For the variance the d are
independent and uniform on [-u, u], so that of one rounding is u^2/3 of the result's square; see `products`.

Underflow is part of the model: see `Precision.smallest`. Overflow is, too: where the other side may have had infinity on the
way, and ours has come back into its range, nothing is known, and bound and variance are infinite. It may be NaN then, and
stays so through every function, also one whose results lie within a narrow range. Where float64's own range ends, the value
is infinite; a finite bound then means that the other side has at least LARGEST less that bound, so that a quotient by it is
known. Neither part is ever NaN.

`table` lists the operations, `numbers` has the array type, `history` the rule by which what is known of the operands passes
on to a result, and `single` says when errors are held in float32.
"""

from __future__ import annotations

from rnnverify.rounding.matrices import Matrix, exact_matrices
from rnnverify.rounding.numbers import Rounded, Unsure
from rnnverify.rounding.precision import LIMIT, PRECISIONS, Precision

__all__ = ["LIMIT", "PRECISIONS", "Matrix", "Precision", "Rounded", "Unsure", "exact_matrices"]
