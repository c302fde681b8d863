"""Models as NumPy scripts: they compute what Keras computes, alone, and read as if somebody had written them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify import RequestError, write_script
from rnnverify.layers.lstm import LSTMCell
from tests.recorded.models import MODELS
from tests.recorded.observations import recorded
from tests.report.alone import Bare

FAULTY = "faulty"  # Keras computes it wrongly


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A script for each of the recorded models."""
    folder = tmp_path_factory.mktemp("scripts")
    for name in MODELS:
        write_script(recorded(name), folder / f"{name}.py")
    return {name: folder / f"{name}.py" for name in MODELS}


def test_scripts_compute_with_numpy_alone_what_keras_computes(scripts: dict[str, Path], bare: Bare) -> None:
    ran = {name: bare.run(path) for name, path in scripts.items()}
    assert {name for name, one in ran.items() if one.code != 0} == {FAULTY}
    assert ran[FAULTY].code == "wrapped is not what Keras computes"
    for name, one in ran.items():
        outputs = len(recorded(name).outputs) if name != FAULTY else 1
        assert len(re.findall(r"^largest difference from Keras ", one.text, flags=re.MULTILINE)) == outputs


def test_ones_and_zeros_of_a_shape_are_written(keras: Any, tmp_path: Path, bare: Bare) -> None:
    ops, given = keras.ops, keras.Input((4, 3))
    awake = ops.cast(ops.logical_and(ops.ones_like(given, dtype="bool"), given > 0), "float32")
    ids = keras.Input((5,), dtype="int32")
    counted = ops.ones_like(ids) + ids
    model = keras.Model([given, ids], [awake * given + ops.ones_like(given), ops.zeros_like(given), counted])
    rng = np.random.default_rng(2)
    x = [rng.standard_normal((2, 4, 3)).astype(np.float32), rng.integers(0, 9, (2, 5)).astype(np.int32)]
    write_script(model, tmp_path / "ones.py", x)
    assert re.search(r"np\.ones_like\(\w+, dtype=bool\)", (tmp_path / "ones.py").read_text())
    assert bare.run(tmp_path / "ones.py").code == 0


def test_nothing_else_can_be_imported_where_they_run(tmp_path: Path, bare: Bare) -> None:
    (tmp_path / "port.py").write_text("import rnnverify\n")
    ran = bare.run(tmp_path / "port.py")
    assert ran.code == "ImportError: rnnverify is not installed here"


def test_a_script_notices_what_is_not_keras(scripts: dict[str, Path], tmp_path: Path, bare: Bare) -> None:
    with np.load(scripts["gated"].with_suffix(".npz")) as file:
        arrays = dict(file)
    kernel = next(name for name in arrays if name.endswith("/recurrent_kernel"))
    arrays[kernel] = arrays[kernel][:, ::-1]  # the gates in another order
    np.savez(tmp_path / "gated.npz", **arrays)
    (tmp_path / "gated.py").write_text(scripts["gated"].read_text())
    ran = bare.run(tmp_path / "gated.py")
    assert "is not what Keras computes" in str(ran.code)


def test_an_lstm_reads_as_in_the_textbook(scripts: dict[str, Path]) -> None:
    text = scripts["gated"].read_text()
    (loop,) = re.findall(r"^def lstm_layer.*?(    for t .*?)\n\n", text, flags=re.MULTILINE | re.DOTALL)
    code = [line.partition("#")[0].rstrip() for line in loop.splitlines()]
    assert code == [
        "    for t in range(x.shape[1]):",
        "        zx = x[:, t] @ kernel + bias",
        "        z = zx + h @ recurrent_kernel",
        "        i, f, candidate, o = np.split(z, 4, axis=-1)",
        "        i = sigmoid(i)",
        "        f = sigmoid(f)",
        "        candidate = np.tanh(candidate)",
        "        o = sigmoid(o)",
        "        let_in = i * candidate",
        "        c = f * c + let_in",
        "        h = o * np.tanh(c)",
        "        sequence.append(h)",
        "    sequence = np.stack(sequence, axis=1)",
        "    return sequence",
    ]
    assert "# forget gate, (3, 5)" in loop
    assert "# Keras's gate order: input, forget, candidate, output" in loop
    assert "def sigmoid(x):\n    return 1 / (1 + np.exp(-x))\n" in text


def test_a_change_in_the_layers_equations_is_one_in_the_script(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bare: Bare
) -> None:
    def carry(self: Any, gates: Any, carried: Any) -> Any:
        f, let_in, _ = gates
        return (f * carried[0] - let_in,)

    monkeypatch.setattr(LSTMCell, "carry", carry)
    text = write_script(recorded("gated"), tmp_path / "wrong.py").text
    assert "f * c - i * candidate" in text
    ran = bare.run(tmp_path / "wrong.py")
    assert ran.code != 0


@pytest.mark.parametrize("name", MODELS)
def test_lines_are_short_and_names_are_words(scripts: dict[str, Path], name: str) -> None:
    text = scripts[name].read_text()
    assert max(map(len, text.splitlines())) <= 115
    assigned = {one.id for one in ast.walk(ast.parse(text)) if isinstance(one, ast.Name)}
    assert not {one for one in assigned if re.fullmatch(r"v_?\d+|tmp\d*|var\d*", one)}


def test_two_calls_of_one_code_share_a_function_and_two_calls_of_a_layer_its_weights(
    keras: Any, tmp_path: Path, bare: Bare
) -> None:
    L, x = keras.layers, keras.Input((6, 4))
    both = L.Dense(4, name="both", bias_initializer="glorot_uniform")
    y = L.Dense(4, name="first", bias_initializer="glorot_uniform")(both(both(x)))
    model = keras.Model(x, y)
    fed = np.random.default_rng(1).standard_normal((2, 6, 4)).astype(np.float32)
    made = write_script(model, tmp_path / "m.py", fed)
    assert made.text.count("def ") == 2  # weights_of, and one
    assert made.text.count('*weights_of("both")') == 2
    with np.load(made.arrays) as file:
        assert [key for key in file if key.endswith("/kernel")] == ["both/kernel", "first/kernel"]
    assert bare.run(made.path).code == 0


def operations(keras: Any) -> Any:
    L, ops, x = keras.layers, keras.ops, keras.Input((6, 4))
    y = L.LSTM(5, return_sequences=True)(x)
    a, b = y[:, -1], ops.mean(y, axis=1)
    f = ops.concatenate([a, b, a + b], axis=-1)
    outputs = [
        *(ops.tanh(a * b - 0.5) / (1 + ops.abs(b)), ops.max(y, axis=1), ops.stack([a, b], axis=1)),
        ops.softmax(ops.matmul(y, ops.transpose(y, (0, 2, 1)))),
        *ops.split(f, [7], axis=-1),
        *(ops.reshape(y, (-1, 10, 3)), ops.roll(y, 1, axis=1), ops.flip(y, axis=1), ops.tile(a, (1, 2))),
        *(ops.pad(y, ((0, 0), (1, 2), (0, 0))), ops.repeat(a, 2, axis=1), ops.var(y, axis=-1)),
        ops.clip(ops.squeeze(ops.expand_dims(a, 1), 1), -0.125, 0.125),
    ]
    return keras.Model(x, outputs), [(3, 6, 4)]


def attentions(keras: Any) -> Any:
    L = keras.layers
    q, v, k = keras.Input((5, 4)), keras.Input((6, 4)), keras.Input((6, 4))
    outputs = [
        L.Attention(use_scale=True, score_mode="concat")([q, v, k]),
        L.Attention()([q, v], use_causal_mask=True),
        L.AdditiveAttention(use_scale=False)([q, v]),
        L.MultiHeadAttention(2, 3, value_dim=5, use_bias=False, output_shape=7)(q, v, k),
        L.Dot((2, 2), normalize=True)([q, v]),
    ]
    return keras.Model([q, v, k], outputs), [(3, 5, 4), (3, 6, 4), (3, 6, 4)]


def options(keras: Any) -> Any:
    L, x = keras.layers, keras.Input((12, 4))
    outputs = [
        L.Conv1D(6, 3, groups=2, padding="same", strides=2, activation="silu")(x),
        L.DepthwiseConv1D(3, depth_multiplier=2, use_bias=False, activation="gelu")(x),
        L.MaxPooling1D(3, strides=2, padding="same")(x),
        L.AveragePooling1D(4, strides=3, padding="same")(x),
        L.LayerNormalization(axis=[1, 2], center=False)(x),
        L.Normalization(mean=0.5, variance=2.0, invert=True)(x),
        L.Softmax(axis=1)(x),
        L.Activation("log_softmax")(x),
        L.TimeDistributed(L.LSTM(3))(L.Reshape((3, 4, 4))(x)),
        L.Bidirectional(L.RNN([L.GRUCell(3), L.LSTMCell(4)]))(x),
        L.GRU(3, activation="softmax", reset_after=False, use_bias=False)(x),
    ]
    return keras.Model(x, outputs), [(2, 12, 4)]


def masks(keras: Any) -> Any:
    L, x = keras.layers, keras.Input((7, 3))
    m = L.Masking()(x)
    a = L.LSTM(4, return_sequences=True, zero_output_for_mask=True)(m)
    b = L.GRU(4, return_sequences=True, go_backwards=True)(m)
    c, d = L.Multiply()([a, b]), L.Maximum()([a, b])
    cells = L.RNN([L.LSTMCell(3), L.GRUCell(2)], return_sequences=True, return_state=True)(d)
    outputs = [c, d, L.GlobalAveragePooling1D()(L.Concatenate()([a, m])), L.Attention()([a, b]), *cells]
    return keras.Model(x, [*outputs, *L.Bidirectional(L.SimpleRNN(2), merge_mode=None)(c)]), [(3, 7, 3)]


def nested(keras: Any) -> Any:
    L, x, given = keras.layers, keras.Input((6, 4)), keras.Input((6, 4))
    inner = keras.Model(given, L.LSTM(3, return_sequences=True, name="class")(given), name="inner")
    return keras.Model(x, L.Softmax()(L.Softmax()(L.GRU(2, name="max")(inner(x))))), [(2, 6, 4)]


@pytest.mark.parametrize("built", [operations, attentions, options, masks, nested])
def test_every_option_is_written(keras: Any, built: Callable[[Any], Any], tmp_path: Path, bare: Bare) -> None:
    rng = np.random.default_rng(5)
    model, shapes = built(keras)
    for weight in model.weights:
        weight.assign(0.5 * rng.standard_normal(weight.shape))
    fed = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    if built is masks:
        fed[0][0, 4:] = fed[0][1, :2] = fed[0][2, [1, 4]] = 0
    observed = rnnverify.observe(model, fed if len(fed) > 1 else fed[0])
    write_script(observed, tmp_path / "m.py")
    ran = bare.run(tmp_path / "m.py")
    assert ran.code == 0, ran
    for node in observed.nodes:
        assert rnnverify.explain(observed, layer=node.name).passed


def test_names_that_a_script_needs_itself_are_left_to_it(keras: Any, tmp_path: Path, bare: Bare) -> None:
    L = keras.layers
    layers = [
        *(L.LSTM(4, name="lstm"), L.Dense(3, name="lstm_layer"), L.Dense(4, name="outputs"), L.Softmax(name="softmax")),
        *(
            L.Softmax(name="np"),
            L.Dense(3, name="data"),
            L.Dense(2, activation="sigmoid", name="x"),
            L.Dense(2, name="lambda"),
        ),
    ]
    model = keras.Sequential([keras.Input((5, 3), name="weights_of"), *layers])
    made = write_script(
        model, tmp_path / "m.py", np.random.default_rng(3).standard_normal((2, 5, 3)).astype(np.float32)
    )
    assert bare.run(made.path).code == 0


def test_what_is_taken_as_given_comes_from_the_file_and_says_so(keras: Any, tmp_path: Path, bare: Bare) -> None:
    L, x = keras.layers, keras.Input((5, 3))
    y = L.GRU(4)(L.Lambda(lambda value: value * 2, name="twice")(x))
    fed = np.random.default_rng(2).standard_normal((2, 5, 3)).astype(np.float32)
    made = write_script(keras.Model(x, y), tmp_path / "m.py", fed, opaque=["twice"])
    assert 'twice = data["given/twice"]' in made.text
    assert "# what Keras's Lambda put out, taken as given" in made.text
    assert bare.run(made.path).code == 0


@pytest.mark.parametrize("there", ["m.py", "m.npz"])
def test_no_file_is_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine")
    with pytest.raises(RequestError, match=rf"expected a new file, there is .*{there} already; give another name"):
        write_script(recorded("gated"), tmp_path / "m.py")
    assert (tmp_path / there).read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("path", "message"), [("m.txt", "expected the path of a new Python file"), ("no/m.py", "does not exist")]
)
def test_a_path_that_no_script_can_have_is_refused(tmp_path: Path, path: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        write_script(recorded("gated"), tmp_path / path)


def test_names_from_outside_are_text(tmp_path: Path, bare: Bare) -> None:
    from dataclasses import replace

    observed = recorded("gated")
    hostile = 'x"""\nimport os  # \\'
    observed = replace(observed, asked=replace(observed.asked, spec=hostile))
    made = write_script(observed, tmp_path / "m.py")
    assert isinstance(ast.parse(made.text).body[0], ast.Expr)
    assert "import os" not in [line.strip() for line in made.text.splitlines()]
    assert bare.run(made.path).code == 0
