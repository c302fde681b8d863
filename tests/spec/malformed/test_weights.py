"""Weights from a file, and numbers that the precision cannot hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.spec.malformed.refusals import check_spec, npy_bytes, plus

WEIGHTS = {
    "simple_rnn/kernel": np.ones((2, 4)),
    "simple_rnn/recurrent_kernel": np.ones((4, 4)),
    "simple_rnn/bias": np.ones(4),
    "dense/kernel": np.ones((4, 2)),
}


@pytest.mark.parametrize(
    ("bias", "fragment"),
    [
        ({}, "w.npz: expected arrays named simple_rnn/kernel"),
        ({"dense/bias": np.ones(3)}, "dense/bias: expected shape (2,), got (3,)"),
        ({"dense/bias": np.ones(2), "more": np.ones(2)}, "more: expected shape none, got (2,)"),
        ({"dense/bias": np.array(["a", "b"])}, "w.npz: dense/bias: expected numbers, got an array of <U1"),
        ({"dense/bias": np.array([np.nan, 1])}, "w.npz: weights: dense/bias: expected finite float32"),
        ({"dense/bias": np.array([1e300, 1])}, "w.npz: weights: dense/bias: expected finite float32"),
        ({"dense/bias": np.array([{}, {}])}, "w.npz: not a .npz file of weights"),
    ],
)
def test_weights_that_are_not_the_models_are_refused(bias: dict[str, Any], fragment: str) -> None:
    arrays: Any = WEIGHTS | bias
    np.savez("w.npz", **arrays)
    check_spec(plus("weights: {file: w.npz}"), fragment)


@pytest.mark.parametrize("raw", [b"", b"hello, world", b"PK\x03\x04" + bytes(100), npy_bytes("(1,)") + bytes(8)])
def test_a_damaged_weights_file_is_refused(raw: bytes) -> None:
    Path("w.npz").write_bytes(raw)
    check_spec(plus("weights: {file: w.npz}"), "w.npz: ", ".npz file")


@pytest.mark.parametrize(
    "line", ["data: {normal: {mean: 1e200}}", "weights: {scale: 1e200}", "dtype: float16\ndata: {normal: {mean: 1e6}}"]
)
def test_numbers_that_the_precision_cannot_hold_are_refused(line: str) -> None:
    check_spec(plus(line), "spec.yaml: ", "float")
