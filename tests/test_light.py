"""Help, schemas and refusals come at once: nothing that they need imports Keras, TensorFlow or NumPy's heavy friends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("keras", "tensorflow", "h5py", "torch", "jax", "altair", "vl_convert", "jinja2")
CLI = "from rnnverify.cli import main\nmain({arguments!r}, prog_name='rnnverify', standalone_mode=False)"


def imported(code: str, folder: Path) -> set[str]:
    """Which of the heavy packages are there after this code, in a Python of its own; whether it failed is no matter."""
    watched = f"import sys\ntry:\n    exec({code!r})\nexcept BaseException:\n    pass\n" + (
        f"print('\\nheavy', *(name for name in {HEAVY!r} if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", watched],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=120,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


def run_imports(folder: Path, *arguments: str) -> set[str]:
    return imported(CLI.format(arguments=list(arguments)), folder)


def test_importing_the_package_is_light(tmp_path: Path) -> None:
    assert imported("import rnnverify", tmp_path) == set()


def test_importing_the_package_does_not_even_import_numpy(tmp_path: Path) -> None:
    code = "import rnnverify, sys\nif 'numpy' in sys.modules: import keras"
    assert imported(code, tmp_path) == set()


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["check", "--help"], ["schema"], ["--version"]])
def test_help_and_schemas_are_light(tmp_path: Path, arguments: list[str]) -> None:
    assert run_imports(tmp_path, *arguments) == set()


@pytest.mark.parametrize(
    "text",
    [
        "N: 0\n",
        "N: [\n",
        "layers: [Lambda]\n",
        "N: 2000000000\nT: 3\nD: 2\nM: 4\nK: 2\n",
        "N: 2\nT: 3\nD: 2\nM: 4\nK: 2\ndata: {file: missing.npy}\n",
        "model: missing.keras\n",
        "N: 2\nT: 3\nD: 2\nlayers:\n  - LSTM: {units: 2}\n  - LSTM: {units: 2}\n",
    ],
)
def test_a_spec_is_refused_before_anything_heavy_is_imported(tmp_path: Path, text: str) -> None:
    (tmp_path / "spec.yaml").write_text(text, encoding="utf-8")
    assert run_imports(tmp_path, "run", "spec.yaml") == set()


def test_the_check_finds_a_heavy_import(tmp_path: Path) -> None:
    assert imported("import h5py", tmp_path) == {"h5py"}


def test_the_check_finds_keras_behind_a_run(tmp_path: Path) -> None:
    """The same way as above, with a spec that is right."""
    (tmp_path / "spec.yaml").write_text("N: 1\nT: 2\nD: 2\nM: 2\nK: 1\n", encoding="utf-8")
    assert {"keras", "tensorflow"} <= run_imports(tmp_path, "run", "spec.yaml")
