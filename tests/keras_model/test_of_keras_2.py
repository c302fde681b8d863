"""Files that Keras 2 saved: what the package tf-keras saves and predicts is what is read and replayed."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

from rnnverify import Observation, load_spec, observe, verify
from rnnverify.cli import main
from rnnverify.errors import RequestError
from rnnverify.keras_model.saved import checked_copy
from rnnverify.keras_model.session import loaded
from rnnverify.keras_model.settings import quiet
from rnnverify.layers.graph import Graph
from rnnverify.layers.registry import REPLAYED
from rnnverify.observation import Node
from rnnverify.report.records import report_schema
from rnnverify.verification.of_keras_2 import graph_of_keras_2
from tests.keras_model.by_tf_keras import FORMATS, KINDS, N, T
from tests.pages import PAGES, blocks

ANOTHER = "Keras 3 computes another function than the Keras that saved this file: up to "


def spec_of(path: Path, folder: Path, **keys: Any) -> str:
    lines = {"model": path, "N": N, **keys}
    (folder / "spec.yaml").write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))
    return str(folder / "spec.yaml")


def observed(path: Path, folder: Path, **keys: Any) -> Observation:
    open_time = {"T": T} if path.stem in ("gru", "seq2seq", "nested_coders") else {}
    return observe(spec_of(path, folder, **open_time, **keys))


def fed(kind: Path) -> tuple[list[Any], list[Any]]:
    """What tf-keras was fed, and what it predicted."""
    with np.load(kind) as arrays:
        names = sorted(arrays)
        return [arrays[name] for name in names if name[0] == "x"], [arrays[name] for name in names if name[0] == "y"]


def replayed(observation: Observation, x: list[Any]) -> list[Any]:
    """What the model computes with Keras 2's functions."""
    graph = Graph(observation.nodes)
    done = graph_of_keras_2(graph).run(dict(zip(observation.inputs, x, strict=True)))
    return [done[ref].values for ref in observation.outputs]


@pytest.mark.parametrize("kind", KINDS)
def test_the_replay_of_what_keras_2_saved_is_what_it_predicts(
    keras: Any, of_keras_2: Path, tmp_path: Path, kind: str
) -> None:
    observation = observed(of_keras_2 / f"{kind}.h5", tmp_path)
    result = verify(observation)
    assert result.passed
    assert result.environment["saved_by"].startswith("Keras 2.")
    x, y = fed(of_keras_2 / f"{kind}.npz")
    for ours, theirs in zip(replayed(observation, x), y, strict=True):
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() < 2e-6 * max(1, np.abs(theirs).max())
    told = [note for note in result.notes if note.startswith(ANOTHER)]
    assert len(told) == ("hard_sigmoid" in kind)


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_holds_what_an_hdf5_file_holds(keras: Any, of_keras_2: Path, tmp_path: Path, kind: str) -> None:
    one, other = (nodes_of(keras, of_keras_2 / f"{kind}.{ending}", tmp_path) for ending in FORMATS)
    for left, right in zip(one, other, strict=True):
        assert replace(left, weights={}) == replace(right, weights={})
        assert left.weights.keys() == right.weights.keys()
        assert all(np.array_equal(left.weights[name], right.weights[name]) for name in left.weights)


def nodes_of(keras: Any, path: Path, folder: Path) -> tuple[Node, ...]:
    """The graph of a model that is loaded and not run."""
    spec = load_spec(spec_of(path, folder))
    with checked_copy(spec, REPLAYED) as copy, quiet():
        return loaded(keras, spec, copy).described_nodes()


@pytest.mark.parametrize("kind", ["hard_sigmoid_lstm", "hard_sigmoid_everywhere"])
def test_another_function_of_keras_3_is_reported_with_what_it_changes(
    keras: Any, of_keras_2: Path, tmp_path: Path, kind: str
) -> None:
    observation = observed(of_keras_2 / f"{kind}.h5", tmp_path)
    (note,) = [note for note in verify(observation).notes if note.startswith(ANOTHER)]
    before = replayed(observation, list(observation.inputs.values()))
    moved = max(np.abs(old - new).max() for old, new in zip(before, observation.predictions, strict=True))
    assert moved > 0.01
    assert float(note.removeprefix(ANOTHER).split(" ", 1)[0]) == pytest.approx(moved, rel=0.06)
    assert note.endswith(
        " on these outputs; it was trained with Keras 2.21.0: its hard_sigmoid was clip(0.2 x + 0.5, 0, 1), and is clip(x / 6 +"
        " 0.5, 0, 1). What is verified here is Keras 3"
    )


def test_an_old_file_is_verified_by_the_command_on_its_page(
    of_keras_2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (command,) = (text for text in blocks("") if text.startswith("rnnverify run old.h5"))
    shutil.copy(of_keras_2 / "hard_sigmoid_lstm.h5", tmp_path / "old.h5")
    monkeypatch.chdir(tmp_path)
    printed = CliRunner().invoke(main, command.split()[1:])
    assert printed.exit_code == 0
    (quoted,) = re.findall(
        r'"(Keras 3 computes another.*?: up to) ', PAGES["docs/how-to/old-model-files.md"].replace("\n", " ")
    )
    assert quoted in " ".join(printed.stdout.split())


MET = "where masks met a step was kept if all of them kept it, and is if any does"
COUNTED = "Multiply, Maximum and Minimum took masked values like all others, and do not"
BESIDE = "a mask was heeded beside an initial_state, and is not"


@pytest.mark.parametrize(
    ("kind", "says"), [("masks_met", f"{MET}; {COUNTED}"), ("masks_beside_states", BESIDE), ("masked_gru", "")]
)
def test_what_keras_2_made_of_masks_is_reported(
    keras: Any, of_keras_2: Path, tmp_path: Path, kind: str, says: str
) -> None:
    x, _ = fed(of_keras_2 / f"{kind}.npz")
    names = ["source", "target"] if len(x) > 1 else ["x"]
    np.savez(tmp_path / "x.npz", **dict(zip(names, x, strict=True)))
    observation = observed(of_keras_2 / f"{kind}.h5", tmp_path, data="{file: x.npz}")
    found = [note for note in verify(observation).notes if note.startswith(ANOTHER)]
    assert len(found) == bool(says)
    if says:
        assert found[0].endswith(f"it was trained with Keras 2.21.0: {says}. What is verified here is Keras 3")


def with_config(change: Callable[[dict[str, Any]], Any]) -> Callable[[h5py.File], None]:
    def changed(file: h5py.File) -> None:
        config = json.loads(file.attrs["model_config"])
        made = change(config)
        file.attrs["model_config"] = json.dumps(config if made is None else made)

    return changed


def as_of_2_1(config: dict[str, Any]) -> dict[str, Any]:
    """A list of layers that says in the first of them what comes in, without what could not be chosen then."""
    given, *layers = config["config"]["layers"]
    for layer in layers:
        for key in ("dtype", "time_major", "reset_after"):
            layer["config"].pop(key, None)
    layers[0]["config"]["batch_input_shape"] = given["config"]["batch_input_shape"]
    return {"class_name": "Sequential", "config": layers}


def as_functional(config: dict[str, Any]) -> None:
    config["class_name"] = "Model"


def with_states_by_name(config: dict[str, Any]) -> None:
    (call,) = config["config"]["layers"][3]["inbound_nodes"]
    states = [one[:3] for one in call[1:]]
    config["config"]["layers"][3]["inbound_nodes"] = [[[*call[0][:3], {"initial_state": states, "training": None}]]]


def in_pieces(file: h5py.File) -> None:
    """Lists of names too long for one attribute."""
    group = file["model_weights"]
    names = group.attrs["layer_names"]
    del group.attrs["layer_names"]
    group.attrs["layer_names0"], group.attrs["layer_names1"] = names[:1], names[1:]


def without_version(file: h5py.File) -> None:
    for group in (file, file["model_weights"]):
        del group.attrs["keras_version"]


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("gru_reset_before", with_config(as_of_2_1)),
        ("functional", with_config(as_functional)),
        ("seq2seq", with_config(with_states_by_name)),
        ("lstm", in_pieces),
        ("lstm", without_version),
    ],
)
def test_older_ways_of_saying_the_same_are_read(
    keras: Any, of_keras_2: Path, tmp_path: Path, kind: str, change: Callable[[h5py.File], None]
) -> None:
    path = tmp_path / f"{kind}.h5"
    shutil.copy(of_keras_2 / path.name, path)
    with h5py.File(path, "r+") as file:
        change(file)
    x, y = fed(of_keras_2 / f"{kind}.npz")
    for ours, theirs in zip(replayed(observed(path, tmp_path), x), y, strict=True):
        assert np.abs(ours - theirs).max() < 2e-6


def test_a_file_that_is_called_keras_may_be_hdf5(keras: Any, of_keras_2: Path, tmp_path: Path) -> None:
    shutil.copy(of_keras_2 / "lstm.h5", tmp_path / "lstm.keras")
    assert verify(observed(tmp_path / "lstm.keras", tmp_path)).passed


def test_an_archive_may_hold_its_layers_where_early_ones_did(keras: Any, of_keras_2: Path, tmp_path: Path) -> None:
    """Some of them counted each layer that has weights twice."""
    with zipfile.ZipFile(of_keras_2 / "seq2seq.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    raw = io.BytesIO(parts["model.weights.h5"])
    with h5py.File(raw, "r+") as file:
        file.move("layers", "_layer_checkpoint_dependencies")
        file.move("_layer_checkpoint_dependencies/lstm_1", "_layer_checkpoint_dependencies/lstm_2")
        file.create_group("_layer_checkpoint_dependencies/lstm_1/vars")
    with zipfile.ZipFile(tmp_path / "seq2seq.keras", "w") as archive:
        for name, part in {**parts, "model.weights.h5": raw.getvalue()}.items():
            archive.writestr(name, part)
    x, (y,) = fed(of_keras_2 / "seq2seq.npz")
    assert np.abs(replayed(observed(tmp_path / "seq2seq.keras", tmp_path), x)[0] - y).max() < 2e-6


def without_a_layer(file: h5py.File) -> None:
    del file["model_weights/lstm"]


def without_names(file: h5py.File) -> None:
    file["model_weights/lstm"].attrs["weight_names"] = np.array([], dtype="S1")


def with_another_shape(file: h5py.File) -> None:
    group = file["model_weights/lstm/lstm/lstm_cell"]
    del group["bias:0"]
    group["bias:0"] = np.zeros(7)


def with_one_too_many(file: h5py.File) -> None:
    names = list(file["model_weights/lstm"].attrs["weight_names"])
    file["model_weights/lstm"].attrs["weight_names"] = [*names, *names * 1000]


def saved_by_keras_1(file: h5py.File) -> None:
    file.attrs["keras_version"] = "1.2.2"


def on_theano(file: h5py.File) -> None:
    file["model_weights"].attrs["backend"] = "theano"


@pytest.mark.parametrize(
    ("kind", "change", "fragment"),
    [
        ("lstm", without_a_layer, "it has no weights of the layer 'lstm' that it names"),
        (
            "lstm",
            without_names,
            "the weights of layer 'lstm': expected kernel (4, 20), recurrent_kernel (5, 20), bias (20,);",
        ),
        ("lstm", with_another_shape, "got an array (4, 20), an array (5, 20), an array (7,)"),
        ("lstm", with_one_too_many, "the weights of layer 'lstm': expected"),
        ("lstm", saved_by_keras_1, "a model of Keras 1.2.2, of which only 2 and 3 are read; load it with Keras 2"),
        ("convolutions", on_theano, "layer 'conv1d': a convolution saved by Keras on Theano"),
    ],
)
def test_weights_that_are_not_the_model_s_are_refused(
    keras: Any, of_keras_2: Path, tmp_path: Path, kind: str, change: Callable[[h5py.File], None], fragment: str
) -> None:
    path = tmp_path / f"{kind}.h5"
    shutil.copy(of_keras_2 / path.name, path)
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(RequestError) as caught:
        observed(path, tmp_path)
    assert fragment in str(caught.value)
    assert str(path) in str(caught.value)


def test_the_json_report_has_the_note(keras: Any, of_keras_2: Path) -> None:
    result = CliRunner().invoke(main, ["run", str(of_keras_2 / "hard_sigmoid_lstm.h5"), "--format", "json"])
    found = json.loads(result.stdout)
    assert any(note.startswith(ANOTHER) for note in found["results"][0]["notes"])
    jsonschema.validate(found, report_schema())
