"""What is left of weights in the forms that files store them in: hand-worked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnnverify.observation.stored import stored

MATRIX = np.array([[1.27, 0.0, -0.254], [-0.012, 0.0, 0.0031]], dtype=np.float32)


def test_int8_has_one_scale_for_a_matrix() -> None:
    made = stored("kernel", MATRIX, "int8")  # in steps of 0.01
    assert np.allclose(made, [[1.27, 0, -0.25], [-0.01, 0, 0.0]], rtol=0, atol=1e-6)


def test_int8_may_have_one_scale_for_each_output_channel() -> None:
    made = stored("kernel", MATRIX, "int8-per-channel")  # in steps of 0.01 and 0.002; a channel of zeros stays
    assert np.allclose(made, [[1.27, 0, -0.254], [-0.01, 0, 0.004]], rtol=0, atol=1e-6)


def test_int8_leaves_biases_as_they_are() -> None:
    bias = np.array([[0.3, -0.123], [0.01, 7.0]], dtype=np.float32)  # a GRU's, with reset_after
    assert stored("bias", bias, "int8") is bias
    assert stored("forward_bias", bias, "int8-per-channel") is bias
    assert stored("gamma", bias[0], "int8").tolist() == bias[0].tolist()


def test_the_narrow_floats_round_every_weight_to_the_nearest() -> None:
    x = np.array([1 + 3 * 2.0**-9, 1 + 2.0**-10 + 2.0**-12, 2.0**-20], dtype=np.float32)
    assert stored("bias", x, "bfloat16").tolist() == [1 + 2.0**-7, 1.0, 2.0**-20]
    assert stored("bias", x, "tf32").tolist() == [1 + 3 * 2.0**-9, 1 + 2.0**-10, 2.0**-20]
    tiny = np.array([1 + 2.0**-10 + 2.0**-12, 1.25 * 2.0**-24], dtype=np.float32)  # float16 has a smallest number
    assert stored("bias", tiny, "float16").tolist() == [1 + 2.0**-10, 2.0**-24]


@pytest.mark.parametrize(("form", "per_channel"), [("int8", False), ("int8-per-channel", True)])
def test_int8_is_what_onnx_runtime_makes_of_a_matrix(form: str, per_channel: bool, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    quantization = pytest.importorskip("onnxruntime.quantization")
    matrix = np.random.default_rng(4).normal(size=(7, 5)).astype(np.float32)
    tensor = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "kernel"], ["y"])],
        "product",
        [tensor("x", onnx.TensorProto.FLOAT, [3, 7])],
        [tensor("y", onnx.TensorProto.FLOAT, [3, 5])],
        [onnx.numpy_helper.from_array(matrix, "kernel")],
    )
    plain, small = tmp_path / "plain.onnx", tmp_path / "small.onnx"
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, plain)
    quantization.quantize_dynamic(plain, small, per_channel=per_channel, weight_type=quantization.QuantType.QInt8)
    made = {one.name: onnx.numpy_helper.to_array(one) for one in onnx.load(small).graph.initializer}
    assert not made["kernel_zero_point"].any()
    dequantised = made["kernel_quantized"].astype(np.float32) * made["kernel_scale"]
    assert np.allclose(stored("kernel", matrix, form), dequantised, rtol=1e-6, atol=0)
