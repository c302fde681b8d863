"""Saved models with layers that have no replay: what is made of them, and only where it is asked for."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import keras as installed
import numpy as np
import pytest

import rnnverify
from rnnverify.errors import RequestError, UnsupportedError
from rnnverify.keras_model.allowed import Allowed
from rnnverify.keras_model.unreplayed import LAYERS as OPAQUE
from rnnverify.keras_model.unreplayed import OPERATIONS
from rnnverify.layers.registry import LAYERS, REPLAYED
from rnnverify.spec import load_spec
from tests.keras_model.test_allowed import LAMBDAS, dense, part, sequential

NORM = part("keras.layers", "RMSNormalization", name="norm", axis=-1, epsilon=1e-6)


def made(config: Any, *opaque: str) -> dict[str, Any]:
    return Allowed("m.keras", REPLAYED, opaque=opaque).model(config)


@pytest.mark.parametrize("asked", ["norm", "RMSNormalization", "all"])
def test_a_layer_of_keras_s_is_made_where_it_is_asked_for(asked: str) -> None:
    _, second, _ = made(sequential(NORM, dense()), asked)["config"]["layers"]
    assert (second["module"], second["class_name"]) == ("keras.layers", "RMSNormalization")
    assert second["config"] == NORM["config"]


@pytest.mark.parametrize("asked", [[], ["dense"], ["Dense"]])
def test_and_nowhere_else(asked: list[str]) -> None:
    with pytest.raises(UnsupportedError) as refused:
        made(sequential(NORM, dense()), *asked)
    assert (
        "layer 'norm': the class RMSNormalization has no replay (--opaque norm takes what it puts out as given)"
        in str(refused.value)
    )


@pytest.mark.parametrize("layer", [*LAMBDAS, part("keras.layers", "Lambda", name="Lambda")])
def test_a_lambda_is_never_made(layer: Any) -> None:
    for asked in ("all", "Lambda", "None"):
        with pytest.raises(RequestError):
            made(sequential(layer, dense()), asked)


@pytest.mark.parametrize(
    "layer",
    [
        *(
            part("keras.layers", name, name="x")
            for name in ("TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
        ),
        *(
            part("keras.layers", name, name="x")
            for name in ("StringLookup", "IntegerLookup", "TextVectorization", "Hashing")
        ),
        *(part("keras.layers", name, name="x") for name in ("Functional", "Sequential", "MelSpectrogram", "Pipeline")),
        part("keras.src.layers.core.lambda_layer", "RMSNormalization.Lambda", name="x"),
        part("os", "RMSNormalization", name="x"),
        part("mine", "RMSNormalization", name="x"),
        part("keras.utils", "RMSNormalization", name="x"),
        {"class_name": "mine>RMSNormalization", "registered_name": "mine>RMSNormalization", "config": {"name": "x"}},
        part("keras.layers", "RMSNormalization", name=["x"]),
        part("keras.layers", "RMSNormalization", name={"x": 1}),
        part("keras.layers", "RMSNormalization", name="x", axis={"class_name": "Lambda", "config": {}}),
        part("keras.layers", "RNN", name="x", cell=part("keras.layers", "Lambda", name="y")),
        part("keras.layers", "RNN", name="x", cell=part("mine", "Cell", name="y")),
        part("keras.layers", "StackedRNNCells", name="x", cells=[part("keras.layers", "TFSMLayer", name="y")]),
        part("keras.layers", "StackedRNNCells", name="x", cells={"class_name": "Lambda"}),
        part("keras.layers", "TimeDistributed", name="x", layer=part("keras.layers", "JaxLayer", name="y")),
        part("keras.layers", "EinsumDense", name="x", equation="ab,bc->ac", output_shape=[2**20, 2**20]),
        part("keras.layers", "UpSampling2D", name="x", size=[2**15, 2**14]),
    ],
)
def test_nothing_else_is_made_whatever_is_asked_for(layer: Any) -> None:
    for asked in ("all", "x", str(layer["class_name"])):
        with pytest.raises(RequestError):
            made(sequential(layer, dense()), asked)


def test_the_list_holds_layers_of_keras_s_that_have_no_replay() -> None:
    assert not OPAQUE & LAYERS.keys()
    there = {name for name in OPAQUE if issubclass(getattr(installed.layers, name, installed.Model), installed.Layer)}
    assert there >= OPAQUE - {"GroupQueryAttention", "GroupedQueryAttention"}
    for name in OPAQUE & vars(installed.layers).keys():
        source = getattr(installed.layers, name).__module__
        assert source.startswith("keras.src.layers.")
        assert not any(word in source for word in ("preprocessing", "lambda", "tfsm", "torch", "jax", "lookup"))
    assert not any("ops." + name in REPLAYED for name in OPERATIONS)


@pytest.fixture(scope="module")
def saved(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with an attention called by keywords, beside masked steps, and its outputs' normalization."""
    keras.utils.set_random_seed(2)
    x = keras.Input((7,), dtype="int32")
    h = keras.layers.Embedding(20, 6, mask_zero=True, name="embedding")(x)
    h = keras.layers.GRU(5, return_sequences=True, name="gru")(h)
    a = keras.layers.GroupQueryAttention(3, 4, 2, name="attention")(query=h, value=h, use_causal_mask=True)
    with warnings.catch_warnings(action="ignore"):  # the normalization loses the mask, which the other branch has
        a = keras.layers.RMSNormalization(name="norm")(a)
    h = keras.layers.Add(name="add")([a, h])
    h = keras.layers.LSTM(4, name="lstm")(h)
    path = tmp_path_factory.mktemp("models") / "m.keras"
    keras.Model(x, keras.layers.Dense(2, name="dense")(h)).save(path)
    return path


def spec_of(path: Path, *opaque: str) -> Any:
    return load_spec(str(path), [("opaque", list(opaque)), ("data", {"tokens": {"lengths": "random"}})])


def test_a_saved_model_is_verified_around_it(keras: Any, saved: Path) -> None:
    observed = rnnverify.observe(spec_of(saved, "attention", "RMSNormalization"))
    with warnings.catch_warnings(action="ignore"):
        expected = keras.models.load_model(saved).predict(observed.inputs[next(iter(observed.inputs))], verbose=0)
    np.testing.assert_array_equal(observed.predictions[0], expected)
    result = rnnverify.verify(observed)
    assert (result.verdict, result.unchecked) == ("match", ("attention", "norm"))
    assert [layer.layer for layer in result.layers] == ["embedding", "gru", "add", "lstm", "dense"]


def test_what_is_not_in_a_file_is_refused_before_all_else(saved: Path) -> None:
    with pytest.raises(RequestError, match="got 'atention', did you mean 'attention'\\?"):
        rnnverify.observe(spec_of(saved, "atention"))


def test_one_of_two_is_not_enough(saved: Path) -> None:
    with pytest.raises(UnsupportedError, match="layer 'norm': the class RMSNormalization has no replay"):
        rnnverify.observe(spec_of(saved, "attention"))


def test_a_lambda_in_a_file_is_not_loaded(keras: Any, tmp_path: Path) -> None:
    x = keras.Input((4, 3))
    keras.Model(x, keras.layers.LSTM(2)(keras.layers.Lambda(lambda y: y + 1, name="f")(x))).save(tmp_path / "m.keras")
    with pytest.raises(UnsupportedError) as refused:
        rnnverify.observe(load_spec(str(tmp_path / "m.keras"), [("opaque", ["f"])]))
    assert "it is code, which is never loaded; verify the model from memory" in str(refused.value)


def test_sizes_that_no_layer_has_are_refused(saved: Path, tmp_path: Path) -> None:
    with ZipFile(saved) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    (attention,) = [one for one in config["config"]["layers"] if one["config"]["name"] == "attention"]
    attention["config"]["num_query_heads"] = 2**27
    with ZipFile(tmp_path / "m.keras", "w") as archive:
        for name, content in {**parts, "config.json": json.dumps(config)}.items():
            archive.writestr(name, content)
    with pytest.raises(RequestError, match="layer 'attention': its sizes come to more than"):
        rnnverify.observe(spec_of(tmp_path / "m.keras", "all"))
