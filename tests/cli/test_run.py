"""rnnverify run: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner, Result

from rnnverify.cli import main

ROOT = Path(__file__).parent.parent.parent
# In a job that a shell runs in the background the signal would be ignored.
INTERRUPT = (
    "signal.signal(signal.SIGINT, signal.default_int_handler); os.kill(os.getpid(), signal.SIGINT); time.sleep(60)"
)
SMALL = "N: 3\nT: 7\nD: 2\nM: 5\nK: 4\nlayer: GRU\n"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("specs") / "gru.yaml"
    path.write_text(SMALL)
    return str(path)


@pytest.fixture
def spec(path: str, observed_once: None) -> str:
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["run", *arguments])


def records(*arguments: str) -> list[dict[str, Any]]:
    result = run(*arguments, "--format", "json")
    found: list[dict[str, Any]] = json.loads(result.stdout)["results"]
    return found


def test_a_right_model_prints_both_tables_and_exits_0(spec: str) -> None:
    result = run(spec)
    assert result.exit_code == 0
    for text in ("3 x (2 + 5 + 2) x 5 = 135", "(5 + 1) x 4 = 24", "recurrent_kernel (5, 15)", "dense[3]", "match: "):
        assert text in result.stdout
    assert result.stderr == ""


def test_a_mismatch_exits_1_and_says_what_is_demanded(spec: str) -> None:
    result = run(spec, "--atol", "0")
    assert result.exit_code == 1
    assert "not within atol=0" in result.stdout


def test_quiet_prints_the_verdict_alone(spec: str) -> None:
    assert run(spec, "-q").stdout == f"match  {spec}\n"


def test_verbose_prints_residuals_versions_and_times(spec: str) -> None:
    out = run(spec, "-v").stdout
    assert all(text in out for text in ("max residual", "of allowed", "tensorflow ", "predict "))


def test_settings_replace_keys(spec: str) -> None:
    (record,) = records(spec, "--set", "layer=LSTM", "--set", "M=3", "--seed", "9")
    assert record["layers"][0]["class"] == "LSTM"
    assert record["layers"][0]["weights"] == {"kernel": [2, 12], "recurrent_kernel": [3, 12], "bias": [12]}
    assert record["seed"] == 9


def test_the_seed_decides_weights_and_data(path: str) -> None:
    def values(*arguments: str) -> list[float]:
        return [row["keras"] for row in records(path, *arguments)[0]["outputs"]]

    assert values("--seed", "1") == values("--seed", "1") != values("--seed", "2")


def test_the_table_reads_worst_first_and_the_json_in_order(spec: str) -> None:
    (record,) = records(spec)
    assert [row["output"] for row in record["outputs"]] == [f"dense[{unit}]" for unit in range(4)]
    worst = max(record["outputs"], key=lambda row: row["max_abs_error"])["output"]
    rows = [line.split()[0] for line in run(spec).stdout.splitlines() if line.startswith(" dense[")]
    assert rows[0] == worst


def test_json_of_two_specs_is_one_object_that_fits_the_schema_and_keras_keeps_quiet() -> None:
    command = [sys.executable, "-m", "rnnverify", "run", "simple_rnn.yaml", "encoder_decoder.yaml", "--format", "json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    result = subprocess.run(command, cwd=ROOT / "configs", capture_output=True, text=True, env=environment)
    assert result.returncode == 0
    assert result.stderr == ""
    report = json.loads(result.stdout)
    jsonschema.validate(report, json.loads((ROOT / "rnnverify/schemas/report.json").read_text()))
    assert [record["spec"] for record in report["results"]] == ["simple_rnn.yaml", "encoder_decoder.yaml"]
    assert report["results"][0]["outputs"][0]["shape"] == [1]
    assert report["results"][0]["outputs"][0]["at"] == {"sample": 0, "timestep": None}
    assert report["environment"].keys() == {"keras", "backend", "tensorflow", "numpy", "python", "device"}


def test_the_schema_can_refuse_a_report(spec: str) -> None:
    report = json.loads(run(spec, "--format", "json").stdout)
    schema = json.loads((ROOT / "rnnverify/schemas/report.json").read_text())
    jsonschema.validate(report, schema)
    del report["results"][0]["outputs"][0]["at"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report, schema)


def test_a_wrong_spec_among_right_ones_is_refused_before_any_is_built(spec: str, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(SMALL.replace("M: 5", "M: five"))
    result = run(spec, str(wrong))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert f"{wrong}:4: M: expected a whole number from 1 to 2147483647; got 'five'" in result.stderr


def test_a_saved_model_is_verified_as_it_is(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    model = keras.Sequential([keras.Input((None, 3)), layers.Bidirectional(layers.LSTM(4)), layers.Dense(2)])
    for name in ("model.keras", "model.h5"):
        path = str(tmp_path / name)
        model.save(path)
        (record,) = records(path, "--set", "N=5")
        assert record["verdict"] == "match"
        assert [layer["parameters"] for layer in record["layers"]] == [256, 18]
        assert record["outputs"][0]["shape"] == [5]


def test_a_function_that_returns_a_model_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_models.py").write_text(
        "import keras\n\ndef build():\n"
        "    return keras.Sequential([keras.Input((6, 3)), keras.layers.GRU(4, return_sequences=True)])\n"
    )
    (tmp_path / "mine.yaml").write_text("N: 2\nmodel: my_models:build\n")
    monkeypatch.chdir(tmp_path)
    refused = run("mine.yaml")
    assert refused.exit_code == 2
    assert "mine.yaml: model: my_models:build is code, which runs only with --allow-code" in refused.stderr
    (record,) = records("mine.yaml", "--allow-code")
    assert record["verdict"] == "match"
    assert record["outputs"][0]["shape"] == [2, 6]


ENDINGS = ["sys.exit(0)", "raise SystemExit", "raise GeneratorExit", "class E(BaseException): ...\n    raise E"]


@pytest.mark.parametrize("code", ENDINGS)
def test_code_that_ends_the_process_is_an_error_of_that_spec(
    tmp_path: Path, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"ends_{abs(hash(code))}"
    (tmp_path / f"{module}.py").write_text(f"import sys\n\ndef build():\n    {code}\n")
    (tmp_path / "mine.yaml").write_text(f"N: 2\nmodel: {module}:build\n")
    (tmp_path / "other.yaml").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    assert run("mine.yaml", "--allow-code").exit_code == 2
    checked = CliRunner().invoke(main, ["check", ".", "--allow-code"])
    assert checked.exit_code == 2
    assert "cannot be loaded" in checked.stdout
    assert "1 match, 0 mismatch, 1 error" in checked.stdout


@pytest.mark.parametrize(
    "command",
    [["run"], ["check"], ["compare", "--candidate", "x.npy"], ["blindspots"], ["trace"], ["vectors", "-o", "out"]],
)
def test_a_model_that_is_code_needs_consent_in_every_command(
    tmp_path: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text("N: 2\nmodel: os:abort\n")
    np.save(tmp_path / "x.npy", np.ones(2))
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, [command[0], "mine.yaml", *command[1:]])
    assert result.exit_code == 2
    assert "model: os:abort is code, which runs only with --allow-code" in result.output


def test_a_grid_of_models_that_are_code_needs_consent(tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text("base: {N: 2, model: 'os:abort'}\ngrid: {T: [3, 4]}\n")
    result = CliRunner().invoke(main, ["sweep", str(tmp_path / "grid.yaml"), "--output", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "model: os:abort is code" in result.stderr


def test_usage_errors_exit_2() -> None:
    assert run().exit_code == 2
    assert run("a.yaml", "--format", "xml").exit_code == 2
    assert run("a.yaml", "--nonsense").exit_code == 2


@pytest.mark.parametrize("code", [INTERRUPT, f"exec({INTERRUPT!r})"], ids=["plain", "inside exec"])
def test_ctrl_c_exits_130_without_a_traceback(code: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("N: 2\nmodel: slow_models:build\n")
    (tmp_path / "slow_models.py").write_text(f"import os, signal, time\n\ndef build():\n    {code}\n")
    process = subprocess.run(
        [sys.executable, "-m", "rnnverify", "run", "mine.yaml", "--allow-code"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (process.returncode, process.stdout, process.stderr) == (130, "", "interrupted\n")


def test_a_poor_terminal_shows_what_it_can(tmp_path: Path) -> None:
    (tmp_path / "größe.yaml").write_text(SMALL)
    saved = str(tmp_path / "größe.npz")  # which is verified without TensorFlow, and so within half a second
    run(str(tmp_path / "größe.yaml"), "--save-observation", saved)
    poor = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    result = subprocess.run([sys.executable, "-m", "rnnverify", "run", saved], capture_output=True, text=True, env=poor)
    assert (result.returncode, result.stderr) == (0, "")
    assert "e.yaml   float32" in result.stdout


def test_an_unknown_backend_is_named(spec: str) -> None:
    command = [sys.executable, "-m", "rnnverify", "run", spec]
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "KERAS_BACKEND": "foo"})
    assert result.returncode == 2
    assert "KERAS_BACKEND=foo" in result.stderr
    assert "Traceback" not in result.stderr
