"""A saved model is read once and made anew from what is allowed; Keras loads the copy, and nothing else."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from rnnverify import load_spec, verify
from rnnverify.errors import RequestError, UnsupportedError
from rnnverify.keras_model import saved
from rnnverify.layers.registry import LAYERS

WEIGHTS = "model.weights.h5"


@pytest.fixture(scope="module")
def right(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a right model, as m.keras and m.h5."""
    folder = tmp_path_factory.mktemp("right")
    layers = [keras.Input((4, 3)), keras.layers.LSTM(5, name="lstm"), keras.layers.Dense(2, name="dense")]
    model = keras.Sequential(layers, name="sequential")
    model.compile("adam", "mse")
    model.fit(np.ones((2, 4, 3)), np.ones((2, 2)), verbose=0)
    for name in ("m.keras", "m.h5"):
        model.save(folder / name)
    return folder


def copied(path: Path) -> None:
    with saved.checked_copy(load_spec(str(path)), LAYERS):
        pass


def rewritten(right: Path, path: Path, change: Callable[[h5py.File], None], packing: int = zipfile.ZIP_STORED) -> Path:
    """The right model with its HDF5 file changed, in either format."""
    shutil.copy(right / path.name, path)
    if path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            change(file)
        return path
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    raw = io.BytesIO(parts[WEIGHTS])
    with h5py.File(raw, "r+") as file:
        change(file)
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, part in {**parts, WEIGHTS: raw.getvalue()}.items():
            archive.writestr(name, part)
    return path


def unchanged(file: h5py.File) -> None:
    """Leave it as it is."""


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_keras_loads_a_copy_that_holds_nothing_of_training(
    keras: Any, right: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, seen = keras.models.load_model, {}

    def watched(path: str, **options: Any) -> Any:
        seen.update(path=path, raw=Path(path).read_bytes())
        return load(path, **options)

    monkeypatch.setattr(keras.models, "load_model", watched)
    assert verify(load_spec(str(right / name))).passed
    assert Path(seen["path"]).suffix == Path(name).suffix
    assert Path(seen["path"]).parent != right
    assert not Path(seen["path"]).exists()
    for word in (b"optimizer", b"Orthogonal", b"keras.initializers"):
        assert word in (right / name).read_bytes()
        assert word not in seen["raw"]


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_may_be_packed_anew(right: Path, tmp_path: Path, packing: int) -> None:
    assert verify(load_spec(str(rewritten(right, tmp_path / "m.keras", unchanged, packing)))).passed


def test_compressed_weights_are_read(right: Path, tmp_path: Path) -> None:
    def compress(file: h5py.File) -> None:
        group = file["model_weights/dense/sequential/dense"]
        values = group["kernel"][()]
        del group["kernel"]
        group.create_dataset("kernel", data=values, compression="gzip", shuffle=True, chunks=(5, 2))

    assert verify(load_spec(str(rewritten(right, tmp_path / "m.h5", compress)))).passed


def test_the_masks_that_keras_writes_into_a_graph_are_no_layers(keras: Any, tmp_path: Path) -> None:
    ids, x = keras.Input((5,), dtype="int32", name="ids"), keras.Input((5, 2), name="x")
    parts = [keras.layers.Embedding(9, 4, mask_zero=True)(ids), keras.layers.Masking()(x), x]
    keras.Model([ids, x], keras.layers.LSTM(3)(keras.layers.Concatenate()(parts))).save(tmp_path / "m.keras")
    assert verify(load_spec(str(tmp_path / "m.keras"))).passed


def test_layers_that_are_one_stay_one(keras: Any, tmp_path: Path) -> None:
    x, dense = keras.Input((4, 3)), keras.layers.Dense(3)
    keras.Model(x, dense(dense(x))).save(tmp_path / "m.keras")
    assert verify(load_spec(str(tmp_path / "m.keras"))).passed


@pytest.mark.parametrize("policy", ["bfloat16", "mixed_bfloat16", "float64"])
def test_weights_of_every_precision_come_back(keras: Any, tmp_path: Path, policy: str) -> None:
    x = keras.Input((4, 3))
    keras.Model(x, keras.layers.Dense(3, dtype=policy)(x)).save(tmp_path / "m.keras")
    assert verify(load_spec(str(tmp_path / "m.keras"))).passed


def external_link(file: h5py.File) -> None:
    top(file)["more"] = h5py.ExternalLink("/etc/passwd", "/")


def soft_link(file: h5py.File) -> None:
    top(file)["more"] = h5py.SoftLink("/elsewhere")


def external_data(file: h5py.File) -> None:
    top(file).create_dataset("more", (8,), "u1", external=[("/etc/passwd", 0, 8)])


def virtual_data(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((8,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "data", (8,))
    top(file).create_virtual_dataset("more", layout)


def group_in_itself(file: h5py.File) -> None:
    top(file)["more"] = top(file)


def many_groups(file: h5py.File) -> None:
    top(file)["a"] = [1.0]
    for _ in range(13):  # of which each holds the one before it twice
        group = top(file).create_group("b")
        group["x"] = group["y"] = top(file)["a"]
        del top(file)["a"]
        top(file).move("b", "a")


def unpacks_to_a_gigabyte(file: h5py.File) -> None:
    top(file).create_dataset("more", (1 << 30,), "u1", chunks=(1 << 20,), compression="gzip")


def filtered(file: h5py.File) -> None:
    top(file).create_dataset("more", data=np.arange(1000), chunks=(1000,), scaleoffset=0)


def texts(file: h5py.File) -> None:
    top(file)["more"] = ["a", "b"]


def named_type(file: h5py.File) -> None:
    top(file)["more"] = np.dtype("f4")


def top(file: h5py.File) -> h5py.Group:
    """A group that is copied, in either format."""
    return file["model_weights"] if "model_weights" in file else file["layers"]


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        (external_link, "expected all of it in one file, got a ExternalLink at more"),
        (soft_link, "expected all of it in one file, got a SoftLink at more"),
        (external_data, "that lies in others"),
        (virtual_data, "that lies in others"),
        (group_in_itself, "expected fewer than 30 groups within each other"),
        (many_groups, "expected at most 5000 groups and datasets"),
        (unpacks_to_a_gigabyte, "it unpacks to many times as much"),
        (filtered, "expected another compression"),
        (texts, "expected numbers"),
        (named_type, "expected groups and arrays, got a Datatype at more"),
    ],
)
def test_an_hdf5_file_that_is_no_plain_one_is_refused(
    right: Path, tmp_path: Path, name: str, change: Callable[[h5py.File], None], fragment: str
) -> None:
    path = rewritten(right, tmp_path / name, change)
    with pytest.raises(RequestError) as caught:
        copied(path)
    assert str(caught.value).startswith(f"{path}: not a saved Keras model: ")
    assert fragment in str(caught.value)


def test_an_endless_file_and_one_that_crashes_the_library_are_refused(
    right: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for code, fragment in ((-signal.SIGXCPU, "takes longer than any file of its size"), (-signal.SIGSEGV, "crashes")):
        monkeypatch.setattr(
            saved.subprocess, "run", lambda *_, code=code, **__: subprocess.CompletedProcess([], code, b"")
        )
        with pytest.raises(RequestError, match=fragment):
            copied(right / "m.h5")


def test_the_process_that_reads_hdf5_has_little_time_and_memory() -> None:
    code = (
        "from rnnverify.keras_model import hdf5_copy\nhdf5_copy.SECONDS = 1\nhdf5_copy.limit(0)\n"
        "try: bytearray(2 << 30)\nexcept MemoryError: print('refused', flush=True)\nwhile True: pass"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGXCPU, "refused\n")


def test_code_in_the_working_folder_is_not_run(right: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("h5py", "numpy", "rnnverify"):
        (tmp_path / f"{name}.py").write_text("import os; os._exit(7)")
    copied(right / "m.h5")


def test_a_file_that_is_both_formats_is_read_as_the_one_that_is_loaded(right: Path, tmp_path: Path) -> None:
    """HDF5 from its beginning, and an archive from its end, with another model in it."""
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("config.json", json.dumps(sequential(entry("Lambda"))))
    both = (right / "m.h5").read_bytes() + other.read_bytes()
    assert zipfile.is_zipfile(io.BytesIO(both))
    (tmp_path / "m.h5").write_bytes(both)
    assert verify(load_spec(str(tmp_path / "m.h5"))).passed
    (tmp_path / "m.keras").write_bytes(both)
    with pytest.raises(UnsupportedError, match="the class Lambda has no replay"):
        copied(tmp_path / "m.keras")


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": list(layers)}}


def entry(class_name: str, module: str | None = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": {"name": "mine", "trainable": True, **config}}


def archived(path: Path, config: Any) -> Path:
    """A .keras file with this config and nothing else in it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
    return path


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"\x89HDF\r\n\x1a\n broken"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    for name in ("m.keras", "m.h5"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RequestError, match="not a saved Keras model"):
            copied(tmp_path / name)


@pytest.mark.parametrize("name", ["m.keras", "m.txt", "m"])
def test_what_is_no_file_of_a_model_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "spec.yaml").write_text(f"model: {name}\n")
    (tmp_path / name).write_bytes(b"hello")
    spec = load_spec(str(tmp_path / "spec.yaml"))
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    wanted = "no such file" if name == "m.keras" else "a file ending in .keras or .h5 or .hdf5"
    with pytest.raises(RequestError, match=wanted), saved.checked_copy(spec, LAYERS):
        pass


@pytest.mark.parametrize("units", [10**6, 2**31 - 1])
@pytest.mark.parametrize("module", ["keras.layers", None])
def test_a_small_file_of_a_large_model_is_refused_before_keras_makes_it(
    tmp_path: Path, units: int, module: str | None
) -> None:
    layers = [entry("InputLayer", batch_shape=[None, 4, 3]), entry("LSTM", module, name="large", units=units)]
    with pytest.raises(RequestError, match=r"expected sizes that fit into memory .* of which large takes"):
        copied(archived(tmp_path / "m.keras", sequential(*layers)))


def test_the_samples_and_timesteps_of_a_saved_model_must_fit_into_memory(right: Path) -> None:
    for key in ("N", "T"):
        spec = load_spec(str(right / "m.keras"), [(key, 2_000_000_000)])
        wanted = "expected 4, which the model" if key == "T" else "expected sizes that fit into memory"
        with pytest.raises(RequestError, match=wanted):
            verify(spec)


def test_a_config_that_unpacks_to_megabytes_is_refused(tmp_path: Path) -> None:
    path = archived(tmp_path / "m.keras", "[" + " " * (5 << 20) + "]")
    with pytest.raises(RequestError, match=r"its config.json is larger than 4194304 bytes"):
        copied(path)


def test_weights_that_unpack_to_many_times_their_size_are_refused(right: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(right / "m.keras") as archive:
        config = archive.read("config.json").decode()
    path = archived(tmp_path / "m.keras", config)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open(WEIGHTS, "w") as weights:
        for _ in range(70):
            weights.write(bytes(1 << 20))
    with pytest.raises(RequestError, match="expected a file that unpacks to at most 20 times its size"):
        copied(path)
