"""Damaged and hostile files of models: each is refused with one message; nothing in it is run, and nothing written."""

from __future__ import annotations

import base64
import io
import json
import marshal
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from rnnverify.cli import main

MARK = "it-ran"
CODE = base64.b64encode(marshal.dumps(compile(f"open({MARK!r}, 'w')", "code", "eval"))).decode()
LAMBDA = {"class_name": "__lambda__", "config": {"code": CODE, "defaults": None, "closure": None}}
Weights = dict[str, dict[str, Any]]
Change = Callable[[Any], None]

INPUT = {"class_name": "InputLayer", "config": {"name": "x", "batch_input_shape": [None, 4, 3], "dtype": "float32"}}
LSTM = {"name": "l", "units": 2, "activation": "tanh", "recurrent_activation": "hard_sigmoid", "use_bias": True}
WEIGHTS: Weights = {
    "l": {"l/kernel:0": np.ones((3, 8)), "l/recurrent_kernel:0": np.ones((2, 8)), "l/bias:0": np.ones(8)},
    "d": {"d/kernel:0": np.ones((2, 1)), "d/bias:0": np.ones(1)},
}


def layer(class_name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": config}


def dense(**config: Any) -> dict[str, Any]:
    return layer("Dense", **{"name": "d", "units": 1, "activation": "linear", "use_bias": True, **config})


def model(*layers: Any) -> dict[str, Any]:
    return layer("Sequential", name="s", layers=[INPUT, layer("LSTM", **LSTM), *layers])


def graph(*layers: Any) -> dict[str, Any]:
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [["d", 0, 0]]}
    return layer("Model", name="m", layers=[{**INPUT, "name": "x", "inbound_nodes": []}, *layers], **ends)


def called(one: dict[str, Any], *calls: Any) -> dict[str, Any]:
    return {**one, "name": one["config"]["name"], "inbound_nodes": [[list(call) for call in calls]]}


def hdf5(config: Any, change: Change | None = None, weights: Weights = WEIGHTS) -> bytes:
    """An .h5 file as Keras 2 wrote them."""
    raw = io.BytesIO()
    with h5py.File(raw, "w") as file:
        file.attrs["keras_version"] = "2.2.4"
        file.attrs["model_config"] = config if isinstance(config, str) else json.dumps(config)
        top = file.create_group("model_weights")
        top.attrs["layer_names"] = [name.encode() for name in weights]
        for name, arrays in weights.items():
            group = top.create_group(name)
            group.attrs["weight_names"] = [label.encode() for label in arrays]
            for label, array in arrays.items():
                group[label] = array
        if change is not None:
            change(file)
    return raw.getvalue()


def archive(config: Any, weights: bytes | None = None, metadata: str = '{"keras_version": "2.15.0"}') -> bytes:
    """A .keras file as Keras 2 wrote them."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("metadata.json", metadata)
        file.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
        file.writestr("model.weights.h5", hdf5({}, numbered) if weights is None else weights)
    return raw.getvalue()


def numbered(file: Any) -> None:
    """The weights of an archive, beside which there is no config."""
    del file.attrs["model_config"], file["model_weights"]
    for place, arrays in {"lstm/cell": WEIGHTS["l"], "dense": WEIGHTS["d"]}.items():
        for index, array in enumerate(arrays.values()):
            file[f"layers/{place}/vars/{index}"] = array


def without(raw: bytes, name: str) -> bytes:
    """An archive that lacks a part."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as before, zipfile.ZipFile(made, "w") as after:
        for one in before.namelist():
            if one != name:
                after.writestr(one, before.read(one))
    return made.getvalue()


def with_a_password(raw: bytes) -> bytes:
    """The flag alone, in the archive's directory."""
    at = raw.index(b"PK\x01\x02") + 8
    return raw[:at] + bytes([raw[at] | 1]) + raw[at + 1 :]


CONFIGS: dict[str, Any] = {
    "lambda": model(layer("Lambda", name="m", function=[CODE, None, None], function_type="lambda")),
    "lambda inside a layer": model(layer("TimeDistributed", name="t", layer=layer("Lambda", function=LAMBDA))),
    "lambda inside a direction": model(
        layer("Bidirectional", name="b", layer=layer("LSTM", **LSTM), backward_layer=layer("Lambda", function=LAMBDA))
    ),
    "lambda in a graph": graph(called(layer("Lambda", name="d", function=LAMBDA), ["x", 0, 0, {}])),
    "lambda as an activation": model(dense(activation=LAMBDA)),
    "code as an activation": model(dense(activation={"class_name": "function", "config": "mine>f", "module": "mine"})),
    "code as an initializer": model(dense(kernel_initializer={**layer("f"), "module": "mine"})),
    "a module of the user's": model({**dense(), "module": "mine", "registered_name": "mine>D"}),
    "a module of Python's": model({**layer("system", command=f"touch {MARK}"), "module": "os"}),
    "a function of Keras's": model({**layer("get_file", origin="file:///etc/passwd"), "module": "keras.utils"}),
    "a layer that loads a folder": model(layer("TFSMLayer", name="t", filepath="/tmp")),
    "an operation": model(layer("TFOpLambda", name="o", function="math.add")),
    "a class of the user's": layer("Mine", name="s", layers=[INPUT]),
    "no model": [1, 2, 3],
    "no layers": layer("Sequential", name="s", layers=3),
    "a layer that is a number": model(3),
    "layers without end": "[" * 100_000,
    "half a document": json.dumps(model(dense()))[:-30],
    "megabytes of nothing": "[" + " " * (5 << 20) + "]",
    "a layer of terabytes": model(dense(units=2**40)),
    "a layer of gigabytes": model(dense(units=2**31 - 1)),
    "a thousand layers": model(*[dense(name=f"d{index}") for index in range(1000)]),
    "a circle": graph(called(dense(name="c"), ["d", 0, 0, {}]), called(dense(), ["c", 0, 0, {}])),
    "two layers of one name": graph(called(dense(), ["x", 0, 0, {}]), called(dense(), ["x", 0, 0, {}])),
    "a call on nothing": graph(called(dense(), ["y", 0, 0, {}])),
    "a name with a line in it": model(dense(name="d\nd")),
    "time first": model(layer("GRU", **{**LSTM, "name": "g", "time_major": True})),
}


def external_link(file: Any) -> None:
    file["model_weights/l/more"] = h5py.ExternalLink("/etc/passwd", "/")


def soft_link(file: Any) -> None:
    file["model_weights/l/more"] = h5py.SoftLink("/model_weights")


def external_data(file: Any) -> None:
    file["model_weights/l"].create_dataset("more", (8,), "u1", external=[("/etc/passwd", 0, 8)])


def itself(file: Any) -> None:
    file["model_weights/l/more"] = file["model_weights"]


def unpacking(file: Any) -> None:
    file["model_weights/l"].create_dataset("more", (1 << 30,), "u1", chunks=(1 << 20,), compression="gzip")


def references(file: Any) -> None:
    file["model_weights/l"].create_dataset("more", data=np.array([file.ref], dtype=h5py.ref_dtype))


def one_array_many_times(file: Any) -> None:
    file["model_weights/l"].attrs["weight_names"] = np.array([b"l/kernel:0"] * 3000)


def named_and_missing(file: Any) -> None:
    file["model_weights"].attrs["layer_names"] = np.array([b"l", b"../../etc/passwd"])


def absolute(file: Any) -> None:
    file["model_weights/l"].attrs["weight_names"] = np.array([b"/model_weights"] * 3)


def no_weights(file: Any) -> None:
    del file["model_weights"]


RIGHT = model(dense())
FILES: dict[str, tuple[str, Callable[[], bytes]]] = {  # by what is wrong: a file's name, and what makes it
    **{
        f"{name}, as .h5": ("m.h5", partial(hdf5, config))
        for name, config in CONFIGS.items()
        if name != "megabytes of nothing"
    },
    **{f"{name}, as .keras": ("m.keras", partial(archive, config)) for name, config in CONFIGS.items()},
    **{
        change.__name__.replace("_", " "): ("m.h5", partial(hdf5, RIGHT, change))
        for change in (
            *(external_link, soft_link, external_data, itself, unpacking, references),
            *(one_array_many_times, named_and_missing, absolute, no_weights),
        )
    },
    "weights of another shape": (
        "m.h5",
        partial(hdf5, RIGHT, weights={**WEIGHTS, "d": {"d/kernel:0": np.ones((3, 1))}}),
    ),
    "weights that are texts": ("m.h5", partial(hdf5, RIGHT, weights={**WEIGHTS, "d": {"d/kernel:0": [b"a", b"b"]}})),
    "weights that are no numbers": (
        "m.h5",
        partial(hdf5, RIGHT, weights={**WEIGHTS, "d": {"d/kernel:0": np.full((2, 1), np.nan), "d/bias:0": np.ones(1)}}),
    ),
    "half a file": ("m.h5", lambda: hdf5(RIGHT)[:3000]),
    "no file": ("m.h5", bytes),
    "a beginning": ("m.h5", lambda: b"\x89HDF\r\n\x1a\n" + bytes(100)),
    "half an archive": ("m.keras", lambda: archive(RIGHT)[:-100]),
    "an archive with a password": ("m.keras", lambda: with_a_password(archive(RIGHT))),
    "an archive without weights": ("m.keras", lambda: without(archive(RIGHT), "model.weights.h5")),
    "an archive without a config": ("m.keras", lambda: without(archive(RIGHT), "config.json")),
    "an archive whose weights are none": ("m.keras", partial(archive, RIGHT, b"PK")),
    "an archive that unpacks to megabytes": ("m.keras", lambda: archive(RIGHT, bytes(90 << 20))),
    "an archive that says nothing in megabytes": ("m.keras", partial(archive, RIGHT, metadata=" " * (5 << 20) + "{}")),
    "an archive that says half of it": ("m.keras", partial(archive, RIGHT, metadata="{")),
    "an archive of Keras 1": ("m.keras", partial(archive, RIGHT, metadata='{"keras_version": "1.0.0"}')),
    "an archive with the weights of more layers": (
        "m.keras",
        partial(archive, model(dense(), dense(name="e", units=3))),
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_or_hostile_file_is_refused_and_does_nothing(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, make = FILES[name]
    (tmp_path / file).write_bytes(make())
    (tmp_path / "mine.py").write_text(f"open({MARK!r}, 'w')\ndef f(x): return x\n")
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    result = CliRunner().invoke(main, ["run", file])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert file in result.stderr or "no numbers" in name
    assert "Traceback" not in result.stderr
    assert sorted(one.name for one in tmp_path.rglob("*")) == sorted([file, "mine.py", "temporary"])


def test_the_file_that_they_are_made_of_is_right(keras: Any, tmp_path: Path) -> None:
    for name, raw in {"m.h5": hdf5(RIGHT), "m.keras": archive(RIGHT)}.items():
        (tmp_path / name).write_bytes(raw)
        result = CliRunner().invoke(main, ["run", str(tmp_path / name)])
        assert result.exit_code == 0, result.output
        assert "Keras 3 computes another function" in result.output
