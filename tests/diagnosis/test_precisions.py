"""A candidate that is right in another precision is told in which; a fault that is as small is not taken for one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

import rnnverify
from rnnverify.api import compare
from rnnverify.cli import main
from rnnverify.diagnosis.narrow import both, multiplying, narrow
from rnnverify.diagnosis.precisions import replayed
from rnnverify.layers.graph import Graph
from rnnverify.report.comparison import render
from rnnverify.report.records import compare_json, report_schema
from rnnverify.results import Comparison
from rnnverify.verification.claims import claims_of
from rnnverify.verification.outputs import label

N, T, D, M, K = 6, 9, 4, 11, 3
X = np.random.default_rng(3).normal(size=(N, T, D)).astype(np.float32)
LAYERS = ("LSTM", "GRU", "Dense")


def model_of(keras: Any, layer: str, dtype: str = "float32") -> Any:
    """A layer and a Dense on top of it, with random weights and biases: the same in every dtype."""
    first = keras.layers.Dense(M, activation="tanh") if layer == "Dense" else getattr(keras.layers, layer)(M)
    keras.config.set_dtype_policy(dtype)
    try:
        first = type(first).from_config({**first.get_config(), "dtype": dtype, "name": "first"})
        model = keras.Sequential([keras.Input((T, D)), first, keras.layers.Dense(K, name="second")])
    finally:
        keras.config.set_dtype_policy("float32")
    rng = np.random.default_rng(8)
    model.set_weights([rng.normal(0, 0.5, array.shape).astype(np.float32) for array in model.get_weights()])
    return model


def answer(model: Any) -> Any:
    return model.predict(X, verbose=0)


def with_weights(model: Any, change: Any, only: str = "") -> Any:
    """What Keras makes with other weights; the model has its own again afterwards."""
    own = model.get_weights()
    model.set_weights(
        [
            change(variable.name, array) if only in variable.path else array
            for variable, array in zip(model.weights, own, strict=True)
        ]
    )
    made = answer(model)
    model.set_weights(own)
    return made


def int8(name: str, array: Any) -> Any:
    scale = np.float32(np.abs(array).max() / 127)
    return array if name == "bias" else np.round(array / scale).astype(np.int8) * scale


def int8_per_channel(name: str, array: Any) -> Any:
    if name == "bias":
        return array
    scales = [np.float32(np.abs(column).max() / 127) for column in array.T]
    columns = [np.round(one / scale).astype(np.int8) * scale for one, scale in zip(array.T, scales, strict=True)]
    return np.stack(columns, axis=-1)


def bfloat16(name: str, array: Any) -> Any:
    import tensorflow as tf

    return tf.cast(tf.cast(array, tf.bfloat16), tf.float32).numpy()


FORMS = {
    "float16": lambda name, array: array.astype(np.float16).astype(np.float32),
    "bfloat16": bfloat16,
    "int8": int8,
    "int8-per-channel": int8_per_channel,
}
NAMES = {
    "float16": "float16 weights",
    "bfloat16": "bfloat16 weights",
    "int8": "int8 weights, one scale per tensor",
    "int8-per-channel": "int8 weights, one scale per output channel",
}


def told(result: Comparison) -> str:
    return "\n".join(getattr(line, "plain", "") for line in render(result))


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_keras_in_half_precision_is_told_so(keras: Any, layer: str, dtype: str) -> None:
    model, given = model_of(keras, layer), answer(model_of(keras, layer, f"mixed_{dtype}"))
    result = compare(model, given, X)
    found = result.precision
    assert result.verdict == "mismatch"  # a fault that is as small would look no worse
    assert found is not None
    assert (found.name, found.kind, found.option) == (dtype, "arithmetic", f"--candidate-dtype {dtype}")
    assert 0 < found.ratio < 1
    assert found.cost == pytest.approx(np.abs(answer(model) - given.astype(np.float64)).max(), rel=1e-2)
    assert compare(model, given, X, dtype=dtype).passed
    assert f"precision: this is {dtype} arithmetic, and right in it: every number that it gave is one of" in told(
        result
    )
    assert "no known mistake" not in told(result)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("form", FORMS)
def test_rounded_weights_are_told_and_can_be_verified(keras: Any, layer: str, form: str) -> None:
    model = model_of(keras, layer)
    given = with_weights(model, FORMS[form])
    result = compare(model, given, X, effort=0)
    found = result.precision
    assert result.verdict == "mismatch"
    assert found is not None
    assert (found.name, found.kind, found.option) == (NAMES[form], "weights", f"--candidate-weights {form}")
    assert found.ratio < 1
    right = compare(model, given, X, weights=form)
    assert right.passed
    cost = np.abs(answer(model).astype(np.float64) - given).max()
    assert right.notes[0].startswith(f"verified against {NAMES[form]}, which cost up to {cost:.1g}"[:-1])
    assert not compare(model, answer(model), X, weights=form, effort=0).passed


def test_weights_that_are_rounded_in_one_layer_are_told_with_its_name(keras: Any) -> None:
    model = model_of(keras, "LSTM")
    found = rnnverify.diagnose(model, X, with_weights(model, int8, only="first"), effort=0).precision
    assert found is not None
    assert (found.name, found.option) == ("int8 weights, one scale per tensor in first", "")


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("size", [1e-4, 1e-3, 1e-2])
def test_a_small_fault_is_no_precision(keras: Any, layer: str, size: float) -> None:
    model = model_of(keras, layer)

    def one_off(name: str, array: Any) -> Any:
        if name == "kernel":
            array = array.copy()
            array[0] *= 1 + size
        return array

    result = compare(model, with_weights(model, one_off, only="first"), X, effort=0)
    assert result.verdict == "mismatch"
    assert result.precision is None


def test_a_fault_in_half_precision_is_no_precision_alone(keras: Any) -> None:
    model, half = model_of(keras, "GRU"), model_of(keras, "GRU", "mixed_bfloat16")
    given = with_weights(half, lambda name, array: 0 * array, only="bias")
    assert compare(model, given, X, effort=0).precision is None
    assert compare(model, given, X, effort=0, dtype="bfloat16").diagnosis.tied == ("bias-missing",)  # type: ignore[union-attr]


def test_a_known_mistake_goes_first(keras: Any) -> None:
    model = model_of(keras, "LSTM")
    result = compare(model, with_weights(model, lambda name, array: 0 * array, only="bias"), X, effort=0)
    assert result.diagnosis is not None
    assert "bias-missing" in result.diagnosis.tied
    assert result.precision is None


def cut(array: Any) -> Any:
    """As a matrix unit reads float32 in TF32: 13 of the 23 bits are not looked at."""
    return (np.ascontiguousarray(array).view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)


def gru_in_tf32(model: Any) -> Any:
    W, U, (b, r), V, d = model.get_weights()
    h = np.zeros((N, M), np.float32)
    one = np.float32(1)
    for t in range(T):
        zx, zh = cut(X[:, t]) @ cut(W) + b, cut(h) @ cut(U) + r
        z, reset = (one / (one + np.exp(-(zx + zh)[:, k * M : (k + 1) * M])) for k in (0, 1))
        h = z * h + (one - z) * np.tanh(zx[:, 2 * M :] + reset * zh[:, 2 * M :])
    return cut(h) @ cut(V) + d


def test_products_in_tf32_are_told_and_can_be_verified(keras: Any) -> None:
    model = model_of(keras, "GRU")
    given = gru_in_tf32(model)
    result = compare(model, given, X, effort=0)
    assert result.verdict == "mismatch"
    assert result.precision is not None
    assert (result.precision.name, result.precision.kind) == ("tf32", "arithmetic")
    assert result.precision.evidence.startswith("a replay that rounds to tf32 what it multiplies leaves ")
    assert compare(model, given, X, dtype="tf32").passed


def test_outputs_that_were_rounded_when_they_were_stored_are_no_arithmetic(keras: Any) -> None:
    model = model_of(keras, "LSTM")
    found = compare(model, answer(model).astype(np.float16), X, effort=0).precision
    assert found is not None
    assert (found.name, found.kind, found.option) == ("float16 outputs", "outputs", "")
    assert 0.1 < found.ratio <= 1


def test_float32_in_place_of_float64_is_told(keras: Any) -> None:
    model = model_of(keras, "LSTM")
    found = compare(model, answer(model), X, effort=0, dtype="float64").precision
    assert found is not None
    assert (found.name, found.kind) == ("float32", "arithmetic")


def test_weights_that_every_form_holds_could_not_show_it(keras: Any) -> None:
    model = model_of(keras, "GRU")
    forms = {"half-precision-weights/float16", "half-precision-weights/bfloat16", "half-precision-weights/tf32"}
    assert not forms & set(rnnverify.diagnose(model, X, answer(model)).untested)
    model.set_weights([np.round(8 * array) / 8 for array in model.get_weights()])
    assert forms <= set(rnnverify.diagnose(model, X, answer(model)).untested)


def test_the_precision_in_json(keras: Any) -> None:
    model = model_of(keras, "Dense")
    schema = report_schema()
    schema = {**schema["$defs"]["candidate"], "$defs": schema["$defs"]}
    for given, name in ((with_weights(model, int8), NAMES["int8"]), (answer(model), None)):
        record = json.loads(compare_json(compare(model, given, X, effort=0)))
        del record["rnnverify"]
        jsonschema.validate(record, schema)
        assert (record["precision"] or {}).get("name") == name


def test_the_options_of_the_command_line(keras: Any, tmp_path: Path) -> None:
    model = model_of(keras, "GRU")
    (tmp_path / "spec.yaml").write_text("model: model.keras\nN: 5\nseed: 4\n")
    model.save(tmp_path / "model.keras")
    inputs = rnnverify.observe(rnnverify.load_spec(f"{tmp_path}/spec.yaml")).inputs
    (x,) = inputs.values()
    own = model.get_weights()
    model.set_weights([int8(variable.name, array) for variable, array in zip(model.weights, own, strict=True)])
    np.save(tmp_path / "int8.npy", model.predict(x, verbose=0))

    def asked(*options: str) -> Any:
        given = ["compare", f"{tmp_path}/spec.yaml", "--candidate", f"{tmp_path}/int8.npy", "--effort", "0", *options]
        return CliRunner().invoke(main, given)

    assert "--candidate-weights int8 verifies against that" in asked().output
    right = asked("--candidate-weights", "int8")
    assert right.exit_code == 0
    assert "note: verified against int8 weights, one scale per tensor, which cost up to" in right.output
    assert asked("--candidate-weights", "int8-per-channel").exit_code == 1


def test_narrow_arrays_round_what_they_multiply_and_nothing_else() -> None:
    weights = narrow(np.array([[1 + 2.0**-12, 3.0]]), both(np.round))
    assert np.array([[2.25]]) @ weights == pytest.approx(np.array([[2.0, 6.0]]), abs=0)
    assert (weights * 2.25).tolist() == [[2.25 + 2.25 * 2.0**-12, 6.75]]
    made = np.concatenate([weights, weights])  # what comes of it is narrow, too
    assert (np.array([[0.4, 0.6]]) @ made).tolist() == [[1.0, 3.0]]


def test_a_form_of_weights_that_is_none(keras: Any) -> None:
    with pytest.raises(rnnverify.RequestError, match=r"the candidate's weights to be one of float16, .*, got 'int4'"):
        compare(model_of(keras, "Dense"), np.zeros((N, K)), X, weights="int4")


@pytest.mark.parametrize("layer", ["LSTM", "GRU", "ConvLSTM1D", "MultiHeadAttention", "LayerNormalization", "Conv1D"])
def test_the_replay_goes_through_any_layer_on_narrow_arrays(keras: Any, layer: str) -> None:
    """Where nothing is rounded it is the plain replay; where products lose all they have only biases are left."""
    x = inputs = keras.Input((T, D, 2) if layer == "ConvLSTM1D" else (T, D))
    made = {
        "ConvLSTM1D": lambda: keras.layers.ConvLSTM1D(M, 2)(x),
        "MultiHeadAttention": lambda: keras.layers.MultiHeadAttention(2, 3)(x, x),
        "LayerNormalization": lambda: keras.layers.Dense(K)(keras.layers.LayerNormalization()(x)),
        "Conv1D": lambda: keras.layers.Conv1D(M, 2)(x),
    }.get(layer, lambda: keras.layers.Bidirectional(getattr(keras.layers, layer)(M, return_sequences=True))(x))()
    observed = rnnverify.observe(
        keras.Model(inputs, made), np.random.default_rng(2).normal(size=(N, *inputs.shape[1:]))
    )
    graph = Graph(observed.nodes)
    names = {label(graph, ref): array for ref, array in zip(observed.outputs, observed.predictions, strict=True)}
    claims = claims_of(observed, graph, names).claims
    right = replayed(observed, claims)
    for same, made_so in zip(right, replayed(multiplying(observed, lambda x, w: (x, w)), claims), strict=True):
        assert np.array_equal(same, made_so)
    nothing = replayed(multiplying(observed, lambda x, w: (0 * x, 0 * w)), claims)
    assert not any(np.allclose(one, other) for one, other in zip(right, nothing, strict=True))
