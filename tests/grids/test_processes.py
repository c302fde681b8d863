"""Points on worker processes of this machine: the same results, whatever happens to a worker."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import psutil
import pytest

from rnnverify.errors import RequestError
from rnnverify.grids import points, processes
from rnnverify.grids.axes import identity
from rnnverify.grids.grid import Grid
from rnnverify.grids.processes import Processes, local
from rnnverify.grids.tasks import in_windows, run
from tests.grids.conftest import ROOT
from tests.grids.numbers import numbers
from tests.grids.stand_ins import deadly, endless, matching, nothing, slow, unsendable

GRID = Grid("grid.yaml", {"D": 3, "K": 2, "M": 5}, "grid.yaml", {"T": (1, 2, 3, 4, 5), "N": (1, 2)}, None, 0)
MANY = Grid("", {"D": 3, "K": 2, "M": 5}, "", {"T": tuple(range(1, 41)), "N": tuple(range(1, 31))}, None, 0)


def results(executor: Any, grid: Grid, count: int = 2) -> list[dict[str, Any]]:
    return [record for records in run(executor, grid, in_windows(grid, grid.points()), count) for record in records]


def test_worker_processes_find_what_one_process_finds(small: Grid, alone: dict[str, Any]) -> None:
    with local(2, 600) as executor:
        found = results(executor, small)
    assert len(found) == 16
    assert numbers(found) == alone


def test_a_worker_that_dies_costs_its_point_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points, "verify_points", deadly)
    with local(2, 600) as executor:
        found = results(executor, GRID)
    verdicts = {(record["point"]["T"], record["point"]["N"]): record["verdict"] for record in found}
    assert len(found) == len(verdicts) == 10
    assert {point for point, verdict in verdicts.items() if verdict == "error"} == {(3, 1), (3, 2)}
    for record in found:
        assert record.get("lost", False) == (record["verdict"] == "error")
    message = next(record["message"] for record in found if record["verdict"] == "error")
    assert "the worker died (exit code 9), as when memory runs out" in message


def test_a_point_that_hangs_is_ended_after_its_time_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points, "verify_points", endless)
    with local(2, 2.0) as executor:
        found = results(executor, GRID)
        running = [worker for worker in executor.workers if worker.ended(0) is None]
    assert len(found) == 10
    errors = [record for record in found if record["verdict"] == "error"]
    assert {(record["point"]["T"], record["timeout"]) for record in errors} == {(3, 2.0)}
    assert len(errors) == 2
    assert len(running) <= 2  # nothing hangs on


def test_an_answer_that_cannot_be_sent_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points, "verify_points", unsendable)
    with pytest.raises(RequestError, match="cannot be sent back"), local(1, 600) as executor:
        results(executor, GRID, 1)


def killed_meanwhile(
    executor: Processes, kill: Callable[[], None], seed: int, times: int, pause: float
) -> list[dict[str, Any]]:
    """What is found while something is killed again and again, at random moments."""
    rng = random.Random(seed)
    over = threading.Event()

    def killing() -> None:
        for _ in range(times):
            if over.wait(rng.uniform(0.0, pause)):
                return
            kill()

    thread = threading.Thread(target=killing)
    thread.start()
    try:
        return results(executor, MANY)
    finally:
        over.set()
        thread.join()


def all_there_once(found: list[dict[str, Any]]) -> bool:
    """Whether every point has one record, and those that have no result say that they are to be run again."""
    assert all(record["verdict"] == "match" or record["lost"] for record in found)
    return sorted(identity(record["point"]) for record in found) == sorted(map(identity, MANY.points()))


def test_workers_may_be_killed_at_any_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points, "verify_points", slow)
    rng = random.Random(1)
    with local(2, 600) as executor:
        found = killed_meanwhile(
            executor, lambda: rng.choice(executor.workers).kill() if executor.workers else None, 2, 8, 0.2
        )
    assert all_there_once(found)


def test_the_server_of_the_workers_may_be_killed_at_any_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points, "verify_points", slow)

    def kill() -> None:
        for worker in list(executor.workers):
            worker.kill()
        server = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
        if server is not None and psutil.pid_exists(server):
            os.kill(server, signal.SIGKILL)

    with preloading("tests.grids.stand_ins"), local(2, 600) as executor:
        found = killed_meanwhile(executor, kill, 3, 2, 1.0)
    assert all_there_once(found)


@contextmanager
def preloading(module: str) -> Iterator[None]:
    """Have the server import something else than TensorFlow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "PRELOAD", [module])
        forkserver._forkserver._stop()  # type: ignore[attr-defined]
        yield
    forkserver._forkserver._stop()  # type: ignore[attr-defined]


def test_a_server_that_does_not_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "import_that_aborts.py").write_text("import os\nos._exit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with preloading("import_that_aborts"), local(1, 600) as executor:
        future = executor.submit(nothing, matching, GRID, [])
        with pytest.raises(RequestError, match="no worker process can be started"):
            executor.result(future)


def test_a_script_that_sweeps_is_not_run_again_by_its_workers(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "from rnnverify.grids import processes\n"
        "processes.PRELOAD = ['tests.grids.stand_ins']\n"
        "from tests.grids.stand_ins import nothing, where\n"
        "from tests.grids.test_processes import GRID\n"
        "with processes.local(1, 600) as executor:\n"
        "    print(len(executor.submit(nothing, where, GRID, [{'T': 1, 'N': 1}]).result()))\n"
    )
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr


CLIENT = """
import sys, time
from rnnverify.grids import processes
processes.PRELOAD = ["tests.grids.stand_ins"]
from tests.grids.stand_ins import endless, nothing, where
from tests.grids.test_processes import GRID
with processes.local(1, 600) as executor:
    (found,) = executor.submit(nothing, where, GRID, [{"T": 1, "N": 1}]).result()
    executor.submit(nothing, endless, GRID, [{"T": 3, "N": 1}])
    print(found["pid"], flush=True)
    time.sleep(60)
"""


def test_workers_end_in_the_middle_of_a_point_when_the_client_is_killed() -> None:
    process = subprocess.Popen([sys.executable, "-c", CLIENT], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    worker = psutil.Process(int(process.stdout.readline()))
    process.kill()
    process.wait()
    process.stdout.close()
    worker.wait(timeout=30)  # the point takes a minute


SWEEP = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job that a shell runs in the background ignores it
from rnnverify.cli import main
main(["sweep", "grid.yaml", "--output", "out", "--workers", "2", "-q"])
"""


@pytest.mark.parametrize(
    ("to", "seconds"),
    [("client", 0.1), ("client", 3), ("everyone", 0), ("everyone", 0.5), ("everyone", 3), ("everyone twice", 3)],
)
def test_ctrl_c_while_workers_start_ends_all_processes_with_one_line(to: str, seconds: float, tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text("base: {D: 3, K: 2, M: 5}\ngrid: {N: {range: [1, 41]}, T: {range: [1, 41]}}")
    process = subprocess.Popen(
        [sys.executable, "-c", SWEEP],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not any("forkserver" in " ".join(child.cmdline()) for child in psutil.Process(process.pid).children()):
        time.sleep(0.01)
    time.sleep(seconds)
    if to == "client":
        process.send_signal(signal.SIGINT)
    else:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    if to == "everyone twice" and process.poll() is None:
        time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)  # until every process has closed its end
    assert process.returncode == 130
    (line,) = told.splitlines()
    assert "of 1600 results are kept in out" in line


def test_what_a_worker_does_to_be_ready_takes_none_of_the_time_of_a_point() -> None:
    with local(1, 0.5) as executor:
        assert len(executor.submit(slowly, matching, GRID, [{"T": 1, "N": 1}]).result()) == 1
        assert len(executor.submit(refused, matching, GRID, [{"T": 1, "N": 1}]).result()) == 1  # and is done once
    with local(1, 600) as executor, pytest.raises(RequestError, match="Keras cannot be imported"):
        executor.submit(refused, matching, GRID, [{"T": 1, "N": 1}]).result()


def slowly() -> None:
    time.sleep(1)


def refused() -> None:
    raise RequestError("Keras cannot be imported")


PRELOADED = """
import sys
import rnnverify.grids.preload
print("keras" in sys.modules, sorted({"jax", "pandas", "scipy"} & sys.modules.keys()))
import jax
print(jax.numpy.ones(3).sum())
"""


def test_workers_import_keras_without_what_it_takes_along_and_may_import_that_later() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRELOADED], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.splitlines() == ["True []", "3.0"]
