"""The order of things: the axes of x, the direction of time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.layer import Call, Layer, Masked
from rnnverify.layers.walking import Walking
from rnnverify.mistakes.changes import altered, called, putting_out, with_values
from rnnverify.mistakes.mistake import Mistake


def on_call(make: Callable[[Call], Call], kind: type[Layer] = Walking) -> Any:
    """A change of layers of a class from what they are given."""

    def change(layer: Any) -> Layer | None:
        return called(layer, make) if isinstance(layer, kind) else None

    return change


def with_x(make: Callable[[Array], Array]) -> Callable[[Call], Call]:
    """A call with another array as its input; the mask stays."""
    return lambda call: call._replace(inputs=[Masked(make(call.x.values), call.x.mask), *call.inputs[1:]])


def time_major_reshaped(x: Array) -> Array:
    samples, timesteps, *rest = x.shape
    return swapped(x.reshape(timesteps, samples, *rest), 0, 1)  # type: ignore[no-any-return]


def swapped(x: Any, one: int, other: int) -> Any:
    return np.swapaxes(x, one, other)


def time_major(x: Array) -> Array:
    return swapped(x, 0, 1) if x.shape[0] == x.shape[1] else x


def over_samples(layer: Any) -> Layer | None:
    """Axis 0 of x is walked as time, and axis 1 taken for the samples; what comes out stays in that order."""
    if not isinstance(layer, Walking):
        return None
    own = type(layer)

    def turned(call: Call) -> Call:
        x, mask = call.x
        rows = [0] * x.shape[1]  # as many states as are now taken for samples
        return call._replace(
            inputs=[Masked(swapped(x, 0, 1), None if mask is None else swapped(mask, 0, 1))],
            initial_state=[state[rows] for state in call.initial_state],
        )

    def outputs(self: Any, call: Call, walked: Any) -> Any:
        first, *rest = own.outputs(self, turned(call), walked)
        return (Masked(swapped(first.values, 0, 1), call.x.mask) if self.return_sequences else first, *rest)

    return altered(  # type: ignore[no-any-return]
        layer, walks=lambda self, call: own.walks(self, turned(call)), outputs=outputs
    )


def features_first_reshaped(x: Array) -> Array:
    samples, timesteps, *rest = x.shape
    return swapped(x.reshape(samples, *rest, timesteps), 1, 2) if len(rest) == 1 else x


def features_first(x: Array) -> Array:
    return swapped(x, 1, 2) if x.ndim == 3 and x.shape[1] == x.shape[2] else x


def first_sample_alone(call: Call) -> Call:
    """Every row is the first sample's."""
    rows = [0] * len(call.x.values)
    return call._replace(
        inputs=[Masked(x[rows], None if mask is None else mask[rows]) for x, mask in call.inputs],
        initial_state=[state[rows] for state in call.initial_state],
    )


def reversed_walk(layer: Any) -> Layer | None:
    return replace(layer, go_backwards=not layer.go_backwards) if isinstance(layer, Walking) else None


def forwards(layer: Any) -> Layer | None:
    """A layer that walks backwards goes forwards."""
    return replace(layer, go_backwards=False) if isinstance(layer, Walking) and layer.go_backwards else None


def in_order_of_time(layer: Any) -> Layer | None:
    """What a layer that walks backwards puts out is put back in order."""
    if not isinstance(layer, Walking) or not layer.go_backwards or not layer.return_sequences:
        return None
    return putting_out(layer, with_values(lambda y: y[:, ::-1]))  # type: ignore[no-any-return]


def reversed_in_order(layer: Any) -> Layer | None:
    """A walk backwards, put back in order, where the layer walks forwards."""
    if not isinstance(layer, Walking) or layer.go_backwards or not layer.return_sequences:
        return None
    return putting_out(replace(layer, go_backwards=True), with_values(lambda y: y[:, ::-1]))  # type: ignore[no-any-return]


READ = "read x as (N, T, D): `x[n, t]` is one step's features"


ORDER = (
    Mistake(
        "time-batch-swapped/reshape",
        "x, which is (N, T, D) in memory, is read as (T, N, D)",
        READ,
        "onnx/onnx#5218",
        on_call(with_x(time_major_reshaped)),
    ),
    Mistake(
        "time-batch-swapped/axis",
        "the first axis of x is walked as time, and the second taken for the samples",
        READ,
        "onnx/onnx#5218",
        over_samples,
    ),
    Mistake(
        "time-batch-swapped/transposed",
        "the first two axes of x are exchanged",
        READ,
        "onnx/onnx#5218",
        on_call(with_x(time_major)),
    ),
    Mistake(
        "time-features-swapped",
        "x, which is (N, T, D) in memory, is read as (N, D, T)",
        READ,
        "D4#8701",
        on_call(with_x(features_first_reshaped)),
    ),
    Mistake(
        "time-features-swapped/axis",
        "the last two axes of x are exchanged",
        READ,
        "D4#8701",
        on_call(with_x(features_first)),
    ),
    Mistake(
        "only-first-sample",
        "every sample gets what the first one gives",
        "use each sample's own steps: `x[n, t]`, not `x[0, t]`",
        "onnx/keras-onnx#123",
        on_call(first_sample_alone),
    ),
    Mistake(
        "sequence-reversed",
        "time is walked the other way",
        "walk as go_backwards says: `x[:, ::-1]` if it is true, and x if not",
        "keras-team/keras#1431",
        reversed_walk,
    ),
    Mistake(
        "sequence-reversed/output-in-order",
        "time is walked backwards, and what comes out put back in order",
        "walk as go_backwards says: forwards",
        "keras-team/keras#1431",
        reversed_in_order,
    ),
    Mistake(
        "direction-ignored",
        "a layer that walks backwards goes forwards",
        "reverse its input: `x[:, ::-1]`",
        "sonos/tract, jatinchowdhury18/RTNeural",
        forwards,
    ),
    Mistake(
        "backwards-output-flipped",
        "what a go_backwards layer puts out is put back in order; Keras leaves the last timestep first",
        "leave it in the order of the walk",
        "onnx/keras-onnx#523, apache/tvm#15176",
        in_order_of_time,
        inside=False,
    ),
)
