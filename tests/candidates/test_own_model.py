"""Keras's exporters and its other backends, with the bugs that they have today: see `engines` in pyproject.toml for versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.api.own_model import Export
from rnnverify.errors import RequestError
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


@pytest.mark.parametrize("backend", ["numpy", "jax", "torch"])
@pytest.mark.parametrize("layer", ["LSTM", "GRU"])
def test_every_step_of_another_backend_is_verified(keras: Any, backend: str, layer: str) -> None:
    needs(backend)
    found = compared(recurrent(keras, layer, return_state=True), f"backend:{backend}", inputs())
    assert found.passed, str(found)
    assert found.by_step == ("rnn",)
    given = {row.output for row in found.outputs}
    assert {f"rnn.{state} after every step[0]" for state in ("h", "c")[: 1 + (layer == "LSTM")]} <= given
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
    assert compared(recurrent(keras, "GRU", None), f"export:onnx@torch,T={T}", inputs()).passed
    assert compared(recurrent(keras, "GRU", T), "export:onnx@torch", inputs()).passed


@pytest.mark.parametrize("layer", ["LSTM", "SimpleRNN"])
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


def test_litert_keeps_the_state(keras: Any) -> None:
    needs("ai_edge_litert")
    found = compared(stateful(keras, "LSTM"), f"export:litert,N={N}", two_calls())
    assert found.passed, str(found)
    assert [(one.probe, one.verdict) for one in found.probes] == [("the same call twice", "match")]


def test_onnx_reference_ignores_activations_of_an_export(keras: Any) -> None:
    """As of onnx 1.23."""
    needs("tf2onnx", "onnxruntime")
    model = recurrent(keras, "LSTM", activation="relu")
    assert compared(model, "export:onnx", inputs()).passed
    assert "activation-defaulted/activation" in ids_of(compared(model, "export:onnx:onnxref", inputs()))


def test_a_spec_is_exported_with_its_own_sizes_and_weights(tmp_path: Path) -> None:
    needs("tf2onnx", "onnxruntime")
    spec = tmp_path / "s.yaml"
    spec.write_text(f"N: {N}\nT: {T}\nD: {D}\nM: {M}\nK: 3\nlayer: LSTM\ncandidate: export:onnx\n")
    found = rnnverify.verify(str(spec), allow_code=True).candidate
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
