"""Saved models: what has no replay is refused before Keras could run it, and so is what is damaged."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.spec.malformed.refusals import check_refusal, run


def sequential(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": list(entries)}}


LAMBDA_CODE = {"class_name": "__lambda__", "config": {"code": "4w==", "defaults": None, "closure": None}}


def entry(class_name: str, module: str = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": config}


@pytest.mark.parametrize(
    ("config", "fragment"),
    [
        (sequential(entry("Lambda", name="f", trainable=True, function=LAMBDA_CODE)), "layer 'f': the class Lambda"),
        (sequential(entry("Lambda", function=LAMBDA_CODE)), "the class Lambda has no replay"),
        (sequential(entry("TimeDistributed", name="t", trainable=True, layer=entry("Lambda"))), "the class Lambda"),
        (sequential(entry("TorchModuleWrapper")), "the class TorchModuleWrapper has no replay"),
        (sequential(entry("Conv3D", name="c", trainable=True)), "layer 'c': the class Conv3D has no replay"),
        (sequential(entry("Mine", "my.package", name="m")), "layer 'm': my.package.Mine is a class of your own"),
        ({"module": "os", "class_name": "system", "config": "touch executed"}, "got os.system, a class of your own"),
        ({}, "expected a saved model"),
        ([[]], "expected a saved model"),
        (3, "expected a saved model"),
        (sequential(entry("InputLayer", name="i", batch_shape=[None, 3, 2])), "m.keras"),  # no weights in it
    ],
)
def test_a_saved_model_with_what_has_no_replay_is_refused(config: Any, fragment: str) -> None:
    with zipfile.ZipFile("m.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    check_refusal(run("m.keras"), "m.keras: ", fragment)


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
@pytest.mark.parametrize("raw", [b"", b"hello, world", b"PK\x03\x04" + bytes(100), b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_a_damaged_saved_model_is_refused(name: str, raw: bytes) -> None:
    Path(name).write_bytes(raw)
    check_refusal(run(name), f"{name}: not a saved Keras model", "give a .keras or .h5 file")


@pytest.mark.parametrize(
    "config", ["", "{", "[" * 100_000, "nan", "[" + " " * (1 << 27) + "]", b"\xff\xfe"], ids=lambda text: repr(text[:3])
)
def test_a_saved_model_whose_config_is_damaged_is_refused(config: str | bytes) -> None:
    with zipfile.ZipFile("m.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", config)
    check_refusal(run("m.keras"), "m.keras: ")


@pytest.mark.parametrize("attribute", [3, b"\xff", h5py.Empty("f"), np.ones(3), "[]"], ids=repr)
def test_an_h5_file_whose_config_is_damaged_is_refused(attribute: Any) -> None:
    with h5py.File("m.h5", "w") as file:
        file.attrs["model_config"] = attribute
    check_refusal(run("m.h5"), "m.h5: ")


def test_a_saved_model_under_a_spec_is_found_beside_the_spec() -> None:
    Path("specs").mkdir()
    Path("specs/m.keras").write_bytes(b"hello")
    Path("specs/spec.yaml").write_text("model: m.keras\n", encoding="utf-8")
    check_refusal(run("specs/spec.yaml"), str(Path("specs/m.keras")))
