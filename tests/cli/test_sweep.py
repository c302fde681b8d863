"""rnnverify sweep: the command, its folder, its tables and its exit codes."""

from __future__ import annotations

import csv
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rnnverify.cli import main
from rnnverify.grids import workers

GRID = """
base: {D: 3, K: 2}
grid:
  N: [1, 4]
  T: [2, 5, 3]
  M: [4]
  layer: [LSTM, GRU]
"""


def sweep(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["sweep", *map(str, arguments)])


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A folder with a grid that has been swept."""
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "grid.yaml").write_text(GRID)
    return folder, sweep(
        folder / "grid.yaml", "--output", folder / "out", "--workers", 2, "--export", folder / "all.csv"
    )


def test_every_point_has_a_line_with_its_values_and_the_full_verdict(done: tuple[Path, Result]) -> None:
    folder, result = done
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in (folder / "out" / "results.jsonl").read_text().splitlines()]
    assert len(lines) == 12
    assert {tuple(line["point"]) for line in lines} == {("N", "T", "M", "layer")}
    assert {line["point"]["layer"] for line in lines if line["layers"][0]["class"] == "GRU"} == {"GRU"}
    for line in lines:
        assert line["verdict"] == "match"
        assert line["first_divergence"] is None
        assert 0 < line["layers"][0]["worst_ratio"] <= 1
        assert line["outputs"][0]["shape"] == [line["point"]["N"]]
    about = json.loads((folder / "out" / "sweep.json").read_text())
    assert about["finished"] >= about["started"]


def test_the_summary_has_counts_the_worst_points_a_picture_and_a_command(done: tuple[Path, Result]) -> None:
    folder, result = done
    assert "12 points: 12 match, 0 mismatch, 0 error; the worst at 0." in result.stdout
    assert "max |error|, the worst over all else: N down, T across" in result.stdout
    (command,) = (line for line in result.stdout.splitlines() if line.startswith("the worst point alone: "))
    arguments = shlex.split(command.removeprefix("the worst point alone: rnnverify "))
    again = CliRunner().invoke(main, [*arguments, "--format", "json"])
    assert again.exit_code == 0, again.output
    (record,) = json.loads(again.stdout)["results"]
    lines = [json.loads(line) for line in (folder / "out" / "results.jsonl").read_text().splitlines()]
    worst = max(lines, key=lambda line: max(layer["worst_ratio"] for layer in line["layers"]))
    assert [o["max_abs_error"] for o in record["outputs"]] == [o["max_abs_error"] for o in worst["outputs"]]
    assert record["layers"] == worst["layers"]


def test_the_export_has_a_row_for_each_point_in_order(done: tuple[Path, Result]) -> None:
    folder, _ = done
    with (folder / "all.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["N"], row["T"], row["layer"]) for row in rows][:3] == [
        ("1", "2", "LSTM"),
        ("1", "2", "GRU"),
        ("1", "5", "LSTM"),
    ]
    assert len(rows) == 12
    assert {row["verdict"] for row in rows} == {"match"}
    assert all(0 < float(row["worst_ratio"]) <= 1 and float(row["seconds_predict"]) > 0 for row in rows)


def test_run_again_it_has_nothing_left_to_do(done: tuple[Path, Result], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, first = done
    monkeypatch.setattr(workers, "local", None)  # no worker is started
    again = sweep(folder / "grid.yaml", "--output", folder / "out")
    assert again.exit_code == 0
    assert again.stdout == first.stdout
    whole = json.loads(sweep(folder / "grid.yaml", "--output", folder / "out", "--format", "json").stdout)
    assert whole["summary"]["points"] == whole["summary"]["matches"] == len(whole["results"]) == 12
    quiet = sweep(folder / "grid.yaml", "--output", folder / "out", "-q").stdout.splitlines()
    assert len(quiet) == 1


def test_parquet_has_the_same_rows(done: tuple[Path, Result]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    folder, _ = done
    result = sweep(folder / "grid.yaml", "--output", folder / "out", "--export", folder / "all.parquet")
    assert result.exit_code == 0
    table = parquet.read_table(folder / "all.parquet").to_pylist()
    assert [(row["N"], row["T"], row["layer"]) for row in table][:2] == [(1, 2, "LSTM"), (1, 2, "GRU")]
    assert len(table) == 12


def test_mismatches_and_errors_exit_1_and_are_shown(tmp_path: Path) -> None:
    # Demanded to the last bit, float32 is a mismatch; a kernel too large for float16 cannot be drawn.
    (tmp_path / "grid.yaml").write_text(
        "base: {D: 3, K: 2, N: 2, T: 3, M: 4, tolerance: {atol: 0}}\n"
        "grid: {dtype: [float32, float16], weights.scale: [1, 1.0e+6]}\n"
    )
    result = sweep(tmp_path / "grid.yaml", "--output", tmp_path / "out", "--workers", 1)
    assert result.exit_code == 1
    lines = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    verdicts = [line["verdict"] for line in lines]
    assert verdicts.count("error") == 1
    assert "mismatch" in verdicts
    assert "expected finite float16" in result.stdout
    assert "1 error" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--export", "results.xlsx"], "expected a file ending in .csv or .parquet"),
        (["--export", "no/such/folder/x.csv"], "the folder no/such/folder does not exist"),
        (["--workers", "0"], "not in the range"),
        (["--workers", "2", "--scheduler", "tcp://127.0.0.1:1"], "give one of them"),
        (["--set", "Q=3"], "unknown key"),
        (["--output", "/proc/none"], "cannot be written"),
    ],
)
def test_a_wrong_request_exits_2_before_any_work(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "grid.yaml").write_text(GRID)
    result = sweep(tmp_path / "grid.yaml", *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_an_edited_grid_is_refused_and_the_results_are_left_alone(done: tuple[Path, Result], tmp_path: Path) -> None:
    folder, _ = done
    before = (folder / "out" / "results.jsonl").read_bytes()
    (tmp_path / "grid.yaml").write_text(GRID.replace("[1, 4]", "[1, 4, 9]"))
    result = sweep(tmp_path / "grid.yaml", "--output", folder / "out")
    assert result.exit_code == 2
    assert "holds the results of another grid (grid.N is not the same)" in result.output
    assert (folder / "out" / "results.jsonl").read_bytes() == before
