"""The import contracts hold, and a module that breaks one is named."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter over the package in a folder."""
    tool = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [tool, "--no-cache"], cwd=folder, capture_output=True, text=True, env={"PYTHONPATH": str(folder)}
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "rnnverify", tmp_path / "rnnverify", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_hold(copy: Path) -> None:
    result = lint(copy)
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("module", "line", "named"),
    [
        ("verification/verdict.py", "import keras", "rnnverify.verification.verdict -> keras"),
        ("cli/run.py", "import tensorflow", "rnnverify.cli.run -> tensorflow"),
        ("layers/lstm.py", "import rich", "rnnverify.layers.lstm -> rich"),
        (
            "layers/graph.py",
            "import rnnverify.keras_model.session",
            "rnnverify.layers.graph -> rnnverify.keras_model.session",
        ),
        (
            "keras_model/session.py",
            "import rnnverify.layers.lstm",
            "rnnverify.keras_model.session -> rnnverify.layers.lstm",
        ),
        (
            "spec/model.py",
            "import rnnverify.verification.verdict",
            "rnnverify.spec.model -> rnnverify.verification.verdict",
        ),
        (
            "verification/verdict.py",
            "import rnnverify.report.table",
            "rnnverify.verification.verdict -> rnnverify.report.table",
        ),
        ("keras_model/weights.py", "import click", "rnnverify.keras_model.weights -> click"),
    ],
)
def test_a_module_that_breaks_a_contract_is_named(copy: Path, module: str, line: str, named: str) -> None:
    path = copy / "rnnverify" / module
    path.write_text(
        path.read_text().replace("from __future__ import annotations", f"from __future__ import annotations\n{line}", 1)
    )
    result = lint(copy)
    assert result.returncode != 0
    assert named in " ".join(result.stdout.split())


@pytest.mark.parametrize("path", ["helpers.py", "viewer/__init__.py"])
def test_a_module_that_nobody_has_placed_is_named(copy: Path, path: str) -> None:
    added = copy / "rnnverify" / path
    added.parent.mkdir(exist_ok=True)
    added.write_text("")
    result = lint(copy)
    assert result.returncode != 0
    assert path.split(".")[0].split("/")[0] in result.stdout
    assert "BROKEN" in result.stdout or "exhaustive" in result.stdout.lower()


def test_the_hall_stays_small() -> None:
    """At most eight files at the top of the package, and no module that is not read in one go."""
    package = ROOT / "rnnverify"
    assert len([path for path in package.iterdir() if path.is_file()]) <= 8
    lengths = {path: len(path.read_text().splitlines()) for path in package.rglob("*.py")}
    assert {str(path): length for path, length in lengths.items() if length > 250} == {}
