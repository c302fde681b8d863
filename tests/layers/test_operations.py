"""Operations between layers: what Keras computes, in models that are there and in files."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from rnnverify import replay, verify
from rnnverify.cli import main
from rnnverify.errors import UnsupportedError
from rnnverify.layers.operations import OPERATIONS, Operation

N, T, D = 3, 5, 4
Made = Callable[[Any, Any, Any], Any]

CASES: dict[str, Made] = {
    "GetItem": lambda o, x, y: x[:, -1],
    "GetItem of a stretch": lambda o, x, y: x[:, 1:4:2, ..., None],
    "GetItem backwards": lambda o, x, y: x[:, ::-1],
    "GetItem from the end": lambda o, x, y: x[..., 0],
    "Add": lambda o, x, y: x + y,
    "Add of a number": lambda o, x, y: 0.1 + x,
    "Add of numbers": lambda o, x, y: x + np.arange(D, dtype="float32"),
    "Subtract": lambda o, x, y: 1 - x,
    "Multiply": lambda o, x, y: x * y,
    "TrueDivide": lambda o, x, y: x / 3.0,
    "Divide": lambda o, x, y: o.divide(x, o.abs(y) + 1.0),
    "Negative": lambda o, x, y: -x,
    "Absolute": lambda o, x, y: o.absolute(x),
    "Abs": lambda o, x, y: o.abs(x),
    "Square": lambda o, x, y: o.square(x),
    "Power": lambda o, x, y: x**2,
    "Maximum": lambda o, x, y: o.maximum(x, y),
    "Minimum": lambda o, x, y: o.minimum(x, 0.25),
    "Clip": lambda o, x, y: o.clip(x, -0.5, 1),
    "Clip at numbers that are rounded": lambda o, x, y: o.clip(x, -0.1, 0.1),
    "Maximum of a number that is rounded": lambda o, x, y: o.maximum(0.1, o.minimum(x, 0.7)),
    "Exp": lambda o, x, y: o.exp(x),
    "Log": lambda o, x, y: o.log(o.abs(x) + 0.5),
    "Sqrt": lambda o, x, y: o.sqrt(o.abs(x)),
    "Mean": lambda o, x, y: o.mean(x, axis=1),
    "Mean over two axes": lambda o, x, y: o.mean(x, axis=[-1, 1], keepdims=True),
    "Sum": lambda o, x, y: o.sum(x, axis=-1),
    "Max": lambda o, x, y: o.max(x, axis=1),
    "Min": lambda o, x, y: o.min(x, axis=2, keepdims=True),
    "Var": lambda o, x, y: o.var(x, axis=1),
    "Take": lambda o, x, y: o.take(x, 2, axis=1),
    "Flip": lambda o, x, y: o.flip(x, axis=1),
    "Roll": lambda o, x, y: o.roll(x, 2, axis=1),
    "Repeat": lambda o, x, y: o.repeat(x, 2, axis=1),
    "Tile": lambda o, x, y: o.tile(x, (1, 2, 3)),
    "Pad": lambda o, x, y: o.pad(x, ((0, 0), (2, 0), (0, 1))),
    "Reshape": lambda o, x, y: o.reshape(x, (-1, D, T)),
    "ExpandDims": lambda o, x, y: o.expand_dims(x, -1),
    "Squeeze": lambda o, x, y: o.squeeze(x[:, :1], axis=1),
    "Transpose": lambda o, x, y: o.transpose(x, (0, 2, 1)),
    "Swapaxes": lambda o, x, y: o.swapaxes(x, 1, -1),
    "Moveaxis": lambda o, x, y: o.moveaxis(o.expand_dims(x, 1), 1, 3),
    "Concatenate": lambda o, x, y: o.concatenate([x, y], axis=1),
    "Stack": lambda o, x, y: o.stack([x, y], axis=-1),
    "Split": lambda o, x, y: o.split(x, 2, axis=-1)[1],
    "Split at places": lambda o, x, y: o.split(x, [1, 3], axis=1)[1],
    "Matmul": lambda o, x, y: o.matmul(x, o.transpose(y, (0, 2, 1))),
    "Softmax": lambda o, x, y: o.softmax(x, axis=1),
    "LeakyRelu": lambda o, x, y: o.leaky_relu(x, 0.1),
    "Elu": lambda o, x, y: o.elu(x, 0.5),
    "Tanh": lambda o, x, y: o.tanh(x),
    "Sigmoid": lambda o, x, y: o.sigmoid(x),
    "Relu": lambda o, x, y: o.relu(x),
    "Relu6": lambda o, x, y: o.relu6(x * 9.0),
    "Selu": lambda o, x, y: o.selu(x),
    "Silu": lambda o, x, y: o.silu(x),
    "Softplus": lambda o, x, y: o.softplus(x),
    "Softsign": lambda o, x, y: o.softsign(x),
    "HardSigmoid": lambda o, x, y: o.hard_sigmoid(x),
    "Equal": lambda o, x, y: o.equal(x > 0, y > 0),
    "NotEqual": lambda o, x, y: o.not_equal(o.relu(x), 0),
    "Greater": lambda o, x, y: x > y,
    "Greater than a number": lambda o, x, y: 0.1 * o.ones_like(x) > 0.1,  # in float32 they are the same
    "GreaterEqual": lambda o, x, y: x >= o.maximum(x, y),
    "Less": lambda o, x, y: o.less(o.arange(T)[:, None], o.cast(x > y, "int32") + 2),
    "LessEqual": lambda o, x, y: x <= o.maximum(x, y),
    "LogicalAnd": lambda o, x, y: o.logical_and(x > 0, y > 0),
    "LogicalOr": lambda o, x, y: o.logical_or(x > 0, y > 0),
    "LogicalXor": lambda o, x, y: o.logical_xor(x > 0, y > 0),
    "LogicalNot": lambda o, x, y: o.logical_not(o.relu(x)),
    "Any": lambda o, x, y: o.any(x > 0.9, axis=-1),
    "All": lambda o, x, y: o.all(x > -0.9, axis=[1, 2], keepdims=True),
    "Cast": lambda o, x, y: x * o.cast(y > 0, "float32"),
    "Cast of numbers": lambda o, x, y: o.cast(o.relu(x), "bool"),
    "OnesLike": lambda o, x, y: o.ones_like(x) + y,
    "ZerosLike": lambda o, x, y: o.zeros_like(x, dtype="bool"),
}


def model_of(keras: Any, make: Made) -> tuple[Any, list[Any]]:
    given = [keras.Input((T, D)), keras.Input((T, D))]
    rng = np.random.default_rng(1)
    return keras.Model(given, make(keras.ops, *given)), [rng.normal(size=(N, T, D)).astype("float32") for _ in given]


def test_every_operation_is_tested_here() -> None:
    assert {name.split()[0] for name in CASES} == set(OPERATIONS)


@pytest.mark.parametrize("name", CASES)
def test_an_operation_is_what_keras_computes(keras: Any, name: str) -> None:
    model, x = model_of(keras, CASES[name])
    assert verify(model, x).verdict == "match"
    np.testing.assert_allclose(replay(model, x), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


def test_between_recurrent_layers_and_from_a_file(keras: Any, tmp_path: Path) -> None:
    layers, ops = keras.layers, keras.ops
    tokens = keras.Input((7,), dtype="int32")
    h = layers.LSTM(D, return_sequences=True)(layers.Embedding(11, D, mask_zero=True)(tokens[:, 1:]))
    weights = ops.softmax(layers.Dense(1)(ops.tanh(h)), axis=1)
    summed = ops.sum(weights * h, axis=1)
    y = layers.Dense(2)(ops.concatenate([summed, h[:, -1]], axis=-1))
    path = tmp_path / "m.keras"
    keras.Model(tokens, y).save(path)
    result = CliRunner().invoke(main, ["run", str(path)])
    assert result.exit_code == 0, result.output
    assert "ops.GetItem" in result.stdout


def test_a_changed_output_is_a_mismatch_at_the_operation(keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPERATIONS, "Flip", lambda x, axis=None: x)  # type: ignore[index]
    model, x = model_of(keras, lambda o, x, y: keras.layers.GRU(2)(o.flip(x, axis=1)))
    found = verify(model, x)
    assert found.verdict == "mismatch"
    assert found.first_divergence is not None
    assert found.first_divergence.layer == "flip"


REFUSED: dict[str, tuple[Made, str]] = {
    "along the samples": (
        lambda o, x, y: o.flip(x, axis=0),
        "Flip is not implemented as it is called here: it works across the samples",
    ),
    "over the samples": (
        lambda o, x, y: o.sum(x, axis=(0, 1)),
        "Sum is not implemented as it is called here: it works across",
    ),
    "over everything": (
        lambda o, x, y: o.mean(x),
        "Mean is not implemented as it is called here: it works across the samples",
    ),
    "samples joined": (
        lambda o, x, y: o.concatenate([x, y], axis=0),
        "Concatenate is not implemented as it is called here",
    ),
    "a power by a tensor": (
        lambda o, x, y: o.power(x, x),
        "Power is not implemented as it is called here: a power other than 2",
    ),
    "another power": (lambda o, x, y: x**3, "Power is not implemented as it is called here: a power other than 2"),
    "a choice": (
        lambda o, x, y: o.where(x > 0, x, y),
        "is a Keras operation (Where) outside any layer, which has no replay",
    ),
    "a truth of everything": (
        lambda o, x, y: o.any(x > 0),
        "Any is not implemented as it is called here: it works across the samples",
    ),
    "a cast that rounds": (
        lambda o, x, y: o.cast(x, "float16"),
        "Cast is not implemented as it is called here: numbers that may round are cast to float16",
    ),
    "another mode": (
        lambda o, x, y: o.pad(x, ((0, 0), (1, 0), (0, 0)), mode="reflect"),
        "Pad is not implemented as it is called",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_replay_is_refused_by_name(keras: Any, name: str, tmp_path: Path) -> None:
    make, message = REFUSED[name]
    model, x = model_of(keras, make)
    with pytest.raises(UnsupportedError, match=re.escape(message)):
        verify(model, x)
    model.save(tmp_path / "m.keras")
    result = CliRunner().invoke(main, ["run", str(tmp_path / "m.keras")])
    assert result.exit_code == 2
    assert message.split(" as ")[0] in " ".join(result.stderr.split())


def test_an_unknown_option_is_refused_by_name() -> None:
    config = {"name": "it", "dtype": "float32", "operation": "Tanh", "arguments": [{"tensor": 0}], "fast": True}
    with pytest.raises(UnsupportedError, match=r"'it', Keras's operation Tanh, has the option 'fast' \(here True\)"):
        Operation.from_config(config)


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [("Tile", {"repeats": (1, 1, 10**9)}, (T, D * 10**9)), ("Repeat", {"repeats": 10**9, "axis": 1}, (T * 10**9, D))],
)
def test_shapes_are_known_without_making_anything_of_them(name: str, options: Any, shape: tuple[int, ...]) -> None:
    assert Operation(name, options, [{"tensor": 0}]).output_shapes([(T, D)]) == [shape]
