"""Keras's exporters and its other backends, with the bugs that they have today: see `engines` in pyproject.toml for versions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.api.own_model import Export, OwnModel
from rnnverify.diagnosis.task import task_of, walks_of
from rnnverify.errors import RequestError
from rnnverify.layers.graph import Graph
from rnnverify.verification.claimed import judge_claims
from rnnverify.verification.claims import claims_of
from tests.candidates.test_engines import lstm as one_lstm
from tests.candidates.test_engines import written
from tests.layers.against_keras import draw

N, T, D, M = 3, 5, 4, 2
PATIENCE = 300.0  # seconds: to import another backend takes a while on a busy machine


def needs(*packages: str) -> None:
    for package in packages:
        pytest.importorskip(package)


def drawn(model: Any) -> Any:
    rng = np.random.default_rng(1)
    model.set_weights([draw(rng, *w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def recurrent(keras: Any, layer: str, steps: int | None = T, **options: Any) -> Any:
    inputs = keras.Input((steps, D), name="x")
    return drawn(keras.Model(inputs, getattr(keras.layers, layer)(M, name="rnn", **options)(inputs)))


def stateful(keras: Any, layer: str) -> Any:
    inputs = keras.Input((T, D), batch_size=N, name="x")
    return drawn(keras.Model(inputs, getattr(keras.layers, layer)(M, name="rnn", stateful=True)(inputs)))


def inputs() -> Any:
    return draw(np.random.default_rng(2), N, T, D).astype(np.float32)


def two_calls() -> list[Any]:
    return [inputs(), inputs()[::-1].copy()]


def compared(model: Any, candidate: str, x: Any) -> Any:
    return rnnverify.compare(model, candidate, x, timeout=PATIENCE)


def ids_of(found: Any) -> list[str]:
    return [one.id for one in found.diagnosis.mistakes if one.explains]


@pytest.mark.parametrize(
    ("backend", "layer"), [("numpy", "LSTM"), ("jax", "LSTM"), ("torch", "LSTM"), ("torch", "GRU")]
)
def test_every_step_of_another_backend_is_verified(keras: Any, backend: str, layer: str) -> None:
    needs(backend)
    model = recurrent(keras, layer, return_state=True)
    if layer == "GRU":  # the same as a Sequential
        model = keras.Sequential([keras.Input((T, D)), keras.layers.GRU(M, return_sequences=True, name="rnn")])
        model = drawn(model)
    found = compared(model, f"backend:{backend}", inputs())
    assert found.passed, str(found)
    assert found.by_step == ("rnn",)
    given = {row.output for row in found.outputs}
    assert ({"rnn.h after every step[0]", "rnn.c after every step[0]"} if layer == "LSTM" else {"rnn.h[0]"}) <= given
    verdicts = {one.probe: one.verdict for one in found.probes}
    assert verdicts["N=1"] == verdicts[f"N={2 * N}"] == verdicts["samples in another order"] == "match"
    assert "mismatch" not in verdicts.values()  # some refuse another T than the model's


def test_keras_on_jax_loses_the_state_between_calls(keras: Any) -> None:
    needs("jax")
    found = compared(stateful(keras, "GRU"), "backend:jax", two_calls())
    assert not found.passed
    assert ids_of(found) == ["state-lost-between-calls"]
    assert found.first_divergence.layer == "rnn"
    assert compared(stateful(keras, "GRU"), "backend:numpy", two_calls()).passed
    assert compared(recurrent(keras, "GRU"), "backend:jax", inputs()).passed


def test_an_export_on_torch_computes_the_first_step_only_where_timesteps_are_open(keras: Any) -> None:
    """As of Keras 3.15."""
    needs("torch", "onnxscript", "onnxruntime")
    found = compared(recurrent(keras, "GRU", None), "export:onnx@torch", inputs())
    assert ids_of(found) == ["only-first-step"]
    assert found.first_divergence.layer == "rnn"
    assert [(one.probe, one.verdict) for one in found.probes] == [("T=1", "match"), ("T=2", "mismatch")]
    whole = recurrent(keras, "LSTM", None, return_sequences=True)
    assert ids_of(compared(whole, "export:onnx@torch", inputs())) == ["only-first-step"]
    assert compared(recurrent(keras, "GRU", None), f"export:onnx@torch,T={T}", inputs()).passed
    assert compared(recurrent(keras, "GRU", T), "export:onnx@torch", inputs()).passed


@pytest.mark.parametrize("layer", ["LSTM"])
def test_an_export_by_tf2onnx_freezes_the_state(keras: Any, layer: str) -> None:
    """As of tf2onnx 1.17."""
    needs("tf2onnx", "onnxruntime")
    found = compared(stateful(keras, layer), "export:onnx", two_calls())
    assert set(ids_of(found)) == {"state-frozen-at-export"}
    assert found.first_divergence.layer == "rnn:2"
    assert any("goes on from where that call ended" in note for note in found.notes)
    assert compared(recurrent(keras, layer), "export:onnx", inputs()).passed


def test_an_export_on_torch_freezes_the_state_that_its_own_tracing_leaves(keras: Any) -> None:
    needs("torch", "onnxscript", "onnxruntime")
    found = compared(stateful(keras, "LSTM"), f"export:onnx@torch,N={N}", two_calls())
    assert not found.passed
    assert [(one.probe, one.mistakes) for one in found.probes] == [("the same call twice", ("state-frozen-at-export",))]
    without = compared(stateful(keras, "LSTM"), "export:onnx@torch", two_calls())
    assert f"export:onnx@torch,N={N} fixes the number of samples" in without.findings[0]


def test_litert_needs_a_fixed_number_of_samples(keras: Any) -> None:
    needs("ai_edge_litert")
    found = compared(recurrent(keras, "LSTM"), "export:litert", inputs())
    assert found.verdict == "mismatch"
    assert "export:litert,N=1" in found.findings[0]
    for sizes in (f"N={N}", "N=1"):
        found = compared(recurrent(keras, "LSTM"), f"export:litert,{sizes}", inputs())
        assert found.passed, str(found)
    assert f"the file takes 1 sample at a time: it was asked {N} times" in found.notes


@pytest.mark.parametrize("candidate", [f"export:litert,N={N}", f"export:onnx,N={N}"])
def test_inputs_by_name_go_where_they_belong(keras: Any, candidate: str) -> None:
    needs("ai_edge_litert", "tf2onnx", "onnxruntime")
    layers = keras.layers
    first, second = keras.Input((T, D), name="zed"), keras.Input((T, D), name="alpha")
    heads = [layers.LSTM(M)(first), layers.GRU(M)(second)]
    model = drawn(keras.Model({"zed": first, "alpha": second}, heads))
    found = compared(model, candidate, {"zed": inputs(), "alpha": -inputs()})
    assert found.passed, str(found)


def test_litert_keeps_the_state(keras: Any) -> None:
    needs("ai_edge_litert")
    found = compared(stateful(keras, "LSTM"), f"export:litert,N={N}", two_calls())
    assert found.passed, str(found)
    assert found.probes == ()  # it was called twice already


def written_for_litert(keras: Any, model: Any, path: Path, **options: Any) -> str:
    signature = [keras.InputSpec(shape=(N, T, D), dtype="float32", name="x")]
    model.export(path, format="litert", verbose=False, input_signature=signature, **options)
    return str(path)


def test_weights_in_float16_are_told_and_verified_against(keras: Any, tmp_path: Path) -> None:
    needs("ai_edge_litert")
    from tensorflow import float16, lite

    model = recurrent(keras, "LSTM")
    spec = {"supported_types": [float16], "supported_ops": [lite.OpsSet.TFLITE_BUILTINS]}
    path = written_for_litert(
        keras, model, tmp_path / "m.tflite", optimizations=[lite.Optimize.DEFAULT], target_spec=spec
    )
    found = compared(model, path, inputs())
    assert found.verdict == "mismatch"
    assert (found.precision.name, found.precision.option) == ("float16 weights", "--candidate-weights float16")
    assert found.precision.ratio < 1
    assert rnnverify.compare(model, path, inputs(), weights="float16").passed


def test_weights_in_int8_are_told_and_small_models_hide_them(keras: Any, tmp_path: Path) -> None:
    needs("ai_edge_litert")
    from tensorflow import lite

    quantised = {"optimizations": [lite.Optimize.DEFAULT]}
    inside = keras.Input((T, D), name="x")
    model = drawn(keras.Model(inside, keras.layers.LSTM(40)(inside)))
    found = compared(model, written_for_litert(keras, model, tmp_path / "large.tflite", **quantised), inputs())
    assert found.precision.name == "int8 weights, and inputs quantised in each product"
    small = recurrent(keras, "LSTM")
    assert compared(small, written_for_litert(keras, small, tmp_path / "small.tflite", **quantised), inputs()).passed


def test_keras_on_openvino_computes_in_bfloat16(keras: Any) -> None:
    """On processors that have it, others compute in float32."""
    needs("openvino")
    found = compared(recurrent(keras, "GRU"), "backend:openvino", inputs())
    assert found.passed or (found.precision.name, found.precision.kind) == ("bfloat16", "arithmetic")
    masked, inside = inputs(), keras.Input((T, D))
    masked[0, 2:] = 0.0
    model = drawn(keras.Model(inside, keras.layers.LSTM(M)(keras.layers.Masking()(inside))))
    found = compared(model, "backend:openvino", masked)  # a mask is not rounded
    assert found.passed or found.precision.name == "bfloat16"
    assert rnnverify.compare(recurrent(keras, "GRU"), "backend:openvino", inputs(), dtype="bfloat16").passed


def test_weights_that_a_conversion_to_litert_has_lost_are_told(keras: Any, tmp_path: Path) -> None:
    """As of TensorFlow 2.21: where the model itself is handed over, its weights become variables that are never written."""
    needs("ai_edge_litert")
    import tensorflow

    model = recurrent(keras, "GRU")
    called = tensorflow.function(lambda x: model(x)).get_concrete_function(
        tensorflow.TensorSpec((N, T, D), tensorflow.float32)
    )
    verdicts = {}
    for name, trackable in (("lost", (model,)), ("kept", ())):
        converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([called], *trackable)
        (tmp_path / f"{name}.tflite").write_bytes(converter.convert())
        verdicts[name] = compared(model, str(tmp_path / f"{name}.tflite"), inputs())
    assert verdicts["kept"].passed, str(verdicts["kept"])
    assert "the weights were lost when it was made" in verdicts["lost"].findings[0]


def test_onnx_reference_ignores_activations_of_an_export(keras: Any) -> None:
    """As of onnx 1.23."""
    needs("tf2onnx", "onnxruntime")
    model = recurrent(keras, "LSTM", activation="relu")
    assert compared(model, "export:onnx", inputs()).passed
    assert "activation-defaulted/activation" in ids_of(compared(model, "export:onnx:onnxref", inputs()))


def test_onnx_reference_concatenates_what_a_loop_puts_out_and_is_told_so(keras: Any) -> None:
    """As of onnx 1.23: tf2onnx makes a GRU a Loop."""
    needs("tf2onnx", "onnxruntime")
    found = compared(recurrent(keras, "GRU"), "export:onnx:onnxref", inputs())
    assert not found.passed
    assert "which ONNX's reference concatenates where it should be stacked" in " ".join(found.notes)
    assert compared(recurrent(keras, "LSTM"), "export:onnx:onnxref", inputs()).passed


def test_a_gelu_that_tf2onnx_exports_is_refused_with_the_way_out(keras: Any) -> None:
    needs("tf2onnx", "onnxruntime", "torch", "onnxscript")
    model = recurrent(keras, "GRU", activation="gelu")
    assert "export:onnx@torch" in compared(model, "export:onnx", inputs()).findings[0]
    assert compared(model, "export:onnx@torch", inputs()).passed


PORT = """
import torch

def right(weights, doubled=False):
    kernel, recurrent, bias = (torch.from_numpy(w) for w in weights["rnn"])
    made = torch.nn.LSTM(len(kernel), len(recurrent), batch_first=True)
    with torch.no_grad():
        made.weight_ih_l0.copy_(kernel.T)
        made.weight_hh_l0.copy_(recurrent.T)
        made.bias_ih_l0.copy_(bias)
        made.bias_hh_l0.copy_(bias if doubled else 0 * bias)
    return Last(made)

def wrong(weights):
    return right(weights, doubled=True)

def no_module(weights):
    return weights

class Last(torch.nn.Module):
    def __init__(self, lstm):
        super().__init__()
        self.lstm = lstm

    def forward(self, x):
        return self.lstm(x)[0][:, -1]
"""


def test_a_module_of_pytorch_made_from_the_weights(keras: Any, tmp_path: Path) -> None:
    needs("torch")
    port = tmp_path / "port.py"
    port.write_text(PORT)
    model = recurrent(keras, "LSTM")
    assert compared(model, f"torch:{port}:right", inputs()).passed
    assert ids_of(compared(model, f"torch:{port}:wrong", inputs())) == ["bias-doubled"]
    assert "expected it to return a torch.nn.Module" in compared(model, f"torch:{port}:no_module", inputs()).findings[0]
    with pytest.raises(RequestError, match="no function 'nowhere' there"):
        compared(model, f"torch:{port}:nowhere", inputs())


def test_a_spec_is_exported_with_its_own_sizes_and_weights(tmp_path: Path) -> None:
    needs("tf2onnx", "onnxruntime")
    spec = tmp_path / "s.yaml"
    spec.write_text(f"N: {N}\nT: {T}\nD: {D}\nM: {M}\nK: 3\nlayer: LSTM\ncandidate: export:onnx\n")
    found = rnnverify.verify(str(spec)).candidate  # Keras itself is no code of somebody else's
    assert found is not None
    assert found.passed, str(found)
    refused = {one.probe: one.says for one in found.probes if one.verdict == "refused"}
    assert set(refused) == {"T=1", f"T={T + 3}"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("export:tflite", "a format of onnx, litert, openvino"),
        ("export:onnx@theano", "a backend of tensorflow, jax"),
        ("export:onnx:litert", "an engine that runs such files"),
        ("export:onnx,N=0", "N=3,T=7 behind it"),
        ("backend:theano", "expected backend: and one of"),
    ],
)
def test_what_is_none_is_refused(keras: Any, text: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        rnnverify.compare(recurrent(keras, "GRU"), text, inputs())


def test_an_export_is_written_in_parts() -> None:
    made = Export.of("export:onnx@torch:onnxref,T=7,N=3")
    assert (made.form, made.backend, made.engine.prefix, made.sizes) == ("onnx", "torch", "onnxref", {"T": 7, "N": 3})
    assert Export.of("export:litert").engine.prefix == "litert"


@pytest.mark.parametrize("kind", ["forward", "backward", "both", "two", "states"])
def test_the_states_inside_a_file_are_those_of_the_layers(keras: Any, kind: str) -> None:
    needs("tf2onnx", "onnxruntime")
    layers, x = keras.layers, keras.Input((T, D))
    lstm = layers.LSTM(
        M, return_sequences=True, return_state=kind == "states", go_backwards=kind == "backward", name="rnn"
    )
    y = layers.Bidirectional(lstm, name="rnn")(x) if kind == "both" else lstm(x)
    model = drawn(keras.Model(x, layers.LSTM(M)(y) if kind == "two" else y))
    observed = rnnverify.observe(model, inputs())
    graph = Graph(observed.nodes)
    task = replace(task_of(observed, graph), walks=walks_of(observed, graph))
    with OwnModel(model, inputs(), observed, PATIENCE) as own:
        answer = own.candidate("export:onnx")(task)
    wanted = {"both": 4, "two": 4, "states": 1}.get(kind, 2)
    assert len(answer.keys() - task.outputs.keys()) == wanted
    given = claims_of(observed, graph, answer)
    assert given.findings == ()
    assert judge_claims(observed, graph, given.claims).right


def test_a_wrong_file_is_placed_by_the_states_inside_it(keras: Any, tmp_path: Path) -> None:
    needs("onnxruntime")
    model = one_lstm(keras)
    found = rnnverify.compare(model, written(tmp_path / "m.onnx", model.get_weights(), order=(0, 1, 2, 3)), inputs())
    assert (found.first_divergence.layer, found.first_divergence.timestep) == ("lstm", 0)


def test_an_observation_has_no_model_to_export(keras: Any) -> None:
    observed = rnnverify.observe(recurrent(keras, "GRU"), inputs())
    with pytest.raises(RequestError, match="which has no model in it"):
        rnnverify.compare(observed, "backend:numpy")


def test_a_port_for_one_size_is_found_by_another(keras: Any) -> None:
    model = recurrent(keras, "GRU", None)

    def of_five(x: Any, weights: Any) -> Any:
        return model.predict(np.pad(x, [(0, 0), (0, max(0, T - x.shape[1])), (0, 0)])[:, :T], verbose=0)

    found = rnnverify.compare(model, of_five, inputs(), probes=True)
    assert found.verdict == "mismatch"
    verdicts = {one.probe: one.verdict for one in found.probes}
    assert verdicts == {
        "N=1": "match",
        f"N={2 * N}": "match",
        "samples in another order": "match",
        "T=1": "mismatch",
        f"T={T + 3}": "mismatch",
    }
    assert "right in this call, and wrong in others: T=1" in " ".join(str(found).split())
    assert rnnverify.compare(model, of_five, inputs()).passed  # where nobody asks for more
