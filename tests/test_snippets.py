"""Every snippet on the pages runs: here, in a notebook where it is one, or in the test that is named."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from rnnverify.cli import main
from rnnverify.layers.lstm import LSTMCell
from rnnverify.layers.registered import REGISTERED
from tests.candidates.test_engines import lstm, written
from tests.notebooks import executed
from tests.pages import ALL, PAGES, READ, ROOT, blocks, blocks_on, skeleton

# How each block begins, and what runs it.
RUN_BY = {
    "make run": "test_snippets.py::test_make_has_both_targets",
    "N: 1 ": "test_docs.py::test_the_specs_on_the_pages_match",
    "configs/simple_rnn.yaml   float32": "test_docs.py::test_the_table_is_what_run_prints",
    "match: every step is right": "test_snippets.py::test_a_chaotic_model_is_told_so",
    "mismatch  configs/": "test_snippets.py::test_swapped_gates_are_told_so",
    "import keras, numpy": "test_snippets.py::test_the_exercise_gives_in_a_notebook_what_it_says",
    "import keras\nimport numpy": "test_snippets.py::test_a_cell_of_ones_own_is_verified_as_the_page_says",
    "import numpy as np\n\n\ndef forward": "test_docs.py::test_the_exercise_is_told_what_the_pages_say",
    "port.py:forward against": "test_docs.py::test_the_exercise_is_told_what_the_pages_say",
    "configs/simple_rnn.yaml\n\n would": "test_docs.py::test_the_blind_spots_are_those_that_are_printed",
    "lstm   sample 0": "test_docs.py::test_the_trace_is_what_is_printed",
    "#include": "test_docs.py::test_the_program_in_c_is_told_what_the_page_says",
    "mistake: ": "test_docs.py::test_the_program_in_c_is_told_what_the_page_says",
    "rnnverify vectors": "test_snippets.py::test_vectors_are_held_against_a_port_in_c",
    "N: 4 ": "test_docs.py::test_the_specs_on_the_pages_match",
    "N: 3\nT: 7": "test_docs.py::test_the_specs_on_the_pages_match",
    "base: ": "test_docs.py::test_the_grid_on_the_pages_is_one",
    "dask scheduler --port": "test_snippets.py::test_dask_has_these_commands",
    "dask scheduler --protocol tls": "test_snippets.py::test_dask_has_these_commands",
    "pip install --no-deps": "test_packaging.py::test_all_but_tensorflow_and_keras_can_be_installed_by_the_line_on_the_page",
    "- uses: actions/checkout@v4\n- run": "test_snippets.py::test_the_step_of_a_ci_server_is_a_command",
    "- uses: actions/checkout@v4\n- uses": "test_snippets.py::test_the_action_takes_what_the_page_gives_it",
    "from rnnverify.testing": "test_snippets.py::test_the_assertions_hold_in_a_test_suite",
    "rnnverify compare model.keras": "test_snippets.py::test_exporters_engines_and_backends_are_put_on_trial",
    "import rnnverify\n\nspec": "test_snippets.py::test_the_library_runs_in_a_notebook",
    "spec/ ": "",  # a picture
    "sd(z) = ": "",  # a formula
    "pip install .\nrnnverify init": "test_packaging.py::test_the_first_spec_matches_and_is_written_over_nothing",
    "rnnverify run old.h5": "keras_model/test_of_keras_2.py::test_an_old_file_is_verified_by_the_command_on_its_page",
    "N: 4\nT: 7\nD: 3": "keras_model/test_weights_alone.py::test_the_spec_on_the_page_takes_them",
}


def every_block() -> Iterator[str]:
    languages = {one.language for page in PAGES if page not in READ for one in blocks_on(page)}
    for language in sorted(languages):
        yield from blocks(language)


def block(start: str) -> str:
    """The one that begins so."""
    (found,) = (one for one in every_block() if one.startswith(start))
    return found


def test_every_block_is_run_by_a_test() -> None:
    for start, test in RUN_BY.items():
        assert block(start)
        file, _, name = test.partition("::")
        assert not test or f"def {name}(" in (ROOT / "tests" / file).read_text()
    assert [one for one in every_block() if not one.startswith(tuple(RUN_BY))] == []


def test_make_has_both_targets() -> None:
    for line in block("make run").splitlines():
        command, _, says = line.partition("#")
        planned = subprocess.run([*shlex.split(command), "-n"], cwd=ROOT, capture_output=True, text=True, check=True)
        assert ("rnnverify run configs/simple_rnn.yaml" if "table" in says else "pytest") in planned.stdout


def test_a_chaotic_model_is_told_so() -> None:
    """T=500, M=64 with kernels times 4: the figures are the machine's, the sentences are not."""
    settings = (part for one in ("T=500", "M=64", "weights.scale=4") for part in ("--set", one))
    printed = CliRunner().invoke(main, ["run", str(ROOT / "configs" / "simple_rnn.yaml"), *settings])
    assert printed.exit_code == 0
    match, parting = skeleton(block("match: every step is right")).split(" The errors ")
    assert match in skeleton(printed.stdout)
    assert f"The errors {parting}" in skeleton(printed.stdout)


def test_swapped_gates_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    right = LSTMCell.gates

    def swapped(weights: Any) -> Any:
        i, f, c, o = np.split(weights, 4, axis=-1)
        return np.concatenate([i, c, f, o], axis=-1)

    def wrong(self: LSTMCell, zx: Any, h: Any) -> Any:
        return right(replace(self, recurrent_kernel=swapped(self.recurrent_kernel)), swapped(zx), h)

    monkeypatch.setattr(LSTMCell, "gates", wrong)
    monkeypatch.chdir(ROOT)
    *shown, summary, hint = block("mismatch  configs/").splitlines()
    for line in shown:
        printed = CliRunner().invoke(main, ["check", line.split()[1]])
        assert skeleton(line) == skeleton(printed.stdout.splitlines()[0])
        assert hint == printed.stdout.splitlines()[-1]
    specs = list((ROOT / "configs").glob("*.yaml"))
    assert summary.startswith(f"{len(specs)} specs: ")


def test_the_exercise_gives_in_a_notebook_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    *cells, results = block("import keras, numpy").split("\n\n")
    difference, verdict = results.splitlines()
    *silent, first, second = executed([*cells, difference, verdict], tmp_path, monkeypatch)
    assert silent == [[]] * len(cells)
    assert "about 2e-16" in difference
    assert 0 < float(re.findall(r"[\d.]+e-\d+", first[0].data["text/plain"])[0]) < 2e-15
    assert second[0].data["text/plain"] == "'match'"
    assert [len(first), len(second)] == [1, 1]


def test_without_the_rounding_of_the_inputs_it_is_what_the_page_says() -> None:
    lines = [line for line in block("import keras, numpy").splitlines() if "np.float32" not in line]
    assert "about 5e-8" in ALL
    names: dict[str, Any] = {}
    *loop, difference, _ = lines
    exec("\n".join(loop), names)
    assert 1e-9 < eval(difference.partition("#")[0], names) < 1e-6


def test_the_library_runs_in_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "a.yaml").write_text(block("N: 1 "))
    (tmp_path / "grid.yaml").write_text("base: specs/a.yaml\ngrid: {N: [1, 2], T: [3, 4]}\n")
    names = (
        "import numpy as np\nlayer = keras.layers.LSTM(4)\nx = np.ones((2, 5, 3), 'float32')\nlayer(x)\n"
        "mask = np.ones((2, 5), bool)\nh = c = np.zeros((2, 4))"
    )
    cells = block("import rnnverify\n\nspec").split("\n\n")
    _, *shown = executed([names, *cells], tmp_path, monkeypatch)
    kinds = [[output.output_type for output in outputs] for outputs in shown]
    assert kinds == [[], ["execute_result"], [], ["execute_result"]]
    assert shown[1][0].data["text/plain"].startswith("(True,\n 'match',")
    assert shown[3][0].data["text/plain"].startswith("Summary(points=4, matches=4,")


def test_a_cell_of_ones_own_is_verified_as_the_page_says() -> None:
    *lines, last = block("import keras\nimport numpy").splitlines()
    names: dict[str, Any] = {}
    exec("\n".join(lines), names)
    try:
        assert eval(last.partition("#")[0], names).verdict == "match"
    finally:
        del REGISTERED["Peephole"]


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler here")
def test_vectors_are_held_against_a_port_in_c(tmp_path: Path) -> None:
    """A port that does nothing: it compiles, is called, and is no match."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    first, *rest = block("rnnverify vectors").splitlines()
    command = f'rnnverify() {{ {shlex.quote(sys.executable)} -m rnnverify "$@"; }}; {first}'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(["bash", "-ec", command], cwd=tmp_path, env=environment, check=True, capture_output=True)
    (prototype,) = re.findall(
        r"^void port\(.*\);", (tmp_path / "vectors" / "vectors.h").read_text(), flags=re.MULTILINE
    )
    (tmp_path / "vectors" / "port.c").write_text(f'#include "vectors.h"\n{prototype[:-1]} {{}}\n')
    done = subprocess.run(["bash", "-c", "\n".join(rest)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.startswith("mismatch")


@pytest.mark.parametrize("start", ["dask scheduler --port", "dask scheduler --protocol tls"])
def test_dask_has_these_commands(start: str) -> None:
    *both, own = block(start).splitlines()
    ours = CliRunner().invoke(main, ["sweep", "--help"]).stdout
    assert all(word in ours for word in shlex.split(own) if word.startswith("--"))
    for line in both:
        words = shlex.split(line, comments=True)
        options = [word for word in words if word.startswith("--")]
        module = f"distributed.cli.dask_{words[1]}"
        told = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True)
        assert options
        assert all(option in told.stdout for option in options)


def test_the_assertions_hold_in_a_test_suite(keras: Any) -> None:
    given = keras.Input((4, 3))
    model = keras.Model(given, keras.layers.SimpleRNN(5)(given))
    kernel, recurrent, bias = model.get_weights()

    def forward(x: Any, weights: Any) -> Any:
        h = np.zeros((len(x), 5))
        for t in range(x.shape[1]):
            h = np.tanh(x[:, t] @ kernel + h @ recurrent + bias)
        return h

    x = np.random.default_rng(1).standard_normal((2, 4, 3)).astype(np.float32)
    exec(block("from rnnverify.testing"), {"model": model, "x": x, "forward": forward})
    with pytest.raises(AssertionError, match="mismatch"):
        exec(
            block("from rnnverify.testing"),
            {"model": model, "x": x, "forward": lambda x, weights: 2 * forward(x, weights)},
        )


def test_the_step_of_a_ci_server_is_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "a.yaml").write_text(block("N: 1 "))
    *_, step = yaml.safe_load(block("- uses: actions/checkout@v4\n- run"))
    program, *arguments = shlex.split(step["run"])
    assert program == "rnnverify"
    assert CliRunner().invoke(main, arguments).stdout == "1 spec: 1 match, 0 mismatch, 0 error\n"


def test_the_action_takes_what_the_page_gives_it() -> None:
    *_, step = yaml.safe_load(block("- uses: actions/checkout@v4\n- uses"))
    assert step["with"].keys() <= yaml.safe_load((ROOT / "action.yml").read_text())["inputs"].keys()
    options = CliRunner().invoke(main, ["check", "--help"]).stdout
    assert all(word in options for word in step["with"]["options"].split() if word.startswith("--"))


def test_exporters_engines_and_backends_are_put_on_trial(
    keras: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = lstm(keras)
    model.save("model.keras")
    written(tmp_path / "model.onnx", model.get_weights())
    asked = [shlex.split(line, comments=True)[1:] for line in block("rnnverify compare model.keras").splitlines()]
    assert [words[-1].partition(":")[0] for words in asked] == [*["export"] * 4, "backend", "model.onnx"]
    for words in asked:
        result = CliRunner().invoke(main, [*words, "--timeout", "300"])
        assert (result.exit_code, "match: " in result.stdout) == (0, True), result.output
