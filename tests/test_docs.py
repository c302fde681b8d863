"""The pages say what is so."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from rnnverify import verify
from rnnverify.api import blind
from rnnverify.cli import main
from rnnverify.grids.grid import load_grid
from rnnverify.layers.operations import OPERATIONS
from rnnverify.layers.registry import LAYERS
from rnnverify.mistakes import MISTAKES
from rnnverify.spec import spec_from_mapping
from rnnverify.spec.data import KINDS
from rnnverify.spec.keys import SpecKeys
from tests.pages import ALL, PAGES, ROOT, blocks, skeleton

CONFIGS = {path.stem: path.read_text() for path in (ROOT / "configs").glob("*.yaml")}


def test_the_table_is_what_run_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(blind, "START", 60.0)  # on a slow machine too
    printed = CliRunner().invoke(main, ["run", "configs/simple_rnn.yaml"]).stdout
    shown = next(block for block in blocks("") if block.startswith("configs/simple_rnn.yaml"))

    def values(text: str) -> list[tuple[str, float]]:
        """What Keras predicted; machines differ in the last digits, and in which row is the worst."""
        rows = [line.split() for line in text.splitlines()]
        return sorted((words[0], float(words[5])) for words in rows if words[-1:] == ["ok"])

    assert skeleton(printed) == skeleton(shown)
    assert values(printed) == [(unit, pytest.approx(value, rel=1e-5)) for unit, value in values(shown)]
    assert len(values(shown)) == 2


def test_the_blind_spots_are_those_that_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    printed = CliRunner().invoke(main, ["blindspots", "configs/simple_rnn.yaml"]).stdout
    assert skeleton(printed) in [skeleton(block) for block in blocks("")]


def test_the_trace_is_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    printed = CliRunner().invoke(main, ["trace", "configs/lstm_softmax.yaml", "--sample", "0", "--unit", "2"]).stdout
    (shown,) = [block for block in blocks("") if block.startswith("lstm   sample 0")]
    assert skeleton(printed) == skeleton(shown)


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_has_a_config_and_a_test(name: str) -> None:
    assert any(re.search(rf"\b{name}\b", text) for text in CONFIGS.values()) or f"layer: {name}" in ALL
    tests = [path.read_text() for path in (ROOT / "tests" / "layers").glob("test_*.py")]
    assert any(re.search(rf"import .*\b{name}\b|^    {name},$|\"{name}\"", text, flags=re.MULTILINE) for text in tests)


def test_the_operations_are_those_that_have_a_replay() -> None:
    (told,) = re.findall(r"by their Keras class: (.*?)\. What", ALL, flags=re.DOTALL)
    assert re.findall(r"`(\w+)`", told) == list(OPERATIONS)


@pytest.mark.parametrize("command", main.commands)
def test_every_command_has_help_with_an_example_and_a_row(command: str) -> None:
    text = CliRunner().invoke(main, [command, "--help"]).stdout
    assert f"rnnverify {command} " in text.split("Examples:")[1]
    assert f"`rnnverify {command} " in ALL


@pytest.mark.parametrize("key", SpecKeys.model_fields)
def test_every_key_of_a_spec_is_explained(key: str) -> None:
    assert re.search(rf"^{key}:|`{key}`|`{key}: ", ALL, flags=re.MULTILINE)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_data_has_a_row(kind: str) -> None:
    assert re.search(rf"^\| `\{{?{kind}\b", ALL, flags=re.MULTILINE)


def test_the_specs_on_the_pages_match() -> None:
    found = [spec for block in blocks("yaml") if isinstance(spec := yaml.safe_load(block), dict)]
    found = [one for one in found if one.get("weights") != {"file": "weights.h5"}]
    specs, grids = [one for one in found if "grid" not in one], [one for one in found if "grid" in one]
    assert (len(specs), len(grids)) == (3, 1)
    for spec in specs:
        assert verify(spec_from_mapping(spec)).verdict == "match"


def test_the_grid_on_the_pages_is_one(tmp_path: Path) -> None:
    (grid,) = (block for block in blocks("yaml") if "\ngrid:" in block)
    (tmp_path / "grid.yaml").write_text(grid)
    loaded = load_grid(str(tmp_path / "grid.yaml"))
    assert len(loaded) == 100
    assert loaded.axes["T"] == (10, 20, 30, 40)
    assert loaded.axes["M"] == (4, 8, 16, 32, 64, 128, 256)


def test_every_room_has_a_row() -> None:
    package = ROOT / "rnnverify"
    rooms = {f"{path.name}/" for path in package.iterdir() if (path / "__init__.py").is_file()}
    rooms |= {"suite.py"}
    assert {room for room in rooms if f"`{room}`" not in PAGES["docs/contributing.md"]} == set()


def test_the_exercise_is_told_what_the_pages_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    (port,) = (block for block in blocks("python") if block.startswith("import numpy as np\n\n\ndef forward"))
    (tmp_path / "port.py").write_text(port)
    asked = ["compare", "configs/simple_rnn_batch.yaml", "--candidate", "port.py:forward"]
    (shown,) = (block for block in blocks("") if block.startswith("port.py:forward against"))
    printed = CliRunner().invoke(main, asked)
    assert printed.exit_code == 1
    assert f"rnnverify {' '.join(asked)}" in ALL
    assert skeleton(printed.stdout) == skeleton(shown)


def test_the_program_in_c_is_told_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    (program,) = blocks("c")
    (tmp_path / "port.c").write_text(program)
    subprocess.run(["cc", "-O2", "port.c", "-o", "port", "-lm"], check=True)
    candidate = ["--candidate", "cmd:./port {inputs} {outputs}", "--candidate-format", "raw"]
    (shown,) = (block for block in blocks("") if block.startswith("mistake: "))
    printed = CliRunner().invoke(main, ["compare", "configs/simple_rnn_batch.yaml", *candidate])
    assert printed.exit_code == 1
    assert skeleton(shown) in skeleton(printed.stdout)


def test_the_mistakes_are_counted() -> None:
    assert f"lists the {len(MISTAKES)} that are known" in ALL
    assert f"It knows [{len(MISTAKES)} mistakes]" in PAGES["README.md"]
