"""Activations: another function than the layer's, one in the wrong place, or an approximation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np

from rnnverify.layers.activation import Activation
from rnnverify.layers.activations import ACTIVATIONS, ActivationFunction, sigmoid
from rnnverify.layers.arrays import Array
from rnnverify.layers.conv_lstm import GATED, RECURRENT
from rnnverify.layers.dense import Dense
from rnnverify.layers.layer import Layer
from rnnverify.mistakes.changes import putting_out, with_values
from rnnverify.mistakes.mistake import Mistake

TANH = ACTIVATIONS["tanh"]
HARD_SIGMOID = ACTIVATIONS["hard_sigmoid"]


def keras_2_hard_sigmoid(x: Array) -> Array:
    made: Array = np.clip(0.2 * x + 0.5, 0, 1)
    return made


def with_gates(function: ActivationFunction, layer: Layer) -> Layer | None:
    if not isinstance(layer, GATED) or layer.recurrent_activation is function:
        return None
    return replace(layer, recurrent_activation=function)


def old_definition(layer: Layer) -> Layer | None:
    changes = {name: keras_2_hard_sigmoid for name, value in vars(layer).items() if value is HARD_SIGMOID}
    return replace(layer, **changes) if changes else None


def activations_swapped(layer: Layer) -> Layer | None:
    if not isinstance(layer, GATED) or layer.activation is layer.recurrent_activation:
        return None
    return replace(layer, activation=layer.recurrent_activation, recurrent_activation=layer.activation)


def defaulted(both: bool, layer: Layer) -> Layer | None:
    if not isinstance(layer, RECURRENT) or layer.activation is TANH:
        return None
    if not both:
        return replace(layer, activation=TANH)
    if not isinstance(layer, GATED) or layer.recurrent_activation is sigmoid:
        return None
    return replace(layer, activation=TANH, recurrent_activation=sigmoid)


def extra_activation(layer: Layer) -> Layer | None:
    """One more tanh on what the layer puts out, and none on its states."""
    if isinstance(layer, RECURRENT):
        return putting_out(layer, with_values(np.tanh))  # type: ignore[no-any-return]
    if isinstance(layer, Dense):
        inner = layer.activation
        return replace(layer, activation=lambda x: np.tanh(inner(x)))
    return None


def within_one(x: Array) -> Array:
    """Cut off at -1 and 1."""
    made: Array = np.minimum(np.maximum(x, -1), 1)  # np.clip takes three times as long on small arrays
    return made


def pade(x: Array) -> Array:
    """The continued fraction of tanh, cut off after the third term."""
    return within_one(x * (27 + x * x) / (27 + 9 * (x * x)))


def pade_of_degree_7(x: Array) -> Array:
    """The same after the seventh."""
    s = x * x
    over, under = 135135 + s * (17325 + s * (378 + s)), 135135 + s * (62370 + s * (3150 + s * 28))
    return within_one(x * over / under)


def softsign(x: Array) -> Array:
    made: Array = x / (1 + np.abs(x))
    return made


APPROXIMATIONS: dict[str, tuple[str, ActivationFunction]] = {
    "pade": ("x (27 + x^2) / (27 + 9 x^2)", pade),
    "pade-7": ("x (135135 + 17325 x^2 + 378 x^4 + x^6) / (135135 + 62370 x^2 + 3150 x^4 + 28 x^6)", pade_of_degree_7),
    "softsign": ("x / (1 + |x|)", softsign),
    "clipped": ("x, cut off at -1 and 1", within_one),
}


@cache
def by_half(function: ActivationFunction) -> ActivationFunction:
    """sigmoid(x) is half of 1 + tanh(x / 2)."""
    return lambda x: 0.5 * (1 + function(0.5 * x))


def approximated(instead: Mapping[Any, ActivationFunction], layer: Layer) -> Layer | None:
    """Some functions replaced by others."""
    if not isinstance(layer, (*RECURRENT, Activation, Dense)):
        return None
    changes: dict[str, Any] = {
        name: instead[value] for name, value in vars(layer).items() if callable(value) and value in instead
    }
    return replace(layer, **changes) if changes else None


def approximations() -> Iterator[Mistake]:
    for name, (formula, function) in APPROXIMATIONS.items():
        tanh, both = f"tanh(x) is approximated by {formula}", ", and sigmoid(x) by half of 1 + the same at x / 2"
        yield approximation(name, tanh + both, {TANH: function, sigmoid: by_half(function)})
        yield approximation(f"{name}/tanh-only", f"{tanh}; sigmoid is not", {TANH: function}, gated=True)
        yield approximation(
            f"{name}/sigmoid-only",
            f"sigmoid(x) is approximated by half of 1 + f(x / 2), where f(x) is {formula}; tanh is not",
            {sigmoid: by_half(function)},
            gated=True,
        )
    yield approximation(
        "softsign-sigmoid",
        "sigmoid(x) is approximated by half of 1 + x / (1 + |x|)",
        {sigmoid: by_half(lambda x: softsign(2 * x))},
    )


def approximation(name: str, says: str, instead: Mapping[Any, ActivationFunction], gated: bool = False) -> Mistake:
    """...of some functions; `gated`: told apart from others only in layers that have two."""

    def change(layer: Layer) -> Layer | None:
        return approximated(instead, layer) if not gated or isinstance(layer, GATED) else None

    return Mistake(
        f"activation-approximated/{name}",
        says,
        "use the library's own: `np.tanh(x)` and `1 / (1 + np.exp(-x))`",
        "tensorflow/tflite-micro#1253",
        change,
        late=gated,  # what ports have is the plain one
    )


HARD_SIGMOID_OF_KERAS_2 = Mistake(
    "hard-sigmoid-definition",
    "the hard sigmoid is that of Keras 2, clip(0.2 x + 0.5, 0, 1)",
    "use Keras 3's: `np.clip(x / 6 + 0.5, 0, 1)`",
    "tensorflow/tensorflow#65381",
    old_definition,
)
ACTIVATION = (
    Mistake(
        "gates-hard-sigmoid",
        "the gates use the hard sigmoid",
        "use the layer's recurrent_activation: `1 / (1 + np.exp(-z))` if it is sigmoid",
        "tensorflow/tensorflow#47495",
        partial(with_gates, HARD_SIGMOID),
    ),
    Mistake(
        "gates-hard-sigmoid/keras-2",
        "the gates use the hard sigmoid of Keras 2, clip(0.2 x + 0.5, 0, 1)",
        "use the layer's recurrent_activation: `1 / (1 + np.exp(-z))` if it is sigmoid",
        "tensorflow/tensorflow#47495",
        partial(with_gates, keras_2_hard_sigmoid),
    ),
    Mistake(
        "gates-sigmoid",
        "the gates use the sigmoid, where the layer's recurrent_activation is another function",
        "use recurrent_activation as the layer's config has it",
        "onnx/keras-onnx#89, jatinchowdhury18/RTNeural",
        partial(with_gates, sigmoid),
    ),
    HARD_SIGMOID_OF_KERAS_2,
    Mistake(
        "activations-swapped",
        "activation and recurrent_activation are exchanged",
        "the gates take recurrent_activation, the candidate and the output activation: `i = sigmoid(zi); c_ = np.tanh(zc)`",
        "tflearn/tflearn#200",
        activations_swapped,
    ),
    Mistake(
        "activation-defaulted/activation",
        "activation is lost, and tanh used in its place",
        "use activation as the layer's config has it",
        "onnx/tensorflow-onnx#2211, sonos/tract, jatinchowdhury18/RTNeural",
        partial(defaulted, False),
    ),
    Mistake(
        "activation-defaulted/both",
        "both activations are lost, and tanh and sigmoid used in their place",
        "use activation and recurrent_activation as the layer's config has them",
        "onnx/tensorflow-onnx#2211, sonos/tract, jatinchowdhury18/RTNeural",
        partial(defaulted, True),
    ),
    Mistake(
        "extra-activation",
        "one more tanh is applied to what the layer puts out",
        "leave it out: the layer's output is h itself",
        "discuss.pytorch.org/t/110741",
        extra_activation,
    ),
    *approximations(),
)
