"""Weights that Keras 2 or 3 saved without their model, taken by a spec."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml

from rnnverify import observe, verify
from rnnverify.errors import DataError
from tests.keras_model.by_tf_keras import D, K, M
from tests.pages import blocks

SIZES = f"N: 2\nT: 4\nD: {D}\nM: {M}\nK: {K}\n"
LAYERS = "layers:\n  - Bidirectional: {layer: {LSTM: {units: M}}}\n  - Dense: {units: K}\n"


@pytest.fixture(scope="module")
def saved(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """A folder with weights that Keras 3 saved, as w.weights.h5 and w.h5, and what they are."""
    folder = tmp_path_factory.mktemp("saved")
    layers = [keras.layers.Bidirectional(keras.layers.LSTM(M)), keras.layers.Dense(K)]
    model = keras.Sequential([keras.Input((4, D)), *layers])
    rng = np.random.default_rng(5)
    model.set_weights([rng.standard_normal(weight.shape) for weight in model.get_weights()])
    model.save_weights(folder / "w.weights.h5")
    model.save(folder / "w.h5")
    return folder, model.get_weights()


def spec(folder: Path, file: str, layers: str = LAYERS, sizes: str = SIZES) -> str:
    (folder / "spec.yaml").write_text(f"{sizes}{layers}weights: {{file: {file}}}\n")
    return str(folder / "spec.yaml")


def weights_in(path: str) -> list[Any]:
    return [weight for node in observe(path).nodes for weight in node.weights.values()]


def alone(model: Path, to: Path) -> None:
    """The weights of a whole model in a file of their own, as Keras 2's save_weights leaves them."""
    with h5py.File(model) as whole, h5py.File(to, "w") as file:
        for name in whole["model_weights"]:
            whole.copy(f"model_weights/{name}", file)
        for name, value in whole["model_weights"].attrs.items():
            file.attrs[name] = value


@pytest.mark.parametrize("file", ["w.weights.h5", "w.h5"])
@pytest.mark.parametrize("layers", [LAYERS, LAYERS.replace("units: K", "units: K, name: other")])
def test_what_keras_3_saved_is_taken(saved: tuple[Path, list[Any]], tmp_path: Path, file: str, layers: str) -> None:
    shutil.copy(saved[0] / file, tmp_path)
    path = spec(tmp_path, file, layers)
    assert all(np.array_equal(*pair) for pair in zip(weights_in(path), saved[1], strict=True))
    assert verify(path).passed


@pytest.mark.parametrize("kind", ["bidirectional_lstm", "cudnn_lstm"])
def test_what_keras_2_saved_is_taken(of_keras_2: Path, tmp_path: Path, kind: str) -> None:
    alone(of_keras_2 / f"{kind}.h5", tmp_path / "w.hdf5")
    lstm = "layers:\n  - LSTM: {units: M, return_sequences: true}\n  - Dense: {units: K}\n"
    path = spec(tmp_path, "w.hdf5", LAYERS if kind == "bidirectional_lstm" else lstm)
    (tmp_path / "model.yaml").write_text(f"N: 2\nmodel: {of_keras_2 / kind}.h5\n")
    expected = weights_in(str(tmp_path / "model.yaml"))
    assert all(np.array_equal(*pair) for pair in zip(weights_in(path), expected, strict=True))


def test_the_spec_on_the_page_takes_them(of_keras_2: Path, tmp_path: Path) -> None:
    """But for its sizes, which are the file's here."""
    (shown,) = (text for text in blocks("yaml") if "weights.h5" in text)
    alone(of_keras_2 / "bidirectional_lstm.h5", tmp_path / "weights.h5")
    keys = {**yaml.safe_load(shown), "D": D, "M": M, "K": K}
    keys["layers"] = [{"Bidirectional": {"layer": {keys.pop("layer"): {"units": "M"}}}}, {"Dense": {"units": "K"}}]
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(keys))
    assert verify(str(tmp_path / "spec.yaml")).passed


def test_a_function_s_model_takes_them_too(
    saved: tuple[Path, list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(saved[0] / "w.weights.h5", tmp_path)
    (tmp_path / "made_for_weights.py").write_text(
        "import keras\ndef make():\n    x = keras.Input((4, 4))\n"
        "    y = keras.layers.Bidirectional(keras.layers.LSTM(5))(x)\n    return keras.Model(x, keras.layers.Dense(2)(y))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    path = spec(tmp_path, "w.weights.h5", "model: made_for_weights:make\n", "N: 2\n")
    assert all(
        np.array_equal(weight, wanted)
        for node in observe(path, allow_code=True).nodes
        for weight, wanted in zip(node.weights.values(), saved[1][: len(node.weights)], strict=True)
        if node.class_name == "Bidirectional"
    )
    assert verify(path, allow_code=True).passed


@pytest.mark.parametrize(
    ("layers", "fragment"),
    [
        (
            "layers: [{LSTM: {units: M}}, {Dense: {units: K}}]\n",
            "the weights of layer 'lstm': expected kernel (4, 20),",
        ),
        (
            LAYERS.replace("units: K", "units: 7"),
            "the weights of layer 'dense': expected kernel (10, 7), bias (7,); got an array",
        ),
        (
            LAYERS + "  - Dense: {units: K}\n",
            "expected the weights of 3 layers, bidirectional, dense, dense_1; got those of 2: bidirectional, dense",
        ),
        (
            "layers: [{Bidirectional: {layer: {LSTM: {units: M}}}}]\n",
            "expected the weights of 1 layers, bidirectional; got",
        ),
    ],
)
def test_weights_of_another_model_are_refused(
    saved: tuple[Path, list[Any]], tmp_path: Path, layers: str, fragment: str
) -> None:
    shutil.copy(saved[0] / "w.h5", tmp_path)
    path = spec(tmp_path, "w.h5", layers)
    with pytest.raises(DataError) as caught:
        observe(path)
    assert str(caught.value).startswith(str(tmp_path / "w.h5"))
    assert fragment in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n broken"])
def test_a_damaged_file_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "w.h5").write_bytes(raw)
    with pytest.raises(DataError, match=r"w.h5: not an .h5 file of weights that Keras saved: "):
        observe(spec(tmp_path, "w.h5"))
