"""rnnverify report, and --html of the other commands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import rnnverify
from rnnverify import api
from rnnverify.cli import main
from tests.report.pages import Page, observed, with_wrong_weight, write_sweep

SMALL = {"N": 2, "T": 3, "D": 4, "M": 5, "K": 2, "layer": "LSTM"}
TEXT = "N: 2\nT: 3\nD: 4\nM: 5\nK: 2\nlayer: LSTM\n"
PORT = "import numpy as np\ndef forward(x, weights):\n    return np.zeros((2, 2), np.float32) + 7\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, observed_once: None) -> Path:
    """A folder to work in, with a spec, an observation that is a mismatch, and a spec that is none."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(TEXT)
    return tmp_path


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("seen") / "wrong.npz"
    rnnverify.save_observation(with_wrong_weight(observed(SMALL)), path)
    return path


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)])


def read(path: str) -> Page:
    return Page(Path(path).read_text(encoding="utf-8"))


def said(path: str) -> list[str]:
    return [one.split()[0] for one in read(path).verdicts]


def test_specs_observations_and_reports_stand_on_one_page(folder: Path, seen: Path) -> None:
    (folder / "r.json").write_text(run("run", "a.yaml", "--format", "json").stdout)
    result = run("report", "a.yaml", seen, "r.json", "-o", "page.html")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "match  a.yaml",
        "mismatch  seen.yaml",
        "match  a.yaml",
        "page.html is written",
    ]
    assert said("page.html") == ["match", "mismatch", "match"]
    assert len(read("page.html").charts) > 6


def test_a_folder_is_gone_through_and_what_can_not_be_run_is_shown(folder: Path) -> None:
    (folder / "specs").mkdir()
    (folder / "specs" / "b.yaml").write_text(TEXT)
    (folder / "specs" / "c.yaml").write_text("N: 0\n")
    result = run("report", "specs", "-q")
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", "")
    assert said("report.html") == ["match", "error"]
    assert run("report", "specs", "-q", "--exclude", "c*").exit_code == 0
    assert said("report.html") == ["match"]


def test_settings_are_those_of_check(folder: Path) -> None:
    assert run("report", "a.yaml", "-q", "--set", "T=7", "--seed", "3", "--atol", "1e-30").exit_code == 1
    page = read("report.html")
    assert "seed 3" in page.text
    assert [7, 5] in [chart["data"].get("size") for chart in page.charts]
    assert "not within atol=1e-30" in page.verdicts[0]


def test_a_sweeps_folder_is_one(folder: Path) -> None:
    sweep = write_sweep(folder, {"T": [1, 2], "M": [2, 3, 4]}, {"N": 2, "D": 3, "K": 2}, ["untested"])
    result = run("report", sweep, "-o", "sweep.html")
    assert result.exit_code == 1
    page = read("sweep.html")
    assert "6 points: 5 match, 0 mismatch, 1 untested, 0 error" in page.verdicts[0]
    (table,) = page.tables
    assert [row[1] for row in table[1:]] == ["untested", *["match"] * 5]
    assert table[0] == ["point", "verdict", "of limit", "max |error|", "T", "M", "command", "remark"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.yaml"], "none.yaml: no such file or folder"),
        (["a.yaml", "-o", "none/page.html"], "the folder none does not exist"),
        (["a.yaml", "-o", "a.yaml"], "that file is read here"),
        (["bad.json"], "bad.json: expected a JSON report"),
        (["empty.json"], "this report has no results"),
        (["none.json"], "none.json: cannot be read"),
    ],
)
def test_a_wrong_request_is_refused_and_leaves_no_page(folder: Path, arguments: list[str], message: str) -> None:
    (folder / "bad.json").write_text("{}")
    (folder / "empty.json").write_text('{"rnnverify": "0", "environment": {}, "results": []}')
    result = run("report", *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert not (folder / "report.html").exists()
    assert (folder / "a.yaml").read_text() == TEXT


def test_an_observation_is_what_it_is(seen: Path, folder: Path) -> None:
    result = run("report", seen, "--set", "T=4")
    assert result.exit_code == 2
    assert "a saved observation is what it is" in result.stderr


def test_run_and_check_write_a_page_beside_what_they_print(folder: Path) -> None:
    plain, paged = run("run", "a.yaml", "-q"), run("run", "a.yaml", "-q", "--html", "run.html")
    assert (paged.exit_code, paged.stdout) == (0, plain.stdout)
    assert said("run.html") == ["match"]
    (folder / "b.yaml").write_text("N: 0\n")
    checked = run("check", ".", "--format", "json", "--html", "check.html")
    assert (checked.exit_code, len(json.loads(checked.stdout)["results"])) == (2, 1)
    assert said("check.html") == ["match", "error"]
    assert read("check.html").charts


def test_compare_and_trace_write_a_page(folder: Path) -> None:
    (folder / "port.py").write_text(PORT)
    result = run("compare", "a.yaml", "--candidate", "port.py:forward", "-q", "--effort", "0", "--html", "port.html")
    assert result.exit_code == 1
    page = read("port.html")
    assert page.verdicts[0].split()[0] == "mismatch"
    assert "port.py:forward against a.yaml" in page.text
    assert run("trace", "a.yaml", "-q", "--sample", "1", "--html", "trace.html").exit_code == 0
    page = read("trace.html")
    assert "of sample 1" in page.text
    assert len(page.charts) == 6
    wanted = rnnverify.trace(rnnverify.load_spec("a.yaml"))["lstm"]["f"][1, :, 4]
    forget = page.charts[1]["data"]
    values = [value for value, unit in zip(forget["v"], forget["unit"], strict=True) if unit == 4]
    assert values == pytest.approx(wanted.tolist(), rel=1e-5)


def test_sweep_writes_a_page(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = write_sweep(folder, {"T": [1, 2], "M": [2, 3, 4]}, {"N": 2, "D": 3, "K": 2})
    result = run("sweep", "grid.yaml", "--output", sweep, "-q", "--html", "sweep.html")  # every point is done
    assert result.exit_code == 0
    assert "6 points: 6 match" in read("sweep.html").verdicts[0]


@pytest.mark.parametrize("command", ["run", "check", "sweep", "trace"])
def test_a_page_that_can_not_be_written_is_refused_before_anything_is_run(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("observe", "check", "sweep", "trace"):
        monkeypatch.setattr(api, name, None)
    result = run(command, "a.yaml", "--html", "none/page.html")
    assert result.exit_code == 2
    assert "--html none/page.html: the folder none does not exist" in result.stderr


def test_a_bug_of_ours_is_told_as_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rnnverify.api import paging

    def broken(*arguments: Any, **options: Any) -> Any:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(paging, "verified", broken)
    result = run("report", "a.yaml", "-q")
    assert result.exit_code == 70
    assert said("report.html") == ["error"]


def test_a_layer_without_a_replay_is_taken_as_given_on_the_page(folder: Path) -> None:
    made = rnnverify.verify(rnnverify.load_spec("a.yaml"), pictures=True)
    given = replace(made, given=(rnnverify.results.GivenLayer("norm", "Mine", 3, (2, 4), 0),))
    rnnverify.page(given, "given.html")
    assert "1 of" not in read("given.html").verdicts[0]
    assert "taken as given" in read("given.html").text
