"""Files that engines run. The files are put together here, from Keras's weights, by ONNX's own description of its operators."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import rnnverify
from rnnverify.candidates.binding import Opened, Slot, bound
from rnnverify.candidates.candidate import CandidateError
from rnnverify.candidates.engine_child import answered
from rnnverify.errors import RequestError
from tests.layers.against_keras import draw

N, T, D, M = 3, 5, 4, 2


def lstm(keras: Any, **options: Any) -> Any:
    inputs = keras.Input((T, D))
    model = keras.Model(inputs, keras.layers.LSTM(M, name="lstm", **options)(inputs))
    rng = np.random.default_rng(1)
    model.set_weights([draw(rng, *w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def written(
    path: Path,
    weights: Sequence[Any],
    order: Sequence[int] = (0, 3, 1, 2),  # ONNX has i, o, f, c, and Keras i, f, c, o
    batch: int | str = "N",
    steps: int | str = "T",
    **attributes: Any,
) -> str:
    """An LSTM of which the last output is put out."""
    kernel, recurrent, bias = ([block.T for block in np.split(w, 4, axis=-1)] for w in weights)
    W, R = (np.concatenate([blocks[gate] for gate in order])[np.newaxis] for blocks in (kernel, recurrent))
    B = np.concatenate([*(bias[gate] for gate in order), np.zeros(4 * M, np.float32)])[np.newaxis]
    arrays = {"W": W, "R": R, "B": B, "axis": np.array([0], np.int64)}
    nodes = [
        helper.make_node("Transpose", ["x"], ["by_time"], perm=[1, 0, 2]),
        helper.make_node("LSTM", ["by_time", "W", "R", "B"], ["", "h"], hidden_size=M, **attributes),
        helper.make_node("Squeeze", ["h", "axis"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, steps, D])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, M])],
        [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in arrays.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return str(path)


def inputs() -> Any:
    return draw(np.random.default_rng(2), N, T, D).astype(np.float32)


@pytest.mark.parametrize("engine", ["", "ort:", "onnxref:"])
def test_a_right_file_matches(keras: Any, tmp_path: Path, engine: str) -> None:
    model = lstm(keras)
    found = rnnverify.compare(model, engine + written(tmp_path / "m.onnx", model.get_weights()), inputs())
    assert found.passed, str(found)


@pytest.mark.parametrize("engine", ["ort:", "onnxref:"])
def test_a_wrong_file_is_told_which_mistake_it_makes(keras: Any, tmp_path: Path, engine: str) -> None:
    model = lstm(keras)
    path = written(tmp_path / "m.onnx", model.get_weights(), order=(0, 1, 2, 3))  # as Keras has them
    found = rnnverify.compare(model, engine + path, inputs())
    assert not found.passed
    assert found.diagnosis.mistakes[0].id.startswith("lstm-gate-order/")


def test_the_reference_ignores_activations_and_is_told_so(keras: Any, tmp_path: Path) -> None:
    """As of onnx 1.23."""
    model = lstm(keras, activation="relu", recurrent_activation="sigmoid")
    path = written(tmp_path / "m.onnx", model.get_weights(), activations=["Sigmoid", "Relu", "Relu"])
    assert rnnverify.compare(model, path, inputs()).passed
    found = rnnverify.compare(model, f"onnxref:{path}", inputs())
    assert not found.passed
    assert "activation" in found.diagnosis.mistakes[0].id


@pytest.mark.parametrize("batch", [1, N])
def test_samples_are_handed_over_as_the_file_has_fixed_them(keras: Any, tmp_path: Path, batch: int) -> None:
    model = lstm(keras)
    assert rnnverify.compare(model, written(tmp_path / "m.onnx", model.get_weights(), batch=batch), inputs()).passed


def test_a_spec_may_name_one(keras: Any, tmp_path: Path) -> None:
    model = lstm(keras)
    model.save(tmp_path / "m.keras")
    written(tmp_path / "m.onnx", model.get_weights())
    (tmp_path / "s.yaml").write_text("model: m.keras\nN: 3\ncandidate: 'ort:m.onnx'\n")
    result = rnnverify.verify(str(tmp_path / "s.yaml"), allow_code=True)
    assert result.candidate is not None
    assert result.candidate.passed


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        ({"steps": 4}, r"the file's input x is \(any, 4, 4\), and what the model is fed \(3, 5, 4\)"),
        ({"batch": 2}, r"the file takes 2 samples at a time, and the model is fed 3; --set N=2"),
    ],
)
def test_a_file_for_other_sizes_is_a_finding(keras: Any, tmp_path: Path, fixed: dict[str, Any], message: str) -> None:
    model = lstm(keras)
    found = rnnverify.compare(model, written(tmp_path / "m.onnx", model.get_weights(), **fixed), inputs())
    assert not found.passed
    assert re.search(message, " ".join(str(found).split())) is not None


def test_a_damaged_file_is_a_finding(keras: Any, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"nothing")
    for engine in ("ort", "onnxref"):
        found = rnnverify.compare(lstm(keras), f"{engine}:{tmp_path / 'm.onnx'}", inputs())
        assert not found.passed


@pytest.mark.parametrize(
    ("what", "message"), [("ort:m.onnx", "no such file: m.onnx"), ("ort:m.npz", "expected a file that ends with .onnx")]
)
def test_what_is_no_file_is_refused(keras: Any, what: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        rnnverify.compare(lstm(keras), what, inputs())


def test_inputs_go_by_name_where_those_are_the_files_else_in_order() -> None:
    slots = [Slot("b", (None, 2), np.float32), Slot("a", (None, 3), np.float64)]
    a, b = np.zeros((1, 3), np.float32), np.ones((1, 2), np.float32)
    made = bound(slots, {"a": a, "b": b}, [])
    assert (made["a"].shape, made["a"].dtype, made["b"].shape) == ((1, 3), np.float64, (1, 2))
    assert bound(slots, {"first": b, "second": a}, [])["b"].shape == (1, 2)
    with pytest.raises(CandidateError, match=r"takes 2 inputs \(b, a\), and the model 1"):
        bound(slots, {"a": a}, [])
    doubling = Opened([Slot("x", (1, 1), np.float32)], ["y"], lambda fed: [fed["x"] * 2])
    assert [one.tolist() for one in answered(doubling, {"x": np.array([[1.0], [2.0]])}, [])] == [[[2.0], [4.0]]]


@pytest.mark.parametrize(
    ("layer", "node", "named"),
    [
        ({"go_backwards": True}, {"direction": "reverse"}, "direction-ignored"),
        (
            {"activation": "relu", "recurrent_activation": "sigmoid"},
            {"activations": ["Sigmoid", "Relu", "Relu"]},
            "activation-defaulted/activation",
        ),
    ],
)
def test_tract_ignores_attributes_and_is_told_so(
    keras: Any, tmp_path: Path, layer: dict[str, Any], node: dict[str, Any], named: str
) -> None:
    """As of tract 0.23."""
    pytest.importorskip("tract")
    model = lstm(keras, **layer)
    path = written(tmp_path / "m.onnx", model.get_weights(), **node)
    assert rnnverify.compare(model, f"ort:{path}", inputs()).passed
    found = rnnverify.compare(model, f"tract:{path}", inputs())
    assert named in found.diagnosis.tied
    assert rnnverify.compare(
        lstm(keras), f"tract:{written(tmp_path / 'n.onnx', lstm(keras).get_weights())}", inputs()
    ).passed


@pytest.mark.parametrize("engine", ["openvino", "tract"])
def test_an_engine_that_is_not_installed_is_named_with_its_extra(keras: Any, tmp_path: Path, engine: str) -> None:
    if find_spec(engine) is not None:
        pytest.skip("it is installed")
    model = lstm(keras)
    path = written(tmp_path / "m.onnx", model.get_weights())
    with pytest.raises(RequestError, match=rf"{engine} cannot be imported: .*; pip install 'rnnverify\[{engine}\]'"):
        rnnverify.compare(model, f"{engine}:{path}", inputs())


def test_openvino_computes_in_float32_where_it_runs_a_file(keras: Any, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    model = lstm(keras)
    assert rnnverify.compare(model, f"openvino:{written(tmp_path / 'm.onnx', model.get_weights())}", inputs()).passed
