"""--opaque on the command line: exit codes, and what is printed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from click.testing import CliRunner, Result

from rnnverify.cli import main
from rnnverify.report.records import report_schema

TAKEN = "2 of 3 layers checked; norm (RMSNormalization) taken as given"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture(scope="module")
def folder(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model with a layer that has no replay, and a spec for it."""
    folder = tmp_path_factory.mktemp("opaque")
    keras.utils.set_random_seed(4)
    x = keras.Input((5, 3))
    h = keras.layers.RMSNormalization(name="norm")(keras.layers.GRU(4, return_sequences=True, name="gru")(x))
    keras.Model(x, keras.layers.LSTM(2, name="lstm")(h)).save(folder / "m.keras")
    (folder / "specs").mkdir()
    (folder / "specs" / "m.yaml").write_text("model: ../m.keras\nopaque: [norm]\nN: 2\n")
    return folder


@pytest.fixture
def model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(folder)
    return "m.keras"


def test_the_exit_code_is_0_because_it_was_asked_for(model: str) -> None:
    refused = run("run", model)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith(
        "m.keras: layer 'norm': the class RMSNormalization has no replay (--opaque norm takes"
    )
    for asked in ("norm", "RMSNormalization", "all"):
        result = run("run", model, "--opaque", asked, "-q")
        assert (result.exit_code, result.stdout) == (0, f"match  m.keras  {TAKEN}\n")


def test_the_table_and_the_verdict_say_so(model: str) -> None:
    printed = run("run", model, "--opaque", "norm").stdout
    (row,) = [line for line in printed.splitlines() if line.startswith(" norm")]
    assert row.split() == ["norm", "RMSNormalization", "taken", "as", "given", "4", "(3,", "5,", "4)"]
    assert f"match: {TAKEN}; every step is right within rounding" in " ".join(printed.split())
    assert "taken as given" in run("run", model, "--opaque", "norm", "-v").stdout


def test_the_report_says_so(model: str) -> None:
    report = json.loads(run("run", model, "--opaque", "norm", "--format", "json").stdout)
    jsonschema.validate(report, report_schema())
    (result,) = report["results"]
    assert (result["verdict"], result["unchecked"]) == ("match", ["norm"])
    assert [layer["layer"] for layer in result["layers"]] == ["gru", "lstm"]


def test_a_spec_names_it_for_the_check(model: str) -> None:
    result = run("check", "specs")
    assert result.exit_code == 0
    assert TAKEN in " ".join(result.stdout.split())
    (case,) = ElementTree.fromstring(run("check", "specs", "--format", "junit").stdout)[0]
    assert [(one.tag, one.text) for one in case] == [("system-out", TAKEN)]
    notice, _ = run("check", "specs", "--format", "github").stdout.splitlines()
    assert notice.endswith(f"m.yaml,title=rnnverify match::{TAKEN}")
    (record,) = json.loads(run("check", "specs", "--format", "json").stdout)["results"]
    assert record["unchecked"] == ["norm"]


def test_a_demand_on_blind_spots_cannot_be_met(model: str) -> None:
    result = run("check", "specs", "--min-kill", "0.5")
    assert result.exit_code == 2
    assert "--min-kill (min_kill): expected every layer to be replayed; norm taken as given" in " ".join(
        result.stdout.split()
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["run", "m.keras", "--opaque", "nrom"],
            "got 'nrom', did you mean 'norm'?; its layers are gru (GRU), norm (RMSNormalization)",
        ),
        (
            ["run", "m.keras", "--opaque", "all", "--opaque", "LSTM", "--opaque", "gru"],
            "nothing left to check: gru, norm, lstm",
        ),
        (
            ["compare", "specs/m.yaml", "--candidate", "x.npy"],
            "expected every layer to be replayed; norm taken as given",
        ),
        (["vectors", "specs/m.yaml", "-o", "v"], "vectors: expected every layer to be replayed; norm taken as given"),
        (["blindspots", "specs/m.yaml"], "blind spots: expected every layer to be replayed; norm taken as given"),
        (
            ["run", "specs/m.yaml", "--set", "candidate=../x.npy"],
            "candidate: expected every layer to be replayed; norm taken",
        ),
        (
            ["run", "o.npz", "--opaque", "norm"],
            "--set, --seed, --opaque, --backend: a saved observation is what it is; they need a spec",
        ),
        (
            ["run", "specs/m.yaml", "--set", "opaque=3"],
            "opaque: expected the name or the class of a layer, `all`, or a list of such",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_message(model: str, arguments: Sequence[str], message: str) -> None:
    import numpy as np

    np.save("x.npy", np.zeros((2, 2), dtype="float32"))
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_trace_has_what_was_given(model: str) -> None:
    result = run("trace", "m.keras", "--opaque", "gru", "--opaque", "norm")
    assert result.exit_code == 0
    assert "lstm" in result.stdout


def test_an_observation_keeps_it(model: str) -> None:
    assert run("run", model, "--opaque", "norm", "--save-observation", "o.npz", "-q").exit_code == 0
    result = run("run", "o.npz", "-q")
    assert (result.exit_code, result.stdout) == (0, f"match  m.keras  {TAKEN}\n")


@pytest.mark.parametrize(
    ("opaque", "problem"),
    [
        (
            "dens",
            "3: opaque: expected the name or class of a layer of this model, or all; got 'dens', did you mean 'dense'?",
        ),
        ("[gru, Dense]", "3: opaque: expected a layer that is left to check; all of them are taken as given"),
        (
            "[gru, [dense]]",
            "3: opaque: expected the name or the class of a layer, `all`, or a list of such; got a list of 2",
        ),
    ],
)
def test_a_spec_of_layers_is_refused_before_it_is_built(tmp_path: Path, opaque: str, problem: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"{{N: 2, T: 3, D: 2, M: 4, K: 2, layer: GRU,\n\nopaque: {opaque}}}\n")
    result = run("run", str(path))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"{path}:{problem}")


def test_a_layer_that_has_a_replay_may_be_opaque_in_a_spec(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("{N: 2, T: 3, D: 2, M: 4, K: 2, layer: GRU, opaque: gru}\n")
    result = run("run", str(path), "-q")
    assert (result.exit_code, result.stdout) == (0, f"match  {path}  1 of 2 layers checked; gru (GRU) taken as given\n")
