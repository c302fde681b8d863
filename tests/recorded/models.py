"""Models of every kind of walk, mask, merge, precision and range, with weights and data of their own, to be recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from tests.rounding.test_orders import KERNELS

N, T, D = 3, 7, 2
TURNS = [0.0, 0.5, 1.0, 3.0, 6.0, 0.25, 2.0, 20.0]  # where an activation changes its branch

Built = tuple[Any, list[Array]]  # a model, and what it is fed


def drawn(*shape: int) -> Array:
    return np.random.default_rng(3).standard_normal(shape).astype(np.float32)


def stack(keras: Any) -> Built:
    L, given = keras.layers, keras.Input((T, D))
    y = L.SimpleRNN(5, return_sequences=True)(given)
    y = L.LSTM(6, return_sequences=True)(y)
    y = L.GRU(3, return_sequences=True)(y)
    return keras.Model(given, L.TimeDistributed(L.Dense(4, activation="softmax"), name="head")(y)), [drawn(N, T, D)]


def gated(keras: Any) -> Built:
    L, given = keras.layers, keras.Input((T, D))
    y = L.GRU(6, return_sequences=True)(L.LSTM(5, return_sequences=True)(given))
    return keras.Model(given, L.Dense(4)(y)), [drawn(N, T, D)]


def masked(keras: Any) -> Built:
    """Post-padding, pre-padding, holes, and a sample that is masked altogether."""
    L, given = keras.layers, keras.Input((9,), dtype="int32")
    y = L.Embedding(20, 6, mask_zero=True)(given)
    y = L.SimpleRNN(4, return_sequences=True, zero_output_for_mask=True)(y)
    y = L.GRU(5, return_sequences=True, reset_after=False, go_backwards=True)(y)
    y = L.LSTM(3, return_sequences=True)(y)
    y = L.Bidirectional(L.LSTM(4, return_sequences=True, return_state=True))(y)
    ids = np.random.default_rng(3).integers(1, 20, (5, 9)).astype(np.int32)
    ids[0, 6:] = ids[1, :3] = ids[2, [0, 4, 5, 8]] = ids[3] = 0
    return keras.Model(given, [L.Dense(2, name="head")(y[0]), *y[1:]]), [ids]


def states(keras: Any) -> Built:
    """States that are given and returned, with and without biases; walks that run backwards, and unrolled ones."""
    L, given, h, c = keras.layers, keras.Input((T, D)), keras.Input((5,)), keras.Input((5,))
    y = L.LSTM(5, return_sequences=True, return_state=True, name="encoder")(given, initial_state=[h, c])
    g = L.GRU(5, return_state=True, use_bias=False, go_backwards=True, name="decoder")(y[0], initial_state=y[1])
    before = L.GRU(4, reset_after=False, use_bias=False, return_sequences=True, name="before")(given)
    plain = L.SimpleRNN(5, use_bias=False, unroll=True, name="plain")(given, initial_state=h)
    without = L.LSTM(4, use_bias=False, return_state=True, name="without")(before)
    return keras.Model([given, h, c], [*y, *g, plain, *without]), [drawn(N, T, D), drawn(N, 5), drawn(1, N, 5)[0] * 0.5]


def bidirectional(keras: Any) -> Built:
    L, given, h, g = keras.layers, keras.Input((T, D)), keras.Input((3,)), keras.Input((3,))
    LSTM, GRU, RNN = L.LSTM, L.GRU, L.SimpleRNN
    outputs = [
        *L.Bidirectional(LSTM(3, return_sequences=True, return_state=True), name="concat")(given),
        L.Bidirectional(GRU(3, return_sequences=True), merge_mode="sum", name="sum")(given, initial_state=[h, g]),
        L.Bidirectional(RNN(4, return_sequences=True), merge_mode="mul", name="mul")(given),
        L.Bidirectional(GRU(5), merge_mode="ave", name="ave")(given),
        *L.Bidirectional(RNN(2, return_sequences=True), merge_mode=None, name="both")(given),
        L.Bidirectional(RNN(2), backward_layer=GRU(4, go_backwards=True), name="unlike")(given),
    ]
    return keras.Model([given, h, g], outputs), [drawn(N, T, D), drawn(N, 3), -drawn(N, 3)]


def activations(keras: Any) -> Built:
    from rnnverify.layers.activations import ACTIVATIONS

    L, given = keras.layers, keras.Input((len(TURNS),))
    names = sorted(set(ACTIVATIONS) - {"sparsemax"})
    rows = np.array([TURNS, [-turn for turn in TURNS]])
    x = np.concatenate([rows, 3 * drawn(5, len(TURNS)), 0.1 * drawn(2, len(TURNS))]).astype(np.float32)
    return keras.Model(given, [L.Activation(name, name=name)(given) for name in names]), [x]


def in_precision(dtype: str) -> Callable[[Any], Built]:
    def model(keras: Any) -> Built:
        L, given = keras.layers, keras.Input((T, D))
        plain = {"dtype": dtype, "recurrent_initializer": "glorot_uniform"}
        y = L.LSTM(4, return_sequences=True, **plain)(given)
        y = L.Bidirectional(L.GRU(3, return_sequences=True, **plain), merge_mode="sum", dtype=dtype)(y)
        return keras.Model(given, L.Dense(4, activation="softmax", dtype=dtype, name="head")(y)), [drawn(N, T, D)]

    return model


def mixed(keras: Any) -> Built:
    """Layers that round what they are handed, and a Bidirectional that rounds what is inside it."""
    L, given = keras.layers, keras.Input((T, D))
    y = L.Dense(3, name="wide")(given)
    y = L.Bidirectional(L.GRU(4, return_sequences=True), dtype="float16", name="outside")(y)
    y = L.LSTM(4, dtype="mixed_float16", return_sequences=True, name="mixed")(y)
    return keras.Model(given, L.Dense(2, dtype="float16", name="narrow")(y)), [drawn(N, T, D)]


def long(keras: Any) -> Built:
    """As many steps as it takes to see that all err to one side."""
    L, given = keras.layers, keras.Input((330, D))
    y = L.LSTM(6, return_sequences=True, name="long")(given)
    return keras.Model(given, L.Dense(3, name="head")(L.Dense(30, name="wide")(y))), [drawn(1, 330, D)]


def chaotic(keras: Any) -> Built:
    L, given = keras.layers, keras.Input((140, D))
    y = L.SimpleRNN(32, return_sequences=True, name="chaos")(given)
    return keras.Model(given, L.Dense(2, name="head")(y)), [drawn(1, 140, D)]


def ordered(keras: Any) -> Built:
    """Sums that run through terms in an order: see `rounding.orders`."""
    L, given = keras.layers, keras.Input((4, 512))
    y = L.TimeDistributed(L.Dense(8), name="dense")(given)
    flat = L.Dense(8, name="flat")(L.Flatten()(y))
    outputs = [y, flat, *(getattr(L, name)(6, name=name)(given) for name in ("SimpleRNN", "LSTM"))]
    return keras.Model(given, outputs), [20 + drawn(2, 4, 512)]


def overflowing(keras: Any) -> Built:
    L, given = keras.layers, keras.Input((T, D))
    y = L.SimpleRNN(12, activation="relu", return_sequences=True, dtype="float16", name="over")(given)
    return keras.Model(given, L.Dense(3, activation="softmax", dtype="float16", name="head")(y)), [1e4 * drawn(N, T, D)]


def unheeded(keras: Any) -> Built:
    """A mask that Keras does not hand to a call with an initial state."""
    L, given, h = keras.layers, keras.Input((5,), dtype="int32"), keras.Input((4,))
    between = L.Dense(3, name="between")(L.Embedding(9, 2, mask_zero=True)(given))
    heeding = L.SimpleRNN(3, name="heeding")(between)
    y = L.GRU(4, return_sequences=True, name="unheeding")(between, initial_state=h)
    ids = np.array([[3, 1, 0, 0, 0], [2, 4, 5, 8, 0]], np.int32)
    outputs = [L.Bidirectional(L.SimpleRNN(2), name="last")(y), L.RepeatVector(3)(heeding)]
    return keras.Model([given, h], outputs), [ids, drawn(2, 4)]


def merged(keras: Any) -> Built:
    """Operations of which a compiler makes one, see `verification.merged`, and some that are like them and are none."""
    L, ops, given = keras.layers, keras.ops, keras.Input((5, 4))
    x, one = ops.abs(given), ops.ones_like(given)
    halved = L.Dense(3, dtype="float16", name="halved")(given)
    outputs = {
        "log(1 + x)": ops.log(1 + x),
        "log of an Add": ops.log(L.Add()([x, one])),
        "log of a Rescaling": ops.log(L.Rescaling(0.5, [1.0, 4.0, 1.0, 3.0])(x)),
        "exp(x) - 1": ops.exp(given) - 1,
        "Subtract": L.Subtract()([L.Activation("exponential")(given), one]),
        "y / sqrt(x)": given / ops.sqrt(x),
        "y / sqrt(x) by its name": ops.divide(given, ops.sqrt(x)),
        "1 / x": 1 / given,
        "log(2 + x)": ops.log(2 + x),
        "log(x + given)": ops.log(L.Add()([x, given]) + 3),
        "1 - exp(x)": 1 - ops.exp(given),
        "exp(x) - 2": ops.exp(given) - 2,
        "x - 1": x - 1,
        "sqrt(x) / 3": ops.sqrt(x) / 3,
        "cast": L.Subtract(dtype="float32")(
            [L.Activation("exponential", dtype="float16")(halved), ops.ones_like(halved)]
        ),
    }
    return keras.Model(given, list(outputs.values())), [drawn(6, 5, 4)]


def in_common(keras: Any) -> Built:
    """Sums of numbers that are all off by the same: see `rounding.correlation`."""
    given = keras.Input((40, 32))
    x = np.random.default_rng(4).standard_normal((2, 40, 32)).astype(np.float32)
    return keras.Model(given, keras.layers.MultiHeadAttention(1, 32, name="heads")(given, given)), [x]


def faulty(keras: Any) -> Built:
    """An activation that Keras computes wrongly."""
    L, given = keras.layers, keras.Input((T, D))
    y = L.Dense(4, name="before")(given)
    y = L.TimeDistributed(L.Dense(4, activation="sparsemax"), name="wrapped")(y)
    return keras.Model(given, y), [2 * drawn(N, T, D)]


MODELS: dict[str, Callable[[Any], Built]] = {
    "stack": stack,
    "gated": gated,
    "masked": masked,
    "states": states,
    "bidirectional": bidirectional,
    "activations": activations,
    **{dtype: in_precision(dtype) for dtype in ("float16", "bfloat16", "float64")},
    "mixed": mixed,
    "long": long,
    "chaotic": chaotic,
    "ordered": ordered,
    "overflowing": overflowing,
    "unheeded": unheeded,
    "merged": merged,
    "in_common": in_common,
    "faulty": faulty,
}
SCALES = {"chaotic": 4.0, "overflowing": 30.0}


def with_weights(name: str, model: Any) -> Any:
    """Every weight drawn, biases too; kernels in an order where the model is of such."""
    rng = np.random.default_rng(7)
    for weight in model.weights:
        fan = weight.shape[0] if len(weight.shape) == 2 else 4
        values = SCALES.get(name, 1.0) * rng.standard_normal(weight.shape) / np.sqrt(fan)
        if name == "ordered" and weight.shape[0] == 512:
            values = KERNELS["cosine"](512)[:, np.newaxis] * np.linspace(0.5, 1, weight.shape[1]) / np.sqrt(512)
        if name == "in_common":
            values = np.full(weight.shape, 1 / 3 if len(weight.shape) > 2 else 0)
        weight.assign(values)
    return model
