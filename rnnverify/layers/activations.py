"""Keras's activation functions, from their definitions. Each maps an array to one of the same shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import numpy as np

from rnnverify.errors import UnsupportedError
from rnnverify.layers.arrays import Array

ActivationFunction = Callable[[Array], Array]

ERF = np.frompyfunc(math.erf, 1, 1)  # a ufunc, like all the others here

# In models of any precision Keras holds these two in float32, as measured; in float32 itself that is a mere rounding.
LEAKY_RELU_SLOPE, ROOT_HALF = float(np.float32(0.2)), float(np.float32(math.sqrt(0.5)))
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017, from the fixed point (0, 1)


def dispatched(function: ActivationFunction) -> ActivationFunction:
    """Let an array type that is not NumPy's compute a function in its own way, as it may for NumPy's own functions."""

    @wraps(function)
    def called(x: Array) -> Array:
        if type(x) is not np.ndarray and hasattr(x, "__array_function__"):
            made: Array = x.__array_function__(called, (type(x),), (x,), {})
            if made is not NotImplemented:
                return made
        return function(x)

    return called


def linear(x: Array) -> Array:
    return x


@dispatched
def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


@dispatched
def hard_sigmoid(x: Array) -> Array:
    return np.clip(x + 3, 0, 6) / 6  # Keras 3; Keras 2 had clip(0.2 x + 0.5, 0, 1)


@dispatched
def softplus(x: Array) -> Array:
    return np.logaddexp(x, 0)  # log(1 + exp(x))


@dispatched
def softmax(x: Array) -> Array:
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


@dispatched
def log_softmax(x: Array) -> Array:
    shifted = x - np.max(x, axis=-1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


@dispatched
def elu(x: Array) -> Array:
    return np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1)


@dispatched
def selu(x: Array) -> Array:
    return SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * (np.exp(np.minimum(x, 0)) - 1))


@dispatched
def gelu(x: Array) -> Array:
    return 0.5 * x * (1 + erf(ROOT_HALF * x))


@dispatched
def erf(x: Array) -> Array:
    y: Any = ERF(x)
    return y.astype(x.dtype)


@dispatched
def squareplus(x: Array) -> Array:
    return (x + np.sqrt(x * x + 4)) / 2


@dispatched
def sparse_plus(x: Array) -> Array:
    return np.where(x <= -1, 0, np.where(x < 1, 0.25 * (x + 1) ** 2, x))


@dispatched
def sparsemax(x: Array) -> Array:
    """The Euclidean projection onto the simplex along the last axis (Martins & Astudillo 2016, algorithm 1)."""
    z = -np.sort(-x, axis=-1)
    k = np.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    cumulated = np.cumsum(z, axis=-1)
    support = np.sum(1 + k * z > cumulated, axis=-1, keepdims=True)
    threshold = np.take_along_axis((cumulated - 1) / k, support - 1, axis=-1)
    return np.maximum(x - threshold, 0)


ACTIVATIONS: dict[str, ActivationFunction] = {
    "linear": linear,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "hard_sigmoid": hard_sigmoid,
    "relu": dispatched(lambda x: np.maximum(x, 0)),
    "relu6": dispatched(lambda x: np.clip(x, 0, 6)),
    "leaky_relu": dispatched(lambda x: np.where(x > 0, x, LEAKY_RELU_SLOPE * x)),
    "elu": elu,
    "celu": elu,  # alpha is 1 for both
    "selu": selu,
    "silu": dispatched(lambda x: x * sigmoid(x)),
    "swish": dispatched(lambda x: x * sigmoid(x)),
    "hard_silu": dispatched(lambda x: x * hard_sigmoid(x)),
    "hard_swish": dispatched(lambda x: x * hard_sigmoid(x)),
    "gelu": gelu,
    "mish": dispatched(lambda x: x * np.tanh(softplus(x))),
    "softplus": softplus,
    "softsign": dispatched(lambda x: x / (1 + np.abs(x))),
    "squareplus": squareplus,
    "sparse_plus": sparse_plus,
    "sparse_sigmoid": dispatched(lambda x: np.clip(0.5 * (x + 1), 0, 1)),
    "exponential": np.exp,
    "hard_tanh": dispatched(lambda x: np.clip(x, -1, 1)),
    "tanh_shrink": dispatched(lambda x: x - np.tanh(x)),
    "hard_shrink": dispatched(lambda x: np.where(np.abs(x) > 0.5, x, 0)),
    "soft_shrink": dispatched(lambda x: np.where(x > 0.5, x - 0.5, np.where(x < -0.5, x + 0.5, 0))),
    "log_sigmoid": dispatched(lambda x: -softplus(-x)),
    "softmax": softmax,
    "log_softmax": log_softmax,
    "sparsemax": sparsemax,
}


# Of these no unit stands by itself.
MIXING: tuple[ActivationFunction, ...] = (softmax, log_softmax, sparsemax)


LONG = 80  # characters of a config, from which on it says nothing to a reader


def activation(name: Any) -> ActivationFunction:
    """Look up an activation by the name that stands in a layer's config.

    Raises:
        UnsupportedError: the name is unknown, or the config holds a function of the user's own.
    """
    if isinstance(name, str) and name in ACTIVATIONS:
        return ACTIVATIONS[name]
    shown = repr(name)
    if len(shown) > LONG:  # a layer's whole config, or the code of a function
        class_name = name.get("class_name") if isinstance(name, Mapping) else None
        own = name.get("config") if class_name == "function" else None
        shown = (
            "given as a function" if class_name is None else repr(own) if own else f"given as a layer, {class_name},"
        )
    raise UnsupportedError(
        f"the activation {shown} is not implemented by the replay; use one that is: {', '.join(sorted(ACTIVATIONS))}"
    )
