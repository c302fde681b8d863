"""rnnverify check: every spec a line, a summary, reports for CI servers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner, Result

from rnnverify.api import verifying
from rnnverify.cli import main
from rnnverify.layers.lstm import LSTMCell
from tests.test_suite import locked

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.usefixtures("observed_once")

RIGHT = "N: 2\nT: 4\nD: 3\nM: 5\nK: 2\nlayer: LSTM\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two right specs, one that asks too much, one that is malformed, and a file that is no spec."""
    folder = tmp_path_factory.mktemp("specs")
    (folder / "inner").mkdir()
    (folder / "a.yaml").write_text(RIGHT)
    (folder / "b.yml").write_text(RIGHT + "tolerance: {atol: 0}\n")
    (folder / "c.yaml").write_text(RIGHT.replace("M: 5", "M: 0"))
    (folder / "inner" / "d.yaml").write_text(RIGHT)
    (folder / "notes.txt").write_text("not a spec")
    return folder


def check(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


def test_every_spec_has_a_line_and_none_hides_the_others(folder: Path) -> None:
    result = check(folder)
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["match", "mismatch", "error", "match"]
    assert [Path(line.split()[1]).name for line in lines[:4]] == ["a.yaml", "b.yml", "c.yaml", "d.yaml"]
    assert lines[4] == "4 specs: 2 match, 1 mismatch, 1 error"


@pytest.mark.parametrize(("names", "code"), [("a", 0), ("ab", 1), ("ac", 2), ("bc", 1)])
def test_a_mismatch_exits_1_and_an_error_alone_2(folder: Path, names: str, code: int) -> None:
    paths = {path.stem: path for path in folder.glob("*.y*ml")}
    assert check(*(paths[name] for name in names)).exit_code == code


def test_quiet_prints_only_what_does_not_match(folder: Path) -> None:
    assert [line.split()[0] for line in check(folder, "-q").stdout.splitlines()] == ["mismatch", "error", "4"]


def test_verbose_prints_the_table_of_a_mismatch(folder: Path) -> None:
    assert "max |error|" in check(folder / "b.yml", "-v").stdout
    assert "max |error| " not in check(folder / "c.yaml", "-v").stdout


def test_json_fits_the_schema_and_lists_the_errors(folder: Path) -> None:
    report = json.loads(check(folder, "--format", "json").stdout)
    jsonschema.validate(report, json.loads((ROOT / "rnnverify/schemas/report.json").read_text()))
    assert [record["verdict"] for record in report["results"]] == ["match", "mismatch", "match"]
    (error,) = report["errors"]
    assert "c.yaml:4: M: expected a whole number from 1 to 2147483647; got 0" in error["message"]


def test_junit_counts_failures_and_errors(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "report.xml"
    result = check(folder, "--format", "junit", "--output", output)
    suite = ElementTree.parse(output).getroot()[0]
    assert {key: suite.get(key) for key in ("tests", "failures", "errors")} == {
        "tests": "4",
        "failures": "1",
        "errors": "1",
    }
    assert [[child.tag for child in case] for case in suite] == [[], ["failure"], ["error"], []]
    assert "4 specs" in result.stdout  # the lines still go to the terminal


def test_github_annotates_the_file_and_line(folder: Path) -> None:
    out = check(folder, "--format", "github").stdout.splitlines()
    assert out[0].startswith(f"::error file={folder / 'b.yml'},title=rnnverify mismatch::")
    assert out[1].startswith(f"::error file={folder / 'c.yaml'},line=4,title=rnnverify error::")
    assert out[-1] == "4 specs: 2 match, 1 mismatch, 1 error"


def test_the_table_can_be_written_to_a_file(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "report.txt"
    assert check(folder / "a.yaml", "--output", output).exit_code == 0
    assert output.read_text().splitlines()[-1] == "1 spec: 1 match, 0 mismatch, 0 error"


@pytest.mark.parametrize("output", ["missing/report.xml", "."])
def test_an_output_that_cannot_be_written_is_refused_before_the_work(folder: Path, output: str) -> None:
    result = check(folder, "--format", "junit", "--output", folder / output)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "--output" in result.stderr


def test_no_spec_at_all_is_an_error(tmp_path: Path) -> None:
    assert "no spec here" in check(tmp_path).stderr
    assert check(tmp_path / "nowhere").exit_code == 2


def test_a_bug_in_one_spec_does_not_hide_the_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnverify.api.verifying.judge", lambda *_: 1 / 0)
    result = check(folder / "a.yaml", folder / "c.yaml", folder / "inner" / "d.yaml")
    assert "a bug of rnnverify, not of the spec: ZeroDivisionError: division by zero" in result.stdout
    assert "3 specs: 0 match, 0 mismatch, 3 error" in result.stdout
    assert result.exit_code == 70
    (line,) = result.stderr.splitlines()
    assert line.startswith(
        f"a bug of rnnverify, not of your request: it was met in {folder / 'a.yaml'}, and in 1 more;"
    )
    traceback = Path(line.rpartition(" ")[2])
    assert traceback.read_text().count("ZeroDivisionError: division by zero") == 2
    traceback.unlink()


def test_a_mismatch_beside_a_bug_is_a_mismatch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = verifying.judge

    def sometimes(observed: Any, *how: Any) -> Any:
        if observed.asked.spec.endswith("a.yaml"):
            raise ZeroDivisionError
        return judge(observed, *how)

    monkeypatch.setattr(verifying, "judge", sometimes)
    assert check(folder / "a.yaml", folder / "b.yml").exit_code == 1


def test_a_folder_that_cannot_be_read_is_an_error_and_does_not_hide_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked(folder / "inner", monkeypatch)
    result = check(folder / "a.yaml", folder / "inner")
    assert result.exit_code == 2
    match, error, summary = result.stdout.splitlines()
    assert match.startswith("match")
    assert error.startswith(f"error     {folder / 'inner'}")
    assert "this folder cannot be read: Permission denied" in error
    assert summary == "2 specs: 1 match, 0 mismatch, 1 error"
    report = json.loads(check(folder / "inner", "--format", "json").stdout)
    assert [one["spec"] for one in report["errors"]] == [str(folder / "inner")]


def test_settings_apply_to_every_spec(folder: Path) -> None:
    result = check(folder / "a.yaml", folder / "c.yaml", "--set", "M=3")
    assert result.stdout.splitlines()[-1] == "2 specs: 2 match, 0 mismatch, 0 error"


def test_a_wrong_gate_order_in_the_code_is_caught_and_the_layer_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """i, c, f, o for i, f, c, o: plain or inside a Bidirectional, the check must fail; a GRU beside them is right."""
    right = LSTMCell.gates

    def wrong(self: LSTMCell, zx: Any, h: Any) -> Any:
        def swapped(weights: Any) -> Any:
            i, f, c, o = np.split(weights, 4, axis=-1)
            return np.concatenate([i, c, f, o], axis=-1)

        return right(replace(self, recurrent_kernel=swapped(self.recurrent_kernel)), swapped(zx), h)

    monkeypatch.setattr(LSTMCell, "gates", wrong)
    names = ("encoder_decoder", "bidirectional_lstm_concat", "gru_state")
    result = check(*(ROOT / "configs" / f"{name}.yaml" for name in names))
    assert result.exit_code == 1
    plain, wrapped, gru, summary, hint = result.stdout.splitlines()
    assert hint == "-v prints the tables of what does not match"
    assert plain.startswith("mismatch")
    assert "layer encoder" in plain
    assert wrapped.startswith("mismatch")
    assert "layer bidirectional" in wrapped
    assert gru.startswith("match   ")
    assert summary == "3 specs: 1 match, 2 mismatch, 0 error"


def test_what_is_excluded_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.yaml", "old_b.yaml", "drafts/c.yaml", "deep/drafts/d.yaml", "deep/e.yaml"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("N: 0\n")

    def seen(*patterns: str) -> set[str]:
        options = [part for pattern in patterns for part in ("--exclude", pattern)]
        found = CliRunner().invoke(main, ["check", ".", "--format", "json", *options])
        assert found.exit_code == 2
        return {error["spec"] for error in json.loads(found.stdout)["errors"]}

    assert seen("old*") == {"a.yaml", "drafts/c.yaml", "deep/drafts/d.yaml", "deep/e.yaml"}
    assert seen("old*", "drafts/") == {"a.yaml", "deep/e.yaml"}
    assert seen("deep/drafts", "a.yaml") == {"old_b.yaml", "drafts/c.yaml", "deep/e.yaml"}
    assert "no spec here" in CliRunner().invoke(main, ["check", ".", "--exclude", "*"]).stderr


def test_an_empty_folder_beside_a_good_one_is_said(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "good" / "a.yaml").write_text("N: 2\nT: 3\nD: 3\nM: 4\nK: 2\n")
    found = CliRunner().invoke(main, ["check", str(tmp_path / "good"), str(tmp_path / "empty"), "--format", "json"])
    assert found.exit_code == 2
    report = json.loads(found.stdout)
    assert [result["verdict"] for result in report["results"]] == ["match"]
    assert [problem["message"] for problem in report["errors"][0]["problems"]] == [
        "no spec here; expected files ending in .yaml or .yml"
    ]


def test_a_job_on_github_has_its_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yaml").write_text("N: 0\n")
    page = tmp_path / "page.md"
    page.write_text("# before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    assert CliRunner().invoke(main, ["check", str(tmp_path), "--format", "github"]).exit_code == 2
    assert page.read_text().startswith("# before\n**rnnverify**: 1 spec: 0 match, 0 mismatch, 1 error\n")
    assert CliRunner().invoke(main, ["check", str(tmp_path)]).exit_code == 2
    assert page.read_text().count("rnnverify**") == 1
