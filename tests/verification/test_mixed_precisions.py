"""Layers of several precisions in one model: each rounds what it is handed to its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnnverify import verify
from rnnverify.errors import UnsupportedError

T, D = 5, 3
WIDER = {"float16": "float32", "bfloat16": "float64", "float32": "float64"}
RNN = {"recurrent_initializer": "glorot_uniform"}  # TensorFlow has no orthogonal matrices in bfloat16

# What stands behind a Dense in a wider precision.
BEHIND: dict[str, Callable[[Any, str, Any], Any]] = {
    "Activation": lambda L, dtype, x: L.Activation("relu", dtype=dtype)(x),
    "Concatenate": lambda L, dtype, x: L.Concatenate(dtype=dtype)([x, L.Dense(3, dtype="float16")(x)]),
    "Flatten": lambda L, dtype, x: L.Flatten(dtype=dtype)(x),
    "Dropout": lambda L, dtype, x: L.Dropout(0.2, dtype=dtype)(x),
    "Masking": lambda L, dtype, x: L.LSTM(4, dtype=dtype, **RNN)(L.Masking(dtype=dtype)(x)),
    "RepeatVector": lambda L, dtype, x: L.RepeatVector(2, dtype=dtype)(L.Flatten()(x)),
    "LSTM": lambda L, dtype, x: L.LSTM(4, dtype=dtype, **RNN)(x),
    "inside Bidirectional": lambda L, dtype, x: L.Bidirectional(L.LSTM(4, dtype=dtype, **RNN))(x),
    "Bidirectional": lambda L, dtype, x: L.Bidirectional(L.GRU(4, return_sequences=True), dtype=dtype)(x),
    "Bidirectional sum": lambda L, dtype, x: L.Bidirectional(L.GRU(4), merge_mode="sum", dtype=dtype)(x),
    "initial state": lambda L, dtype, x: L.GRU(4, dtype=dtype, **RNN)(x, initial_state=L.Dense(4)(L.Flatten()(x))),
}


@pytest.mark.parametrize("dtype", WIDER)
@pytest.mark.parametrize("name", BEHIND)
def test_a_layer_rounds_what_it_is_handed(keras: Any, name: str, dtype: str) -> None:
    L, rng = keras.layers, np.random.default_rng(20261125)
    given = keras.Input((T, D))
    model = keras.Model(given, BEHIND[name](L, dtype, L.Dense(2, dtype=WIDER[dtype])(given)))
    for weight in model.weights:
        weight.assign(0.5 * rng.standard_normal(weight.shape))
    result = verify(model, rng.standard_normal((4, T, D)).astype(np.float32))
    assert result.passed, result.first_divergence
    for row in result.outputs:  # end to end, too
        assert row.max_abs_error <= 8 * row.expected_error


def test_bfloat16_numbers_beyond_float16_s_range_are_infinite_in_it(keras: Any) -> None:
    L, given = keras.layers, keras.Input((D,))
    model = keras.Model(given, L.Activation("relu", dtype="float16")(L.Dense(2, dtype="bfloat16")(given)))
    model.set_weights([np.full((D, 2), 1e5), np.zeros(2)])
    result = verify(model, np.ones((1, D), np.float32))
    assert result.verdict == "untested"  # of an infinity no change can be seen
    assert result.outputs[0].keras == result.outputs[0].replay == np.inf


def test_directions_of_different_precisions_are_refused(keras: Any) -> None:
    L, given = keras.layers, keras.Input((T, D))
    forward, backward = L.LSTM(4, dtype="float16"), L.LSTM(4, go_backwards=True)
    model = keras.Model(given, L.Bidirectional(forward, backward_layer=backward)(given))
    with pytest.raises(UnsupportedError, match="computes in float16 and backward_layer in float32"):
        verify(model, np.ones((1, T, D), np.float32))


@pytest.mark.parametrize(
    ("outer", "inner"), [("float16", "float32"), ("float32", "bfloat16"), ("mixed_float16", "float32")]
)
def test_a_time_distributed_of_another_precision_than_the_layer_inside_is_refused(
    keras: Any, outer: str, inner: str
) -> None:
    L, given = keras.layers, keras.Input((T, D))
    model = keras.Model(given, L.TimeDistributed(L.Dense(4, dtype=inner), dtype=outer)(given))
    with pytest.raises(UnsupportedError, match=r"and the layer inside in .*give both the same dtype"):
        verify(model, np.ones((1, T, D), np.float32))
