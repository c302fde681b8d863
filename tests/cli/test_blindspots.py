"""rnnverify blindspots, the line of run and check, and check --min-kill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

from rnnverify.api import blind
from rnnverify.cli import main
from rnnverify.report.records import report_schema

SPEC = "N: 1\nT: 6\nD: 3\nM: 5\nK: 2\n"
SHOWN = "N: 5\nT: 6\nD: 3\nM: 7\nK: 2\ninitial_state: random\ndata: {normal: {scale: 3.0}}\n"


def rnnverify(*arguments: Any) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "one.yaml"
    path.write_text(SPEC)
    return path


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """All the time in the world."""
    monkeypatch.setattr(blind, "SHARE", 1e9)


def test_the_table_says_why_and_what_to_change(spec: Path) -> None:
    result = rnnverify("blindspots", spec)
    (row,) = [line for line in result.stdout.splitlines() if "state-carried" in line]
    assert row.split("  ")[0].strip() == "state-carried-across-samples"
    assert "N is 1" in row
    assert row.rstrip().endswith("N: 3")
    assert "no mistakes for this model" in result.stdout
    assert result.exit_code == 0


def test_its_json(spec: Path) -> None:
    found = json.loads(rnnverify("blindspots", spec, "--format", "json").stdout)
    (carried,) = [spot for spot in found["blind_spots"] if spot["mistake"] == "state-carried-across-samples"]
    assert carried == {
        "mistake": "state-carried-across-samples",
        "says": carried["says"],
        "layers": ["simple_rnn"],
        "reason": "N is 1",
        "change": "N: 3",
    }
    assert found["killed"] == pytest.approx(1 - len(found["blind_spots"]) / found["known"])
    assert "mask-ignored" in [spot["mistake"] for spot in found["equivalent"]]


@pytest.mark.usefixtures("patient")
def test_run_prints_one_line_of_them(spec: Path) -> None:
    line = rnnverify("run", spec).stdout.partition("could not have seen")[2]
    assert "known mistakes: state-carried-across-samples, " in line
    assert "N: 3" in line
    report = json.loads(rnnverify("run", spec, "--format", "json").stdout)
    jsonschema.validate(report, report_schema())
    assert "only-first-sample" in report["results"][0]["blind_spots"]


def test_where_there_is_no_time_run_says_how_to_ask_if_it_is_verbose(
    spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blind, "SHARE", 0.0)
    monkeypatch.setattr(blind, "START", 0.0)
    assert f"rnnverify blindspots {spec}" in rnnverify("run", spec, "-v").stdout
    report = json.loads(rnnverify("run", spec, "--format", "json").stdout)
    jsonschema.validate(report, report_schema())
    assert report["results"][0]["blind_spots"] is None


@pytest.mark.usefixtures("patient")
def test_check_counts_them(spec: Path) -> None:
    line = rnnverify("check", spec).stdout.splitlines()[0]
    assert line.startswith("match")
    assert "; blind to " in line


def test_check_fails_where_too_few_would_show(spec: Path) -> None:
    result = rnnverify("check", spec, "--min-kill", "1.0")
    assert result.stdout.startswith("untested")
    assert "state-carried-across-samples" in result.stdout
    assert result.exit_code == 1
    assert rnnverify("check", spec, "--min-kill", "0.5").exit_code == 0
    spec.write_text(SHOWN)
    assert rnnverify("check", spec, "--min-kill", "1.0").stdout.startswith("match")


def test_what_is_no_share_is_refused(spec: Path) -> None:
    result = rnnverify("check", spec, "--min-kill", "2")
    assert result.exit_code == 2
    assert "0<=x<=1" in result.output
