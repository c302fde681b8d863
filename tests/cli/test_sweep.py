"""rnnverify sweep: the command, its folder, its tables and its exit codes."""

from __future__ import annotations

import csv
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rnnverify.cli import main
from rnnverify.grids import export as tables
from rnnverify.grids import points, processes
from rnnverify.results import Summary, SweepResult
from tests.grids.stand_ins import deadly, endless, matching

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
    monkeypatch.setattr(processes, "local", None)  # no worker is started
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
        (["--tls-ca-file", "ca.pem"], "are for a scheduler; give its address too"),
        (["--scheduler", "tcp://127.0.0.1:1", "--tls-key", "key.pem"], "expected tls://HOST:PORT beside --tls-key"),
        (["--scheduler", "tls://127.0.0.1:1", "--tls-key", "no.pem"], "--tls-key no.pem: no such file"),
        (["--timeout", "0"], "timeout: expected seconds, above 0 and up to 1e+06, got 0"),
        (["--timeout", "nan"], "timeout: expected seconds"),
        (["--timeout", "inf"], "timeout: expected seconds"),
        (["--timeout", "long"], "not a valid float"),
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


def test_what_is_lost_is_told_and_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "grid.yaml").write_text(GRID)
    monkeypatch.setattr(points, "verify_points", deadly)
    lost = sweep(tmp_path / "grid.yaml", "--output", tmp_path / "out", "--workers", 1)
    assert lost.exit_code == 1
    assert "12 points: 8 match, 0 mismatch, 4 error" in lost.stdout
    assert lost.stderr.splitlines() == [
        "4 of the errors are no results, as their workers died: the same command tries them again"
    ]
    assert (tmp_path / "out" / "results.jsonl").read_text().count("\n") == 8
    monkeypatch.setattr(points, "verify_points", matching)
    again = sweep(tmp_path / "grid.yaml", "--output", tmp_path / "out", "--workers", 1)
    assert again.exit_code == 0
    assert "12 points: 12 match" in again.stdout
    assert (tmp_path / "out" / "results.jsonl").read_text().count("\n") == 12


def test_a_point_that_takes_too_long_is_recorded_until_it_is_given_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "grid.yaml").write_text(GRID.replace("[2, 5, 3]", "[2, 3]").replace("[1, 4]", "[1]"))
    arguments = [tmp_path / "grid.yaml", "--output", tmp_path / "out", "--workers", 2]
    monkeypatch.setattr(points, "verify_points", endless)
    late = sweep(*arguments, "--timeout", 2)
    assert late.exit_code == 1
    assert "4 points: 2 match, 0 mismatch, 2 error" in late.stdout
    lines = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    errors = [line for line in lines if line["verdict"] == "error"]
    assert [(line["point"]["T"], line["timeout"]) for line in errors] == [(3, 2), (3, 2)]
    assert errors[0]["message"].startswith("took longer than 2 seconds; give it more with --timeout")
    monkeypatch.setattr(points, "verify_points", matching)
    assert sweep(*arguments, "--timeout", 2).exit_code == 1
    assert sweep(*arguments, "--timeout", 3).exit_code == 0
    assert (tmp_path / "out" / "results.jsonl").read_text().count("\n") == 4


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_a_path_that_is_no_text_can_be_exported(tmp_path: Path, name: str) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    message = os.fsdecode(b"caf\xe9.yaml: cannot be read")
    records = ({"point": {"N": 1}, "verdict": "error", "message": message},)
    summary = Summary(1, 0, 0, 0, 1, 0.0, records, None)
    tables.write(SweepResult("out", {"N": (1,)}, records, summary), str(tmp_path / name))
    assert rb"caf\udce9.yaml" in (tmp_path / name).read_bytes()


@pytest.mark.parametrize("backend", ["jax", "nonsense"])
def test_a_backend_that_is_not_there_is_one_line_and_no_result(tmp_path: Path, backend: str) -> None:
    pytest.importorskip("keras")
    (tmp_path / "grid.yaml").write_text(GRID)
    hidden = "import sys\nsys.modules['jax'] = None\n"  # where it is installed, too
    (tmp_path / "sitecustomize.py").write_text(hidden)
    done = subprocess.run(
        [sys.executable, "-m", "rnnverify", "sweep", "grid.yaml", "--output", "out", "--workers", "2"],
        cwd=tmp_path,
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])]),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("Keras cannot be imported (")
    assert f"with KERAS_BACKEND={backend}" in line
    assert (tmp_path / "out" / "results.jsonl").read_text() == ""


def test_the_help_says_what_a_scheduler_can_do() -> None:
    text = " ".join(sweep("--help").stdout.split())
    assert "A Dask scheduler can run code on its clients and its workers" in text


TERMINAL = """
import sys
from rnnverify.grids import export as tables
from rnnverify.grids import points, processes
from rnnverify.results import Summary, SweepResult
from tests.grids import stand_ins
processes.PRELOAD = ["tests.grids.stand_ins"]
points.ready, points.verify_points = stand_ins.nothing, stand_ins.slow
from rnnverify.cli import main
main(["sweep", "grid.yaml", "--output", "out", "--workers", "2"])
"""


def on_a_terminal(folder: Path, columns: int) -> str:
    """What a sweep writes to a terminal, by way of stderr."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(Path(__file__).parents[2])}
    environment.pop("COLUMNS", None)
    process = subprocess.Popen(
        [sys.executable, "-c", TERMINAL], cwd=folder, env=environment, stderr=theirs, stdout=subprocess.DEVNULL
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says so at the end
            break
        if not part:
            break
        written += part
    os.close(ours)
    assert process.wait() == 0
    return written.decode()


@pytest.mark.parametrize("columns", [50, 80])
def test_a_terminal_is_told_what_is_done_before_the_first_point_and_how_fast_after(
    tmp_path: Path, columns: int
) -> None:
    (tmp_path / "grid.yaml").write_text("base: {D: 3, K: 2, M: 5}\ngrid: {N: {range: [1, 21]}, T: {range: [1, 21]}}")
    written = on_a_terminal(tmp_path, columns)
    doing = written.index("importing Tens")
    assert "0/400" in written[doing - 60 : doing]
    assert "points" in written[doing:]
    assert "400/400" in written[doing:]
    assert written.count("\n") <= 1  # one line, written again and again


def test_nothing_but_the_results_is_written_where_there_is_no_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "grid.yaml").write_text(GRID)
    monkeypatch.setattr(points, "verify_points", matching)
    result = sweep(tmp_path / "grid.yaml", "--output", tmp_path / "out", "--workers", 1)
    assert result.exit_code == 0
    assert result.stderr == ""
