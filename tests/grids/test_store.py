"""The folder of a sweep: nothing lost, nothing doubled, and a clear word where it cannot be written."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from rnnverify.errors import RequestError
from rnnverify.grids.grid import Grid
from rnnverify.grids.store import opened
from tests.grids.stand_ins import record

GRID = Grid("grid.yaml", {"D": 3, "K": 2, "M": 5}, "grid.yaml", {"N": (1, 2, 3), "T": (4, 5)}, None, 0)


def filled(folder: Path, count: int = 6, grid: Grid = GRID) -> None:
    with opened(str(folder), grid) as store:
        for point in islice(store.left(), count):
            store.add(record(point))


def lines(folder: Path) -> list[Any]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_results_are_there_line_by_line_and_the_sweep_goes_on_where_it_stopped(tmp_path: Path) -> None:
    filled(tmp_path, 4)
    with opened(str(tmp_path), GRID) as store:
        assert list(store.left()) == [{"N": 3, "T": 4}, {"N": 3, "T": 5}]
        store.add(record({"N": 3, "T": 5}))
        assert lines(tmp_path)[-1]["point"] == {"N": 3, "T": 5}  # at once
        assert [one["point"]["T"] for one in store.in_order()] == [4, 5, 4, 5, 5]
    about = json.loads((tmp_path / "sweep.json").read_text())
    assert about["grid"] == {"N": [1, 2, 3], "T": [4, 5]}
    assert about["started"]
    assert about["finished"] is None


@pytest.mark.parametrize(
    "torn", [b'{"point": {"N": 3,', b'{"point": {"N": 3, "T": 4}, "verdi\n', b"\x00\x00\x00", b"{"]
)
def test_a_torn_last_line_is_cut_off_and_its_point_run_again(tmp_path: Path, torn: bytes) -> None:
    filled(tmp_path, 4)
    whole = (tmp_path / "results.jsonl").read_bytes()
    (tmp_path / "results.jsonl").write_bytes(whole + torn)
    filled(tmp_path)
    assert [one["point"] for one in lines(tmp_path)] == list(GRID.points())
    assert (tmp_path / "results.jsonl").read_bytes().startswith(whole)


POINT = {"N": 2, "T": 4}
PLACE = {"layer": "lstm", "timestep": None, "sample": 0, "unit": 1, "gate": None}


def deep(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "damaged",
    [
        b"{",
        b"[1]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"point":' * 5_000,
        b'{"point": {"N": 2, "T": 4}, "verdict": "match", "layers": [], "outputs": [], "x": '
        + b"[" * 500
        + b"]" * 500
        + b"}",
        b'{"point": {"N": 2, "T": ' + b"9" * 5_000 + b'}, "verdict": "match", "layers": [], "outputs": []}',
        {"point": POINT},
        {"point": POINT, "verdict": "match"},
        {"point": POINT, "verdict": "fine", "layers": [], "outputs": []},
        {"point": POINT, "verdict": ["match"], "layers": [], "outputs": []},
        {"point": POINT, "verdict": "match", "layers": None, "outputs": []},
        {"point": POINT, "verdict": "match", "layers": [{}], "outputs": []},
        {"point": POINT, "verdict": "match", "layers": [{"worst_ratio": "large"}], "outputs": []},
        {"point": POINT, "verdict": "match", "layers": [], "outputs": [{"max_abs_error": 1.0}]},
        {"point": POINT, "verdict": "match", "layers": [], "outputs": 3},
        {"point": POINT, "verdict": "mismatch", "layers": [], "outputs": [], "first_divergence": {"layer": "lstm"}},
        {"point": POINT, "verdict": "mismatch", "layers": [], "outputs": [], "first_divergence": {**PLACE, "layer": 3}},
        {"point": POINT, "verdict": "untested", "layers": [], "outputs": [], "untested": [3]},
        {"point": POINT, "verdict": "match", "layers": [], "outputs": [], "seconds": {"build": "long"}},
        {"point": POINT, "verdict": "match", "layers": [], "outputs": [], "x": deep(200)},
        {"point": POINT, "verdict": "error"},
        {"point": POINT, "verdict": "error", "message": 3},
        {"point": POINT, "verdict": "error", "message": "late", "timeout": "long"},
        {"point": {"N": 2}, "verdict": "error", "message": ""},
        {"point": {"N": 2, "T": 4, "M": 3}, "verdict": "error", "message": ""},
        {"point": {"N": 2, "T": 6}, "verdict": "error", "message": ""},
        {"point": {"N": 2, "T": 4.0}, "verdict": "error", "message": ""},
        {"point": {"N": 2, "T": deep(50)}, "verdict": "error", "message": ""},
        {"point": [2, 4], "verdict": "error", "message": ""},
        {"point": None, "verdict": "error", "message": ""},
    ],
)
def test_another_damaged_line_is_refused_and_left_alone(tmp_path: Path, damaged: Any) -> None:
    filled(tmp_path, 2)
    path = tmp_path / "results.jsonl"
    first, second = path.read_bytes().splitlines()
    line = damaged if isinstance(damaged, bytes) else json.dumps(damaged).encode()
    for content in (b"\n".join([first, line, second, b""]), b"\n".join([line, second, b""])):
        path.write_bytes(content)
        with pytest.raises(RequestError, match=r"results\.jsonl:[12]: damaged: not the result of a point of this grid"):
            filled(tmp_path)
        assert path.read_bytes() == content


def test_a_point_that_is_there_twice_is_kept_once(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    path = tmp_path / "results.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines(keepends=True)[1])
    filled(tmp_path)
    assert path.read_bytes().startswith(whole)
    assert [one["point"] for one in lines(tmp_path)] == list(GRID.points())


def test_what_no_worker_of_this_version_says_is_not_written(tmp_path: Path) -> None:
    with opened(str(tmp_path), GRID) as store:
        for answer in ({"point": POINT}, record({"N": 9, "T": 9}), {**record(POINT), "layers": 3}):
            with pytest.raises(RequestError, match="no result of a point; is the same rnnverify installed there"):
                store.add(answer)
    assert lines(tmp_path) == []


def overdue(seconds: float) -> dict[str, Any]:
    return {"point": POINT, "verdict": "error", "message": "took longer", "timeout": seconds}


@pytest.mark.parametrize(("given", "again"), [(30.0, False), (60.0, False), (60.5, True)])
def test_a_point_that_took_too_long_is_run_again_only_with_more_time(tmp_path: Path, given: float, again: bool) -> None:
    with opened(str(tmp_path), GRID) as store:
        store.add(record({"N": 1, "T": 4}))
        store.add(overdue(60.0))
        store.add(record({"N": 1, "T": 5}))
    with opened(str(tmp_path), GRID, given) as store:
        assert (POINT in list(store.left())) == again
        if again:
            store.add(record(POINT))
    assert [one["point"]["T"] for one in lines(tmp_path)] == ([4, 5, 4] if again else [4, 4, 5])
    assert [one["verdict"] for one in lines(tmp_path)].count("error") == (not again)


def test_a_point_that_is_lost_is_told_and_not_written(tmp_path: Path) -> None:
    lost = {"point": POINT, "verdict": "error", "message": "the worker died", "lost": True}
    with opened(str(tmp_path), GRID) as store:
        store.add(lost)
        store.add(record({"N": 3, "T": 4}))
        assert store.in_order() == [lost, record({"N": 3, "T": 4})]
        assert POINT in list(store.left())
    assert len(lines(tmp_path)) == 1
    with opened(str(tmp_path), GRID) as store:
        store.add(lost)
        store.add(record(POINT))
        assert store.in_order() == [record(POINT), record({"N": 3, "T": 4})]


@pytest.mark.parametrize("name", ["results.jsonl", "sweep.json"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str, make: Any) -> None:
    filled(tmp_path, 2)
    (tmp_path / name).unlink()
    make(tmp_path / name)
    with pytest.raises(RequestError, match=f"{name}: expected a file"):
        filled(tmp_path)


def test_a_sample_is_another_one_in_another_order_of_the_keys(tmp_path: Path) -> None:
    sample = Grid(**{**vars(GRID), "sample": 3})
    filled(tmp_path, 2, sample)
    other = Grid(**{**vars(GRID), "sample": 3, "axes": {"T": (4, 5), "N": (1, 2, 3)}})
    with pytest.raises(RequestError, match=r"another grid .the order of its keys is not the same"):
        filled(tmp_path, 2, other)
    filled(tmp_path, 2, sample)
    assert len(lines(tmp_path)) == 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"base": {"D": 4, "K": 2, "M": 5}}, "base.D"),
        ({"axes": {"N": (1, 2), "T": (4, 5)}}, "grid.N"),
        ({"axes": {"T": (4, 5), "N": (1, 2, 3)}}, None),
        ({"sample": 3}, "sample"),
        ({"seed_of_sample": 3}, "seed_of_sample"),
        ({"overrides": (("M", 7),)}, "overrides"),
    ],
)
def test_results_of_another_grid_are_not_mixed_in(tmp_path: Path, change: dict[str, Any], told: str | None) -> None:
    filled(tmp_path, 2)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = Grid(**{**vars(GRID), **change})
    if told is None:  # the order of the keys is no other grid: the same points
        filled(tmp_path, 0, other)
        return
    with pytest.raises(RequestError, match=f"another grid .{told} is not the same"):
        filled(tmp_path, 6, other)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "content",
    [
        "{", "[]", '{"format": 99}', '{"format": 1}', "\x00", "[" * 100_000, '{"format": 1, "base": ' + "[" * 5_000,
        '{"format": ' + "9" * 5_000 + "}", "null", '"text"', '{"format": 99, "rnnverify": "\\u001b[31m\\n::error::"}',
        '{"format": 1, "base": 1, "grid": 2, "sample": 3, "seed_of_sample": 4, "overrides": 5}',
        '{"format": 1, "base": {"\\n": 1}, "grid": {}, "sample": {}, "seed_of_sample": [], "overrides": {}}',
    ],
)  # fmt: skip
def test_a_damaged_description_is_refused(tmp_path: Path, content: str) -> None:
    filled(tmp_path, 2)
    (tmp_path / "sweep.json").write_text(content)
    with pytest.raises(RequestError, match=r"sweep\.json: |holds the results of another grid") as told:
        filled(tmp_path)
    assert str(told.value).isprintable()
    assert len(lines(tmp_path)) == 2


def test_a_folder_with_results_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text("precious\n")
    with pytest.raises(RequestError, match="not the folder of a sweep"):
        filled(tmp_path)
    assert (tmp_path / "results.jsonl").read_text() == "precious\n"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/none")):
        with pytest.raises(RequestError, match=r"--output .* cannot be written"):
            filled(folder)


def test_two_sweeps_cannot_write_into_one_folder(tmp_path: Path) -> None:
    with opened(str(tmp_path), GRID), pytest.raises(RequestError, match="another sweep is writing there"):
        filled(tmp_path)


def test_a_full_disk_is_told_and_what_was_written_is_kept(tmp_path: Path) -> None:
    filled(tmp_path, 2)
    whole = (tmp_path / "results.jsonl").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with opened(str(tmp_path), GRID) as store:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 20, limits[1]))  # room for a part of the next line
        try:
            with pytest.raises(RequestError, match=r"cannot be written: .*the 2 results so far are kept"):
                store.add(record({"N": 2, "T": 4}))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "results.jsonl").read_bytes() == whole
    filled(tmp_path)
    assert [one["point"] for one in lines(tmp_path)] == list(GRID.points())


SWEEP = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job that a shell runs in the background ignores it
from rnnverify.grids import points, processes
from tests.grids import stand_ins
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

class Threads(ThreadPoolExecutor):
    def submit(self, ready, function, *arguments):
        return super().submit(function, *arguments)
    def result(self, future):
        return future.result()
    def check(self):
        pass

@contextmanager
def threads(count, limit):
    with Threads(count) as pool:
        yield pool

points.verify_points, processes.local = stand_ins.slow, threads
from rnnverify.cli.group import main
def sweep():
    main(["sweep", sys.argv[1], "--output", sys.argv[2], "--workers", "2", "-q"])
"""
# One process imports everything, and each sweep is a fork of it: the kill falls into the sweep, not into an import.
KILLED = """
import os, time
def results():
    path = sys.argv[2] + "/results.jsonl"
    return open(path, "rb").read().count(b"\\n") if os.path.exists(path) else 0
for line in sys.stdin:
    more, moment = map(float, line.split())
    wanted = min(1200, results() + more)
    process = os.fork()
    if process == 0:
        sweep()
        os._exit(0)
    while results() < wanted:
        time.sleep(0.002)
    time.sleep(moment)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    print("killed", flush=True)
"""


def test_killed_at_any_moment_nothing_is_lost_and_nothing_doubled(tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text(
        "base: {D: 3, K: 2, M: 5}\ngrid: {N: {range: [1, 21]}, T: {range: [1, 31]}, layer: [LSTM, GRU]}"
    )
    files = [str(tmp_path / "grid.yaml"), str(tmp_path / "out")]
    rng = random.Random(20261122)
    seen: list[int] = []
    command = [sys.executable, "-c", SWEEP + KILLED, *files]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killer:
        assert killer.stdin is not None
        assert killer.stdout is not None
        for turn in range(20):
            more = rng.randrange(60) if turn % 2 else 0  # results to wait for; else it may be killed while it starts
            print(more, rng.uniform(0.0, 0.02 if more else 0.4), file=killer.stdin, flush=True)
            while (told := killer.stdout.readline()) != "killed\n":
                assert told
            path = tmp_path / "out" / "results.jsonl"
            content = path.read_bytes() if path.exists() else b""
            if rng.random() < 0.5 and content:  # as a crash of the machine may leave it
                with path.open("ab") as file:
                    file.write(content.splitlines()[-1][: rng.randrange(1, 40)])
            seen.append(content.count(b"\n"))
        killer.stdin.close()
    assert seen == sorted(seen)
    assert len(set(seen)) > 5  # kills that met it at work
    command = [sys.executable, "-c", SWEEP + "sweep()", *files]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    points = [(one["point"]["N"], one["point"]["T"], one["point"]["layer"]) for one in lines(tmp_path / "out")]
    assert len(points) == len(set(points)) == 1200
    assert "1200 points: 1200 match" in done.stdout


def test_ctrl_c_keeps_the_results_and_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text("base: {D: 3, K: 2, M: 5}\ngrid: {N: {range: [1, 61]}, T: {range: [1, 61]}}")
    command = [sys.executable, "-c", SWEEP + "sweep()", str(tmp_path / "grid.yaml"), str(tmp_path / "out")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "out" / "results.jsonl").exists() or not lines(tmp_path / "out"):
        time.sleep(0.05)
        assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    (line,) = told.splitlines()
    assert "of 3600 results are kept" in line
    assert "run the same command again to go on" in line
    assert lines(tmp_path / "out")


def test_an_infinite_ratio_is_a_text_in_the_file_and_a_number_when_read(tmp_path: Path) -> None:
    infinite = {**record({"N": 1, "T": 4}), "layers": [{"worst_ratio": float("inf")}]}
    with opened(str(tmp_path), GRID) as store:
        store.add(infinite)
    assert lines(tmp_path)[0]["layers"] == [{"worst_ratio": "Infinity"}]
    with opened(str(tmp_path), GRID) as store:
        assert store.in_order() == [infinite]


def test_what_goes_wrong_in_a_sweep_is_not_blamed_on_its_folder(tmp_path: Path) -> None:
    with pytest.raises(BlockingIOError, match="no more processes"), opened(str(tmp_path), GRID):
        raise BlockingIOError("no more processes")
    filled(tmp_path)  # and it was left in order
