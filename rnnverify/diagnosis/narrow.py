"""Arrays that round what they multiply: engines with fast matrix units compute so, and in float32 everywhere else.

A replay on such weights makes what such an engine makes, far below what its rounding costs: which tells it from a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.observation import Observation
from rnnverify.observation.precision import rounded
from rnnverify.observation.stored import LEVELS, int8, tf32

Rounding = Callable[[Array], Array]
Product = Callable[[Array, Array], tuple[Array, Array]]  # what is multiplied in place of two arrays
LEAST_QUANTISED = 1024  # numbers in a matrix: LiteRT leaves smaller ones as they are
PRODUCTS = frozenset({np.dot, np.einsum, np.matmul, np.tensordot})


def tf32_cut(array: Array) -> Array:
    """Ten explicit bits of the mantissa, the others left out."""
    bits = array.astype(np.float32).view(np.uint32) & np.uint32(0xFFFFE000)
    return bits.view(np.float32).reshape(array.shape)


def both(rounding: Rounding) -> Product:
    """Either operand is rounded."""
    return lambda x, w: (rounding(x), rounding(w))


def quantised(x: Array, w: Array) -> tuple[Array, Array]:
    """As LiteRT multiplies by a matrix of int8 that was quantised "dynamically".

    Each column of the matrix has a scale of its own, as symmetric as its largest number; each row of x gets one in every
    product, and a zero among its 256 levels.
    """
    if w.ndim != 2 or w.size < LEAST_QUANTISED:
        return x, w
    least, most = np.minimum(x.min(axis=-1, keepdims=True), 0), np.maximum(x.max(axis=-1, keepdims=True), 0)
    step = (most - least) / (2 * LEVELS + 1)
    step = np.where(step == 0, 1, step)
    zero = np.round(-LEVELS - 1 - least / step)
    levels = np.clip(np.round(x / step) + zero, -LEVELS - 1, LEVELS)
    return (levels - zero) * step, int8(w, per_channel=True)


# Dtype -> how its matrix units may round operands.
OPERANDS: Mapping[str, tuple[Product, ...]] = {
    "tf32": (both(tf32), both(tf32_cut)),
    "float16": (both(lambda array: rounded(array, "float16")),),
    "bfloat16": (both(lambda array: rounded(array, "bfloat16")),),
    "int8": (quantised,),
}


class Narrow(np.ndarray[Any, Any]):
    """An array of which every matrix product rounds both operands, and so does what comes of it."""

    rounding: Any  # a Product

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return self.kept(getattr(ufunc, method)(*self.operands(ufunc, inputs), **plain(options)))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self.kept(function(*self.operands(function, args), **plain(kwargs)))

    def __array_finalize__(self, other: Any) -> None:
        self.rounding = getattr(other, "rounding", None)

    def operands(self, function: Any, args: Any) -> Any:
        args = plain(args)
        if function not in PRODUCTS:
            return args
        x, w = (one for one in args if isinstance(one, np.ndarray))
        pair = iter([made.astype(own.dtype) for made, own in zip(self.rounding(x, w), (x, w), strict=True)])
        return tuple(next(pair) if isinstance(one, np.ndarray) else one for one in args)

    def kept(self, made: Any) -> Any:
        if isinstance(made, np.ndarray):
            return narrow(made, self.rounding) if made.dtype.kind == "f" else made
        return type(made)(map(self.kept, made)) if isinstance(made, list | tuple) else made


def narrow(array: Array, rounding: Product) -> Narrow:
    """The same array, multiplied so."""
    made = array.view(Narrow)
    made.rounding = rounding
    return made


def plain(value: Any) -> Any:
    """Plain arrays in place of narrow ones, in lists and mappings too."""
    if isinstance(value, Narrow):
        return value.view(np.ndarray)
    if isinstance(value, list | tuple):
        return type(value)(map(plain, value))
    return {key: plain(one) for key, one in value.items()} if isinstance(value, dict) else value


def multiplying(observed: Observation, rounding: Product) -> Observation:
    """The same model, of which every product with weights rounds both operands."""
    nodes = (
        replace(node, weights={name: narrow(np.array(one), rounding) for name, one in node.weights.items()})
        for node in observed.nodes
    )
    return replace(observed, nodes=tuple(nodes))
