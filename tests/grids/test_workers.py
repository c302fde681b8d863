"""Points on worker processes and on a Dask cluster: the same results, whatever happens to a worker."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from rnnverify.errors import RequestError
from rnnverify.grids import points
from rnnverify.grids.grid import Grid, identity, load_grid
from rnnverify.grids.workers import MOST_WORK, cluster, local, run, tasks_of
from tests.grids.stand_ins import deadly, matching

GRID = Grid("grid.yaml", {"D": 3, "K": 2, "M": 5}, "grid.yaml", {"T": (1, 2, 3, 4, 5), "N": (1, 2)}, None, 0)


def results(executor: Any, grid: Grid, count: int = 2) -> list[dict[str, Any]]:
    return [record for records in run(executor, grid, tasks_of(grid, list(grid.points())), count) for record in records]


def numbers(records: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What is found of each point, whatever the time it took."""
    return {
        identity(record["point"]): {
            "verdict": record["verdict"],
            "first_divergence": record["first_divergence"],
            **{f"ratio {layer['layer']}": layer["worst_ratio"] for layer in record["layers"]},
            **{f"output {row['output']}": row["keras"] for row in record["outputs"]},
        }
        for record in records
    }


def gist(records: list[dict[str, Any]]) -> dict[str, Any]:
    """The same, to be compared: the last bits depend on how many threads share a product."""

    def about(name: str, value: Any) -> Any:
        kind = name.split()[0]
        return pytest.approx(value, rel=0.01 if kind == "ratio" else 1e-5) if kind in ("ratio", "output") else value

    return {
        point: {name: about(name, value) for name, value in found.items()} for point, found in numbers(records).items()
    }


def test_points_that_can_share_a_model_are_one_task() -> None:
    grid = Grid("", {}, "", {"N": (1, 2), "M": (3, 4), "weights.scale": (1, 2), "layers.0.LSTM.units": (5, 6)}, None, 0)
    tasks = tasks_of(grid, list(grid.points()))
    assert [len(task) for task in tasks] == [4, 4, 4, 4]
    for task in tasks:
        assert len({(point["M"], point["layers.0.LSTM.units"]) for point in task}) == 1


def test_a_task_has_at_most_16_points_and_no_more_work_than_takes_some_seconds() -> None:
    many = Grid("", {}, "", {"N": tuple(range(1, 41))}, None, 0)
    assert [len(task) for task in tasks_of(many, list(many.points()))] == [16, 8, 16]
    large = Grid("", {"T": 2000, "M": 1000}, "", {"N": (1, 2, 1, 30)}, None, 0)
    tasks = tasks_of(large, list(large.points()))
    assert [[point["N"] for point in task] for task in tasks] == [[30], [2], [1], [1]]
    assert MOST_WORK == 2 * 2000 * 1000**2


def test_the_longest_tasks_come_first() -> None:
    grid = Grid("", {"N": 3, "layer": "LSTM"}, "", {"T": (2, 50), "M": (4, 64, 16)}, None, 0)
    assert [task[0]["M"] for task in tasks_of(grid, list(grid.points()))] == [64, 16, 4]
    named = Grid("", {}, "", {"layer": ("GRU", "LSTM"), "M": ("K",)}, None, 0)
    assert len(tasks_of(named, list(named.points()))) == 2


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Grid:
    path = tmp_path_factory.mktemp("grid") / "grid.yaml"
    path.write_text(
        "base: {D: 3, K: 2}\ngrid: {layer: [LSTM, GRU], N: [1, 3], T: [2, 5], M: [4], weights.scale: [1, 2]}"
    )
    return load_grid(str(path))


@pytest.fixture(scope="module")
def alone(small: Grid) -> dict[str, Any]:
    """What this process finds by itself."""
    return gist([points.verify_point(small, point) for point in small.points()])


def test_worker_processes_find_what_one_process_finds(small: Grid, alone: dict[str, Any]) -> None:
    with local(2) as executor:
        found = results(executor, small)
    assert len(found) == 16
    assert numbers(found) == alone


SWEEP = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job that a shell runs in the background ignores it
from rnnverify.cli import main
main(["sweep", "grid.yaml", "--output", "out", "--workers", "2", "-q"])
"""


@pytest.mark.parametrize("seconds", [0, 0.03, 0.1, 0.5])
def test_ctrl_c_while_the_workers_server_starts_ends_all_processes_with_one_line(
    seconds: float, tmp_path: Path
) -> None:
    (tmp_path / "grid.yaml").write_text("base: {D: 3, K: 2, M: 5}\ngrid: {N: [1, 2], T: [1, 2]}")
    process = subprocess.Popen(
        [sys.executable, "-c", SWEEP], cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not any("forkserver" in " ".join(child.cmdline()) for child in psutil.Process(process.pid).children()):
        time.sleep(0.01)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, told = process.communicate(timeout=60)  # until every process has closed its end
    assert process.returncode == 130
    (line,) = told.splitlines()
    assert "of 4 results are kept in out" in line


def test_a_worker_that_dies_costs_its_point_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points, "verify_points", deadly)
    with local(2) as executor:
        found = results(executor, GRID)
    verdicts = {(record["point"]["T"], record["point"]["N"]): record["verdict"] for record in found}
    assert len(found) == len(verdicts) == 10
    assert {point for point, verdict in verdicts.items() if verdict == "error"} == {(3, 1), (3, 2)}
    message = next(record["message"] for record in found if record["verdict"] == "error")
    assert re.search(r"the worker died \(exit code 9\), as when memory runs out", message)


def test_a_point_that_raises_is_an_error_and_those_after_it_are_run(
    small: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = points.judge

    def sometimes(observed: Any, *arguments: Any) -> Any:
        if len(observed.predictions[0]) == 3:
            raise MemoryError("no room")
        return broken(observed, *arguments)

    monkeypatch.setattr(points, "judge", sometimes)
    found = points.verify_points(small, list(small.points()))
    assert {record["point"]["N"]: record["verdict"] for record in found} == {1: "match", 3: "error"}
    assert {record.get("message") for record in found} == {None, "MemoryError: no room"}


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """A scheduler and two worker processes on loopback."""
    pytest.importorskip("distributed")
    folder = tmp_path_factory.mktemp("dask")
    address = folder / "scheduler.json"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    arguments = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    processes = [
        subprocess.Popen(
            [*arguments, "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(address)],
            cwd=folder, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, text=True,
        )
    ]  # fmt: skip
    while not address.exists():
        time.sleep(0.05)
        assert processes[0].poll() is None
    time.sleep(0.2)
    found = re.search(r"tcp://[\d.]+:\d+", address.read_text())
    assert found is not None
    processes += [
        subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_worker", found[0], "--nthreads", "1", "--no-dashboard",
             "--no-nanny", "--local-directory", str(folder)],
            cwd=folder, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    from distributed import Client

    with Client(found[0]) as client:
        client.wait_for_workers(2, timeout=60)
    yield found[0], processes
    for process in reversed(processes):
        process.terminate()
        process.wait()


def test_a_cluster_finds_the_same_also_where_a_worker_is_killed_in_the_middle(
    dask: tuple[str, list[subprocess.Popen[str]]], small: Grid, alone: dict[str, Any]
) -> None:
    address, processes = dask
    with cluster(address) as (executor, count):
        assert count == 2
        assert numbers(results(executor, small, count)) == alone
        found = []
        tasks = [[point] for point in small.points()]
        for records in run(executor, small, tasks, count):
            found += records
            if len(found) == 3:
                os.kill(processes[1].pid, signal.SIGKILL)
    assert len(found) == 16
    assert numbers(found) == alone


def test_a_scheduler_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("rnnverify.grids.workers.PATIENCE", 0.5)
    for address in ("tcp://127.0.0.1:9", "nowhere", "tcp://"):
        with pytest.raises(RequestError, match=r"no Dask scheduler answers there"), cluster(address):
            pass


def test_without_dask_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(RequestError, match=r"pip install 'rnnverify\[dask\]'"), cluster("tcp://127.0.0.1:9"):
        pass


def test_the_stand_in_matches_everything() -> None:
    assert [record["verdict"] for record in matching(GRID, list(GRID.points()))] == ["match"] * 10
