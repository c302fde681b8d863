"""A saved model is looked at before Keras loads it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from rnnverify import load_spec, verify
from rnnverify.errors import RequestError, UnsupportedError
from rnnverify.keras_model.saved import check_saved_classes
from rnnverify.layers.registry import LAYERS


def saved(path: Path, *layers: dict[str, Any]) -> str:
    """A .keras file with these layers and nothing else in it."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "config.json", json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": layers}})
        )
    return str(path)


def layer(class_name: str, module: str = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": {"name": "mine", "trainable": True, **config}}


def test_a_lambda_layer_is_refused_by_name_and_never_loaded(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.keras", layer("Lambda", function={"class_name": "__lambda__", "config": {"code": "x"}}))
    with pytest.raises(UnsupportedError, match="layer 'mine': the class Lambda has no replay"):
        verify(load_spec(path))


def test_a_layer_inside_a_wrapper_is_seen(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.keras", layer("TimeDistributed", layer=layer("Lambda")))
    with pytest.raises(UnsupportedError, match="Lambda"):
        check_saved_classes(path, LAYERS)


def test_a_part_from_a_module_other_than_keras_is_refused(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "m.keras", layer("Dense", kernel_initializer={"module": "os", "class_name": "system", "config": {}})
    )
    with pytest.raises(UnsupportedError, match="parts of Keras alone, got one from the module 'os'"):
        check_saved_classes(path, LAYERS)


def test_the_masks_that_keras_writes_into_a_graph_are_no_layers(keras: Any, tmp_path: Path) -> None:
    ids = keras.Input((5,), dtype="int32", name="ids")
    y = keras.layers.LSTM(3)(keras.layers.Embedding(9, 4, mask_zero=True)(ids))
    keras.Model(ids, y).save(tmp_path / "m.keras")
    assert verify(load_spec(str(tmp_path / "m.keras"))).passed


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"\x89HDF\r\n\x1a\n broken"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    for name in ("m.keras", "m.h5"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RequestError, match="not a saved Keras model"):
            check_saved_classes(str(tmp_path / name), LAYERS)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no such file"):
        check_saved_classes(str(tmp_path / "m.keras"), LAYERS)
