"""What a stranger needs: a Python that will do, a first spec, an installation without TensorFlow."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

import rnnverify
from rnnverify.cli import main

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def a_python(folder: Path, version: str) -> Path:
    """A stand-in for Python of some version: it can say which one it is, and make an environment."""
    major, minor = version.split(".")
    program = folder / f"python{version}"
    program.write_text(
        f"""#!/bin/sh
case "$*" in
  *print*) echo {version} ;;
  *version_info*) [ {major}{int(minor):02d} -ge 311 ] ;;
  *venv*) mkdir -p .venv/bin; printf '#!/bin/sh\\necho "$0 $*"\\n' | tee .venv/bin/pip .venv/bin/rnnverify >/dev/null
          chmod +x .venv/bin/* ;;
esac
"""
    )
    program.chmod(0o755)
    return program


def made(folder: Path, python: Path | str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", "run", f"PYTHON={python}"], cwd=folder, capture_output=True, text=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_make_names_a_python_that_is_too_old(folder: Path) -> None:
    found = made(folder, a_python(folder, "3.10"))
    assert found.returncode == 2
    assert "needs Python 3.11 or newer" in found.stderr
    assert "is 3.10; name another one: make run PYTHON=python3.12" in found.stderr
    assert not (folder / ".venv").exists()
    assert "is not there" in made(folder, "no-such-python").stderr


def test_an_environment_of_another_python_is_made_anew(folder: Path) -> None:
    assert made(folder, a_python(folder, "3.12")).returncode == 0
    (folder / ".venv" / "old").touch()
    assert made(folder, a_python(folder, "3.12")).returncode == 0
    assert (folder / ".venv" / "old").exists()
    found = made(folder, a_python(folder, "3.13"))
    assert "rnnverify run configs/simple_rnn.yaml" in found.stdout
    assert not (folder / ".venv" / "old").exists()


def test_the_source_distribution_has_the_pages_and_nothing_that_is_missing() -> None:
    included = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["sdist"][
        "include"
    ]
    assert {"README.md", "docs", "mkdocs.yml", "tests"} <= set(included)
    assert [name for name in included if not (ROOT / name).exists()] == []


def test_what_builds_the_pages_is_an_extra_and_installed_for_the_tests() -> None:
    extras = PROJECT["optional-dependencies"]
    assert set(extras["docs"]) <= set(extras["test"])


def test_the_first_spec_matches_and_is_written_over_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["init"])
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "rnn.yaml is written; next: rnnverify run rnn.yaml\n"
    assert rnnverify.verify(rnnverify.load_spec("rnn.yaml")).passed
    (tmp_path / "rnn.yaml").write_text("mine")
    again = CliRunner().invoke(main, ["init"])
    assert (again.exit_code, again.stderr) == (
        2,
        "rnn.yaml: expected a new file, there is one already; give another name\n",
    )
    assert (tmp_path / "rnn.yaml").read_text() == "mine"
    assert CliRunner().invoke(main, ["init", "none/rnn.yaml"]).exit_code == 2


def test_what_the_first_spec_suggests_can_be_said(tmp_path: Path) -> None:
    """Its layers, without the signs that make them a comment."""
    path = tmp_path / "rnn.yaml"
    assert CliRunner().invoke(main, ["init", str(path)]).exit_code == 0
    text = path.read_text().replace("layer: LSTM", "# layer: LSTM")
    path.write_text(re.sub(r"(?m)^# (layers:|  - )", r"\1", text))
    assert [layer.class_name for layer in rnnverify.load_spec(str(path)).layers] == ["Bidirectional", "LSTM", "Dense"]


def test_all_but_tensorflow_and_keras_can_be_installed_by_the_line_on_the_page() -> None:
    line = re.search(r"pip install --no-deps \. && pip install (.*)", (ROOT / "docs" / "index.md").read_text())
    assert line is not None
    needed = {re.split(r"[>=<]", one)[0] for one in PROJECT["dependencies"]}
    assert set(line[1].split()) == needed - {"keras", "tensorflow"}


def test_an_observation_is_verified_where_there_is_no_tensorflow(tmp_path: Path) -> None:
    path = tmp_path / "seen.npz"
    spec = rnnverify.spec.spec_from_mapping({"N": 2, "T": 4, "D": 3, "M": 5, "K": 2, "layer": "GRU"})
    rnnverify.save_observation(rnnverify.observe(spec), path)
    code = f"""
import sys
for name in ("keras", "tensorflow", "h5py"):
    sys.modules[name] = None
from rnnverify.cli import main
main(["run", {str(path)!r}], prog_name="rnnverify")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "match: every step is right" in done.stdout
