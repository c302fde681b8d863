"""What the repository offers to other repositories: an action for GitHub, and a hook for pre-commit."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
SPEC = "N: 2\nT: 4\nD: 3\nM: 5\nK: 2\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.rnn.yaml").write_text(SPEC)
    (tmp_path / "b.rnn.yaml").write_text(SPEC + "units: 3\n")
    return tmp_path


def ran(folder: Path, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A line of shell in a folder, with our command on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, **variables}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command], cwd=folder, env=environment, capture_output=True, text=True
    )


def test_the_action_checks_and_annotates(folder: Path) -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    check: dict[str, Any] = next(step for step in action["runs"]["steps"] if step.get("name") == "Check")
    given = {f"${{{{ inputs.{name} }}}}": one["default"] for name, one in action["inputs"].items()}
    variables = {name: given[value] for name, value in check["env"].items()}
    assert "${{" not in check["run"]
    found = ran(folder, check["run"], **variables)
    assert found.returncode == 2, found.stderr
    assert re.search(r"^::error file=b.rnn.yaml,line=6,title=rnnverify error::units: unknown key", found.stdout, re.M)
    found = ran(folder, check["run"], **{**variables, "PATHS": "a.rnn.yaml", "OPTIONS": "--set T=2"})
    assert (found.returncode, found.stdout) == (0, "1 spec: 1 match, 0 mismatch, 0 error\n")


def test_the_action_names_what_there_is() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    install = next(step for step in action["runs"]["steps"] if step.get("name") == "Install")
    assert "constraints.txt" in install["run"]
    assert (ROOT / "constraints.txt").is_file()
    minor = tuple(map(int, action["inputs"]["python-version"]["default"].split(".")))
    assert minor >= (3, 11)


def test_the_hook_checks_the_specs_that_are_committed(folder: Path) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["language"] == "python"
    assert re.search(hook["files"], "specs/a.rnn.yaml")
    assert not re.search(hook["files"], "mkdocs.yml")
    assert ran(folder, f"{hook['entry']} a.rnn.yaml").returncode == 0
    assert ran(folder, f"{hook['entry']} a.rnn.yaml b.rnn.yaml").returncode == 2
