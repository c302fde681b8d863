"""What is left of weights in the forms that files store them in: hand-worked."""

from __future__ import annotations

import numpy as np

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
