"""What a model is fed: the numbers that Keras makes of an array on its way in, made here, so that the replay is fed the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnverify.errors import DataError, SpecError
from rnnverify.observation.precision import LARGEST, UNIT_ROUNDOFF, rounded
from rnnverify.spec.model import Spec
from rnnverify.spec.types import LARGEST_SIZE

Array = npt.NDArray[Any]


def is_whole(dtype: str) -> bool:
    """Whether a dtype holds whole numbers alone, or bool."""
    return dtype.startswith(("int", "uint", "bool"))


def range_of(dtype: str, most: float = LARGEST_SIZE) -> tuple[int, int]:
    """The smallest and the largest number that a dtype of whole numbers holds, none of them beyond `most`."""
    low, high = (0, 1) if dtype == "bool" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    return max(low, -int(most)), min(high, int(most))


def check_whole(x: Array, bounds: tuple[int, int], expected: str) -> Array:
    """Whole numbers, as int32. Keras would cut off what is behind the point, and what is too large.

    Args:
        x: any numbers.
        bounds: the smallest and the largest that may be.
        expected: what is said of the first that is something else.

    Raises:
        DataError: one of them is not whole, or out of bounds.
    """
    low, high = bounds
    x = x.astype(np.float64) if x.dtype.kind == "f" else x  # half precision does not even hold the bounds
    wrong = ~((x == np.floor(x)) & (x >= low) & (x <= high))  # never np.abs: that of the smallest number is itself
    if np.any(wrong):
        raise DataError(f"{expected}, got {x[wrong][0]}")
    return x.astype(np.int32)


def as_fed(name: str, x: Array, dtype: str, precisions: tuple[str, ...], exact: str) -> Array:
    """The array that a model's layers see.

    Args:
        name: of the input.
        x: what it was given.
        dtype: of the input.
        precisions: what floats are cast to before, one after the other.
        exact: the coarsest precision that layers compute in; whole numbers must be among its numbers.

    Raises:
        DataError: the input takes other numbers.
    """
    if is_whole(dtype):
        low, high = range_of(dtype, 1 / UNIT_ROUNDOFF[exact])
        takes = f"the input {name!r} takes {dtype}, and the layers compute in {exact}"
        return check_whole(x, (low, high), f"{takes}: expected whole numbers from {low} to {high}")
    if dtype not in LARGEST:
        raise DataError(f"the input {name!r} takes {dtype}, which is not implemented; expected one of numbers")
    if x.dtype.kind in "iub":
        x, precisions = x.astype(np.float64), ()
    for precision in (*precisions, dtype):
        x = cast(x, precision)
    return x if dtype == "float64" else x.astype(np.float32)


def ids_as_fed(name: str, x: Array, dtype: str) -> Array:
    """Whole token ids, as the model's layers see them: an input of floats may have to round them.

    Args:
        name: of the input.
        x: the ids, as whole numbers.
        dtype: of the input.

    Raises:
        DataError: the input holds none that are so large.
    """
    if is_whole(dtype):
        low, high = range_of(dtype)
        check_whole(x, (low, high), f"the input {name!r} takes {dtype}: expected token ids from {low} to {high}")
        return x
    if dtype not in LARGEST:
        return x
    ids = rounded(x.astype(np.float64), dtype)
    if not np.isfinite(ids).all():
        wrong = x[~np.isfinite(ids)][0]
        raise DataError(f"the input {name!r} takes {dtype}: expected token ids up to {LARGEST[dtype]:g}, got {wrong}")
    return ids.astype(x.dtype)


def cast(array: Array, precision: str) -> Array:
    """Floats as a precision has them.

    Subnormal numbers are fed as zero: some of TensorFlow's kernels read them so, and others do not.
    """
    values = rounded(array, precision)
    smallest = 2.0**-1022 if precision == "float64" else 2.0**-126
    return np.where(np.abs(values) < smallest, 0, values).astype(array.dtype)


def check_finite(arrays: Mapping[str, Array]) -> None:
    """Of what is no number nothing can be computed, and nothing tested.

    Raises:
        DataError: one of them holds NaN or infinity; it is named.
    """
    for name, array in arrays.items():
        wrong = array.size - int(np.count_nonzero(np.isfinite(array)))
        if wrong:
            raise DataError(
                f"expected finite numbers in {name}, got {wrong} of {array.size} that are NaN or infinite in {array.dtype}"
            )


def with_batch(keras: Any, spec: Spec, model: Any, stateful: bool) -> Spec:
    """A spec for a model that is there, with the number of samples that it was built for, if it was for one.

    Raises:
        SpecError: the spec says another, and the model is stateful: others take any number all the same.
    """
    fixed = next((one.shape[0] for one in keras.tree.flatten(model.inputs) if one.shape[0]), None) if model else None
    if fixed in (None, spec.N):
        return spec
    if "N" not in spec.assumed and not stateful:
        return spec
    if "N" not in spec.assumed:
        raise SpecError(f"{spec.path}: N: expected {fixed}, which the model has fixed, or no N; got {spec.N}")
    return replace(spec, N=fixed)
