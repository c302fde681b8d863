"""Cells and layers of the user's own, whose arithmetic is registered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.errors import RequestError
from rnnverify.layers.activations import sigmoid
from rnnverify.layers.registered import REGISTERED
from tests.layers.against_keras import draw

N, T, D, M = 3, 6, 4, 5


@pytest.fixture(autouse=True)
def nothing_else_is_registered() -> Iterator[None]:
    before = dict(REGISTERED)
    REGISTERED.clear()
    yield
    REGISTERED.clear()
    REGISTERED.update(before)


def peephole(x: Any, states: Any, weights: Any, config: Any) -> Any:
    """An LSTM of which the gates read c, too (Gers & Schmidhuber 2000)."""
    h, c = states
    kernel, recurrent, peep, bias = weights
    i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4, axis=-1)
    i, f = sigmoid(i + c * peep[0]), sigmoid(f + c * peep[1])
    c = f * c + i * np.tanh(g)
    h = sigmoid(o + c * peep[2]) * np.tanh(c)
    return h, [h, c]


def peephole_cell(keras: Any) -> Any:
    ops = keras.ops

    class Peephole(keras.Layer):  # type: ignore[misc]
        def __init__(self, units: int, **options: Any) -> None:
            super().__init__(**options)
            self.units = units
            self.state_size = [units, units]
            self.output_size = units

        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(shape=(shape[-1], 4 * self.units), name="kernel")
            self.recurrent = self.add_weight(shape=(self.units, 4 * self.units), name="recurrent_kernel")
            self.peep = self.add_weight(shape=(3, self.units), name="peephole")
            self.bias = self.add_weight(shape=(4 * self.units,), name="bias")

        def call(self, x: Any, states: Any) -> Any:
            h, c = states
            z = ops.matmul(x, self.kernel) + ops.matmul(h, self.recurrent) + self.bias
            i, f, g, o = ops.split(z, 4, axis=-1)
            i, f = ops.sigmoid(i + c * self.peep[0]), ops.sigmoid(f + c * self.peep[1])
            c = f * c + i * ops.tanh(g)
            h = ops.sigmoid(o + c * self.peep[2]) * ops.tanh(c)
            return h, [h, c]

    return Peephole


def leaky_cell(keras: Any) -> Any:
    """What it puts out is none of its states, and it starts from ones."""
    ops = keras.ops

    class Leaky(keras.Layer):  # type: ignore[misc]
        def __init__(self, units: int, leak: float = 0.25, **options: Any) -> None:
            super().__init__(**options)
            self.units, self.leak = units, leak
            self.state_size = units

        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")

        def get_initial_state(self, batch_size: Any = None) -> Any:
            return [ops.ones((batch_size, self.units), dtype=self.compute_dtype)]

        def call(self, x: Any, states: Any) -> Any:
            (v,) = states
            v = v + self.leak * (ops.matmul(x, self.kernel) - v)
            return ops.square(v) - 1, [v]

    return Leaky


def leaky(x: Any, states: Any, weights: Any, config: Any) -> Any:
    (v,) = states
    v = v + config.get("leak", 0.25) * (x @ weights[0] - v)
    return np.square(v) - 1, [v]


def model_of(keras: Any, *layers: Any) -> Any:
    inputs = keras.Input((T, D))
    y = inputs
    for layer in layers:
        y = layer(y)
    model = keras.Model(inputs, y)
    rng = np.random.default_rng(3)
    model.set_weights([draw(rng, *w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def inputs(seed: int = 4) -> Any:
    return draw(np.random.default_rng(seed), N, T, D).astype(np.float32)


def masked_inputs() -> Any:
    x = inputs()
    x[0, 3:], x[1, :2], x[2, 2] = 0, 0, 0
    return x


def test_a_cell_is_verified_step_by_step(keras: Any) -> None:
    rnnverify.register("Peephole", peephole)
    model = model_of(keras, keras.layers.RNN(peephole_cell(keras)(M), return_sequences=True, return_state=True))
    result = rnnverify.verify(model, inputs())
    assert result.verdict == "match"
    assert 0 < result.layers[0].worst_ratio < 1
    assert result.layers[0].resolution["1e-3"] > 0.9
    assert [output.output.partition("[")[0] for output in result.outputs[::M]]


@pytest.mark.parametrize("wrapped", ["plain", "backwards", "masked", "zeroed", "bidirectional", "stacked"])
@pytest.mark.parametrize("cell", ["Peephole", "Leaky"])
def test_wherever_keras_takes_a_cell(keras: Any, cell: str, wrapped: str) -> None:
    rnnverify.register("Peephole", peephole)
    rnnverify.register("Leaky", leaky)
    layers, kind = keras.layers, {"Peephole": peephole_cell, "Leaky": leaky_cell}[cell](keras)
    with keras.saving.custom_object_scope(
        {cell: kind}
    ):  # a Bidirectional makes its second layer of the first one's config
        walk = {
            "plain": lambda: layers.RNN(kind(M), return_state=True),
            "backwards": lambda: layers.RNN(kind(M), return_sequences=True, go_backwards=True),
            "masked": lambda: layers.RNN(kind(M), return_sequences=True, return_state=True),
            "zeroed": lambda: layers.RNN(kind(M), return_sequences=True, zero_output_for_mask=True),
            "bidirectional": lambda: layers.Bidirectional(layers.RNN(kind(M), return_sequences=True)),
            "stacked": lambda: layers.RNN([kind(M), layers.LSTMCell(3), kind(2)], return_state=True),
        }[wrapped]()
    model = model_of(keras, layers.Masking(), walk)
    result = rnnverify.verify(model, inputs() if wrapped == "plain" else masked_inputs())
    assert result.verdict == "match", str(result)


def test_a_wrong_function_is_a_mismatch_in_its_place(keras: Any) -> None:
    def wrong(x: Any, states: Any, weights: Any, config: Any) -> Any:
        h, (_, c) = peephole(x, states, weights, config)
        return h, [h, c * (1 + 1e-4)]

    rnnverify.register("Peephole", wrong)
    cells = [keras.layers.GRUCell(4), peephole_cell(keras)(M), keras.layers.SimpleRNNCell(2)]
    result = rnnverify.verify(model_of(keras, keras.layers.RNN(cells, name="deep")), inputs())
    assert result.verdict == "mismatch"
    assert result.first_divergence is not None
    assert (result.first_divergence.layer, result.first_divergence.timestep) == ("deep", 0)
    assert result.first_divergence.residual < 1e-3


def test_its_port_is_told_which_mistake_it_makes(keras: Any) -> None:
    rnnverify.register("Leaky", leaky)
    model = model_of(keras, keras.layers.RNN(leaky_cell(keras)(M), return_sequences=True, name="leaky"))

    def port(x: Any, weights: Any) -> Any:
        v, made = np.ones(M), np.zeros((N, T, M))
        for n in range(N):  # v is never reset
            for t in range(T):
                v = v + 0.25 * (x[n, t] @ weights["leaky"][0] - v)
                made[n, t] = v**2 - 1
        return made

    found = rnnverify.compare(model, port, inputs())
    assert not found.passed
    assert found.diagnosis.mistakes[0].id == "state-carried-across-samples"


def test_a_right_port_of_it_matches(keras: Any) -> None:
    rnnverify.register("Leaky", leaky)
    model = model_of(keras, keras.layers.RNN(leaky_cell(keras)(M), return_sequences=True, name="leaky"))

    def port(x: Any, weights: Any) -> Any:
        made = []
        for sequence in x.astype(np.float32):
            v = np.ones(M, np.float32)
            for step in sequence:
                v = v + np.float32(0.25) * (step @ weights["leaky"][0] - v)
                made.append(v * v - 1)
        return np.reshape(made, (N, T, M))

    found = rnnverify.compare(model, port, inputs())
    assert found.passed, str(found)
    assert all(
        0 < output.max_abs_error < 12 * output.expected_error for output in rnnverify.verify(model, inputs()).outputs
    )


def test_a_mistake_in_one_cell_of_a_stack_is_named(keras: Any) -> None:
    cells = [keras.layers.GRUCell(4), keras.layers.LSTMCell(M)]
    model = model_of(keras, keras.layers.RNN(cells, return_sequences=True, name="deep"))

    def port(x: Any, weights: Any) -> Any:
        right = [np.array(w) for w in weights["deep"]]
        for index, array in enumerate(right[3:], 3):
            i, f, c, o = np.split(array, 4, axis=-1)
            right[index] = np.concatenate([f, i, c, o], axis=-1)
        twin = model_of(
            keras, keras.layers.RNN([keras.layers.GRUCell(4), keras.layers.LSTMCell(M)], return_sequences=True)
        )
        twin.set_weights(right)
        return twin.predict(x, verbose=0)

    assert rnnverify.compare(model, port, inputs()).diagnosis.mistakes[0].id == "lstm-gate-order/f-i-c-o"


def test_every_gate_and_state_of_a_stack_is_traced(keras: Any) -> None:
    rnnverify.register("Leaky", leaky)
    layers = keras.layers
    lower, upper = layers.RNN(leaky_cell(keras)(M), return_sequences=True), layers.GRU(4, return_sequences=True)
    apart = model_of(keras, layers.Masking(), lower, upper)
    stack = layers.RNN([leaky_cell(keras)(M), layers.GRUCell(4)], return_sequences=True, name="deep")
    whole = model_of(keras, layers.Masking(), stack)
    whole.set_weights(apart.get_weights())
    found, expected = (rnnverify.trace(model, masked_inputs()) for model in (whole, apart))
    assert set(found["deep"]) == {
        *(f"cell_0_{name}" for name in ("output", "state")),
        *(f"cell_1_{name}" for name in ("z", "r", "h~", "h")),
        "output",
    }
    np.testing.assert_array_equal(found["deep"]["cell_0_state"], expected[lower.name]["state"])
    for name in ("z", "r", "h~", "h"):
        np.testing.assert_array_equal(found["deep"][f"cell_1_{name}"], expected[upper.name][name])


def test_a_layer_without_a_walk(keras: Any) -> None:
    class Scale(keras.Layer):  # type: ignore[misc]
        def build(self, shape: Any) -> None:
            self.factor = self.add_weight(shape=(shape[-1],), name="factor")

        def call(self, x: Any) -> Any:
            return keras.ops.sin(x) * self.factor

    model = model_of(keras, Scale(name="scale"), keras.layers.LSTM(M))
    with pytest.raises(RequestError, match=r"the class Scale has no replay .*rnnverify.register\('Scale', ...\)"):
        rnnverify.verify(model, inputs())
    rnnverify.register("Scale", lambda x, weights, config: np.sin(x) * weights[0])
    assert rnnverify.verify(model, inputs()).verdict == "match"
    rnnverify.register("Scale", lambda x, weights, config: np.sin(x) * weights[0] * (1 + 1e-5))
    result = rnnverify.verify(model, inputs())
    assert result.first_divergence is not None
    assert result.first_divergence.layer == "scale"


@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning")
@pytest.mark.parametrize("supports", [True, False])
def test_a_mask_behind_a_layer_goes_on_where_keras_hands_it_on(keras: Any, supports: bool) -> None:
    class Halved(keras.Layer):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.supports_masking = supports

        def call(self, x: Any) -> Any:
            return x * 0.5

    rnnverify.register("Halved", lambda x, weights, config: x * 0.5)
    layers = keras.layers
    model = model_of(keras, layers.Masking(), Halved(), layers.GRU(M))
    assert rnnverify.verify(model, masked_inputs()).verdict == "match"


@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning")
def test_a_mask_is_given_to_a_function_that_asks_for_it(keras: Any) -> None:
    class Kept(keras.Layer):  # type: ignore[misc]
        def call(self, x: Any, mask: Any = None) -> Any:
            return x + keras.ops.cast(mask, x.dtype)[:, :, None]

    rnnverify.register("Kept", lambda x, weights, config, mask: np.where(mask[..., np.newaxis], x + 1, x))
    model = model_of(keras, keras.layers.Masking(), Kept())
    assert rnnverify.verify(model, masked_inputs()).verdict == "match"


def test_it_is_replayed_from_a_saved_observation(keras: Any, tmp_path: Path) -> None:
    rnnverify.register("Leaky", leaky)
    model = model_of(keras, keras.layers.RNN(leaky_cell(keras)(M), return_sequences=True))
    path = tmp_path / "seen.npz"
    rnnverify.save_observation(rnnverify.observe(model, inputs()), path)
    assert rnnverify.verify(path).verdict == "match"
    REGISTERED.clear()
    with pytest.raises(RequestError, match=r"the cell Leaky has no replay \(rnnverify.register\('Leaky', ...\)"):
        rnnverify.verify(path)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda x, s, w, c: (np.arctan(x @ w[0]), s), "of np.arctan it is not known here how far rounding may take it"),
        (lambda x, s, w, c: (np.median(x, axis=-1), s), "of np.median it is not known here"),
        (lambda x, s, w, c: (np.asarray(x) * 1.0, s), "the output has lost how far rounding may take it"),
        (lambda x, s, w, c: x, r"expected \(output, new_states\), got one in the shape"),
        (lambda x, s, w, c: (x, [x]), r"expected a new state in the shape \(\d+, 5\), as before the step"),
        (lambda x, s, w, c: (x, []), "expected 1 new states, got 0"),
        (lambda x, s, w, c: (s[0].sum(), s), "expected the output as an array with|has lost|it raises"),
        (lambda x, s, w, c, more: (x, s), "it raises TypeError"),
        (lambda x, s, w, c: 1 / 0, "it raises ZeroDivisionError: division by zero"),
    ],
)
def test_what_a_function_may_not_do_is_said(keras: Any, made: Any, message: str) -> None:
    rnnverify.register("Leaky", made)
    model = model_of(keras, keras.layers.RNN(leaky_cell(keras)(M)))
    with pytest.raises(RequestError, match=f"^the function registered for Leaky: .*({message})"):
        rnnverify.verify(model, inputs())


@pytest.mark.parametrize(
    ("name", "function", "message"),
    [
        ("LSTM", leaky, "LSTM has a replay already"),
        ("StackedRNNCells", leaky, "StackedRNNCells has a replay already"),
        ("a cell", leaky, "expected the name of a class"),
        (3, leaky, "expected the name of a class"),
        ("Leaky", 3, "expected a function step"),
    ],
)
def test_what_cannot_be_registered_is_said(name: Any, function: Any, message: str) -> None:
    with pytest.raises(RequestError, match=f"^register: {message}"):
        rnnverify.register(name, function)


def test_the_config_may_be_left_away(keras: Any) -> None:
    rnnverify.register("Leaky", lambda x, states, weights: leaky(x, states, weights, {}))
    assert rnnverify.verify(model_of(keras, keras.layers.RNN(leaky_cell(keras)(M))), inputs()).verdict == "match"


def test_the_cells_of_keras_own_tests_are_ones_own(keras: Any) -> None:
    from keras.src.layers.rnn.rnn_test import OneStateRNNCell

    rnnverify.register("OneStateRNNCell", lambda x, s, w: (x @ w[0] + s[0] @ w[1],) * 2)
    cells = [OneStateRNNCell(4), OneStateRNNCell(3)]
    assert rnnverify.verify(model_of(keras, keras.layers.RNN(cells)), inputs()).verdict == "match"


def test_a_cell_that_cannot_be_saved(keras: Any) -> None:
    kind = leaky_cell(keras)

    class Leaky(kind):  # type: ignore[misc,valid-type]
        def get_config(self) -> Any:
            raise NotImplementedError

    rnnverify.register("Leaky", leaky)
    model = model_of(keras, keras.layers.RNN(Leaky(M)))
    assert rnnverify.verify(model, inputs()).verdict == "match"


def test_samples_that_start_from_different_states_are_refused(keras: Any) -> None:
    kind = leaky_cell(keras)

    class Leaky(kind):  # type: ignore[misc,valid-type]
        def get_initial_state(self, batch_size: Any = None) -> Any:
            return [keras.ops.cumsum(keras.ops.ones((batch_size, self.units)), axis=0)]

    rnnverify.register("Leaky", leaky)
    with pytest.raises(RequestError, match="the cell Leaky: expected the same initial state for every sample"):
        rnnverify.verify(model_of(keras, keras.layers.RNN(Leaky(M))), inputs())


def test_two_weights_of_one_name_are_two(keras: Any) -> None:
    ops = keras.ops

    class Twice(keras.Layer):  # type: ignore[misc]
        state_size = 3

        def build(self, shape: Any) -> None:
            self.first = self.add_weight(shape=(shape[-1], 3), name="w")
            self.second = self.add_weight(shape=(3, 3), name="w")

        def call(self, x: Any, states: Any) -> Any:
            h = ops.tanh(ops.matmul(x, self.first) + ops.matmul(states[0], self.second))
            return h, [h]

    def step(x: Any, states: Any, weights: Any) -> Any:
        h = np.tanh(x @ weights[0] + states[0] @ weights[1])
        return h, [h]

    rnnverify.register("Twice", step)
    model = model_of(keras, keras.layers.RNN([Twice(), keras.layers.GRUCell(2)]))
    seen = rnnverify.observe(model, inputs())
    assert [one.shape for one in seen.nodes[0].weights.values()][:2] == [(D, 3), (3, 3)]
    assert rnnverify.verify(model, inputs()).passed
