"""Points on a Dask cluster: the same results; and what becomes of them when a part of it goes away."""

from __future__ import annotations

import gc
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from rnnverify.api.sweeping import unnoticed, unseen
from rnnverify.errors import RequestError
from rnnverify.grids import apart, cluster, points, tasks
from rnnverify.grids.axes import identity
from rnnverify.grids.cluster import Address
from rnnverify.grids.grid import Grid
from rnnverify.grids.sweep import Watcher, Where, sweep
from rnnverify.grids.tasks import in_windows, run
from rnnverify.grids.workers import OverdueError, WorkerDiedError
from rnnverify.results import SweepResult
from tests.grids.conftest import ROOT, DaskCluster, dask_cluster
from tests.grids.numbers import numbers
from tests.grids.stand_ins import broken, deadly, endless, matching, nothing, refusing, slow, where

GRID = Grid("grid.yaml", {"D": 3, "K": 2, "M": 5}, "grid.yaml", {"T": (1, 2, 3, 4, 5), "N": (1, 2)}, None, 0)
WATCHER = Watcher(unseen, unnoticed, lambda: None)
MANY = Grid("", {"D": 3, "K": 2, "M": 5}, "", {"T": tuple(range(1, 41)), "N": tuple(range(1, 31))}, None, 0)


# Dask leaves connections that it has lost to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning", "ignore:coroutine:RuntimeWarning"
)


@pytest.fixture(autouse=True)
def swept_up() -> Iterator[None]:
    """Nor are they found while another test runs."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    with dask_cluster(tmp_path_factory.mktemp("dask"), 2) as made:
        yield made


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes a second long: for what will not come, as a busy machine may take more for what will."""

    def begin() -> None:
        monkeypatch.setattr(cluster, "PATIENCE", 1.0)
        monkeypatch.setattr(tasks, "PAUSE", 0.5)

    monkeypatch.setattr(cluster, "PATIENCE", 60.0)
    return begin


def swept(grid: Grid, folder: Path, url: str, timeout: float = 600) -> SweepResult:
    return sweep(grid, str(folder), Where(None, Address(url), timeout), WATCHER)


def kept(folder: Path) -> list[Any]:
    path = folder / "results.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def after(condition: Callable[[], bool], act: Callable[[], object]) -> threading.Thread:
    """Do something as soon as a condition holds."""

    def wait() -> None:
        while not condition():
            time.sleep(0.02)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_a_cluster_finds_the_same(dask: DaskCluster, small: Grid, alone: dict[str, Any]) -> None:
    with cluster.cluster(Address(dask.address), 600) as (executor, count):
        assert count == 2
        found = [
            record for records in run(executor, small, in_windows(small, small.points()), count) for record in records
        ]
    assert numbers(found) == alone


def test_points_that_hang_or_die_do_the_workers_of_a_cluster_no_harm(
    dask: DaskCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for stand_in, timeout, told in ((deadly, 600.0, "exit code 9"), (endless, 2.0, "took longer than 2 seconds")):
        monkeypatch.setattr(points, "verify_points", stand_in)
        result = swept(GRID, tmp_path / str(timeout), dask.address, timeout)
        errors = [record for record in result.records if record["verdict"] == "error"]
        assert len(result.records) == 10
        assert {record["point"]["T"] for record in errors} == {3}
        assert all(told in record["message"] for record in errors)
    assert [process.poll() for process in dask.workers] == [None, None]


@pytest.mark.parametrize(
    ("stand_in", "told"), [(refusing, "^Keras cannot be imported$"), (broken, "is the same rnnverify installed there?")]
)
def test_workers_that_can_run_nothing_are_told_and_nothing_is_recorded(
    dask: DaskCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stand_in: Any, told: str
) -> None:
    monkeypatch.setattr(points, "verify_points", stand_in)
    with pytest.raises(RequestError, match=told):
        swept(GRID, tmp_path / "out", dask.address)
    assert kept(tmp_path / "out") == []


def test_a_worker_of_a_cluster_that_is_killed_costs_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(points, "verify_points", slow)
    with dask_cluster(tmp_path, 2) as dask:
        after(lambda: len(kept(tmp_path / "out")) >= 50, dask.workers[0].kill)
        result = swept(MANY, tmp_path / "out", dask.address)
        assert dask.workers[0].wait() == -signal.SIGKILL
    assert [record["verdict"] for record in result.records] == ["match"] * 1200
    assert len(kept(tmp_path / "out")) == 1200


def lose(part: str, dask: DaskCluster) -> None:
    """Take a part of a cluster away."""
    if part == "scheduler":
        dask.scheduler.kill()
    elif part == "answers":
        dask.scheduler.send_signal(signal.SIGSTOP)
    else:
        for worker in dask.workers:
            worker.kill()


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("scheduler", "the scheduler is gone|the connection to the scheduler is lost"),
        ("answers", "the scheduler does not answer"),
        ("workers", "all workers are gone"),
    ],
)
def test_a_cluster_that_is_lost_leaves_what_is_known_and_all_else_is_run_again(
    part: str, told: str, monkeypatch: pytest.MonkeyPatch, impatience: Callable[[], None], tmp_path: Path
) -> None:
    monkeypatch.setattr(points, "verify_points", slow)
    out = tmp_path / "out"
    with dask_cluster(tmp_path, 1) as dask:
        after(lambda: len(kept(out)) >= 50, lambda: (lose(part, dask), impatience()))
        with pytest.raises(RequestError, match=rf"({told}).* of 1200 results are kept in .*out: to go on, start"):
            swept(MANY, out, dask.address)
    assert 50 <= len(kept(out)) < 1200
    assert {record["verdict"] for record in kept(out)} == {"match"}
    assert json.loads((out / "sweep.json").read_text())["finished"] is None
    monkeypatch.setattr(cluster, "PATIENCE", 60.0)
    with dask_cluster(tmp_path, 1) as dask:
        swept(MANY, out, dask.address)
    assert sorted(identity(record["point"]) for record in kept(out)) == sorted(map(identity, MANY.points()))
    assert {record["verdict"] for record in kept(out)} == {"match"}


def test_a_cluster_that_comes_back_is_found_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(points, "verify_points", slow)
    said: list[str] = []
    with dask_cluster(tmp_path, 1) as first:
        host, port = first.address.rsplit(":", 1)

        def restart() -> None:
            first.end()
            options = ["--host", "127.0.0.1", "--port", port, "--no-dashboard"]
            first.scheduler = first.started("dask_scheduler", options)
            first.workers = [first.worker()]

        monkeypatch.setattr(cluster, "PATIENCE", 60.0)
        restarting = after(lambda: len(kept(tmp_path / "out")) >= 50, restart)
        result = sweep(
            MANY,
            str(tmp_path / "out"),
            Where(None, Address(first.address), 600),
            Watcher(unseen, said.append, lambda: None),
        )
        restarting.join()
    assert [record["verdict"] for record in result.records] == ["match"] * 1200
    assert len(kept(tmp_path / "out")) == 1200
    assert any(f"connecting to {host}:{port} again" in one for one in said)


CLIENT = """
import sys
from rnnverify.grids import cluster, points
from tests.grids import stand_ins
points.ready, points.verify_points = stand_ins.nothing, stand_ins.slow
from rnnverify.cli import main
main(["sweep", "grid.yaml", "--output", "out", "--scheduler", sys.argv[1]])
"""


def test_a_client_that_loses_its_scheduler_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text("base: {D: 3, K: 2, M: 5}\ngrid: {N: {range: [1, 31]}, T: {range: [1, 41]}}")
    with dask_cluster(tmp_path, 1) as dask:
        client = subprocess.Popen(
            [sys.executable, "-c", CLIENT, dask.address],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        after(lambda: len(kept(tmp_path / "out")) >= 50, dask.scheduler.kill)
        written = client.communicate(timeout=300)
    assert client.returncode == 2
    assert written[0] == ""
    (line,) = written[1].splitlines()  # and nothing of Dask's, which knows of much more
    assert "of 1200 results are kept in out: to go on, start the cluster" in line


def test_a_scheduler_that_does_not_answer_is_told(impatience: Callable[[], None]) -> None:
    pytest.importorskip("distributed")
    impatience()
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # takes connections, and says nothing
        for address in (f"tcp://127.0.0.1:{deaf.getsockname()[1]}", "tcp://127.0.0.1:9", "nowhere", "tcp://", "x://y"):
            with (
                pytest.raises(RequestError, match=r"no Dask scheduler answers there"),
                cluster.cluster(Address(address), 1),
            ):
                pass


def test_a_scheduler_without_workers_is_told(tmp_path: Path) -> None:
    told = "it has no workers; start one with: dask worker tcp"
    with dask_cluster(tmp_path, 0) as dask, pytest.raises(RequestError, match=told):
        swept(GRID, tmp_path / "out", dask.address)


def test_without_dask_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(RequestError, match=r"pip install 'rnnverify\[dask\]'"),
        cluster.cluster(Address("tcp://127.0.0.1:9"), 1),
    ):
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate that vouches for itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    files = str(folder / "certificate.pem"), str(folder / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return files


def test_a_cluster_in_tls_is_reached_with_the_files_for_it_and_not_without(
    certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(points, "verify_points", matching)
    trusted, key = certificate
    with dask_cluster(tmp_path, 1, ["--tls-ca-file", trusted, "--tls-cert", trusted, "--tls-key", key]) as dask:
        assert dask.address.startswith("tls://")
        monkeypatch.setattr(cluster, "PATIENCE", 60.0)
        mine = Address(dask.address, trusted, trusted, key)
        assert sweep(GRID, str(tmp_path / "out"), Where(None, mine, 600), WATCHER).passed
        monkeypatch.setattr(cluster, "PATIENCE", 2.0)
        for other in (Address(dask.address), Address(dask.address.replace("tls", "tcp"))):
            with pytest.raises(RequestError, match="no Dask scheduler answers there"):
                sweep(GRID, str(tmp_path / "none"), Where(None, other, 600), WATCHER)


def test_files_for_tls_that_do_not_fit_are_told(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(RequestError, match=r"--tls-key no\.pem: no such file"):
        Address("tls://127.0.0.1:9", key="no.pem").security()
    with pytest.raises(RequestError, match=r"expected tls://HOST:PORT beside --tls-ca-file, --tls-key"):
        Address("tcp://127.0.0.1:9", ca_file="a.pem", key="b.pem").security()
    (tmp_path / "bad.pem").write_text("no certificate")
    bad = Address("tls://127.0.0.1:9", ca_file=str(tmp_path / "bad.pem"))
    with pytest.raises(RequestError, match="no Dask scheduler answers there"), cluster.cluster(bad, 1):
        pass


@pytest.fixture
def alive() -> Iterator[None]:
    """Leave no process behind."""
    apart.spare.clear()
    yield
    while apart.spare:
        apart.spare.pop().end()


def asked(function: Callable[..., Any], limit: float, number: int) -> Any:
    return apart.ask_apart(limit, nothing, function, (GRID, [{"T": number, "N": 1}]))


@pytest.mark.usefixtures("alive")
@pytest.mark.skipif(os.name != "posix", reason="there points are run in Dask's own processes")
def test_a_process_apart_is_asked_again_as_long_as_it_lives() -> None:
    (first,) = asked(where, 600, 1)
    assert first["pid"] != os.getpid()
    with pytest.raises(RequestError, match="Keras cannot be imported"):
        asked(refusing, 600, 1)
    assert asked(where, 600, 2)[0]["pid"] == first["pid"]
    with pytest.raises(WorkerDiedError, match="exit code 9"):
        asked(deadly, 600, 3)
    assert not psutil.pid_exists(first["pid"])
    (second,) = asked(where, 600, 1)
    with pytest.raises(OverdueError):
        asked(endless, 0.5, 3)
    assert asked(where, 600, 1)[0]["pid"] not in (first["pid"], second["pid"])


def test_processes_apart_end_in_the_middle_of_a_point_with_the_worker_of_the_cluster() -> None:
    code = (
        "from tests.grids.test_cluster import asked\nfrom tests.grids.stand_ins import endless, where\n"
        "print(asked(where, 600, 1)[0]['pid'], flush=True)\nasked(endless, 600, 3)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    worker = psutil.Process(int(process.stdout.readline()))
    time.sleep(random.Random(1).uniform(0.1, 0.5))
    process.kill()
    process.wait()
    process.stdout.close()
    worker.wait(timeout=30)  # the point takes a minute
