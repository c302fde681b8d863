"""Points in tasks, and what becomes of a task whose worker does not answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import islice
from typing import Any

import pytest

from rnnverify.errors import RequestError
from rnnverify.grids import points, tasks
from rnnverify.grids.grid import Grid, Point
from rnnverify.grids.tasks import MOST_WORK, in_windows, run, tasks_of
from rnnverify.grids.workers import ClusterLostError, OverdueError, WorkerDiedError
from tests.grids.stand_ins import broken, matching, refusing

GRID = Grid("grid.yaml", {"D": 3, "K": 2, "M": 5}, "grid.yaml", {"T": (1, 2, 3, 4, 5), "N": (1, 2)}, None, 0)


class Here:
    """Tasks are done at once, in this process."""

    def submit(
        self, ready: Callable[[], None], function: Callable[..., Any], grid: Grid, task: Sequence[Point]
    ) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            ready()
            future.set_result(function(grid, task))
        except Exception as error:
            future.set_exception(error)
        return future

    def result(self, future: Future[Any]) -> Any:
        return future.result()

    def check(self) -> None:
        raise AssertionError("there was an answer")


class Nowhere(Here):
    """Tasks are never done."""

    def submit(
        self, ready: Callable[[], None], function: Callable[..., Any], grid: Grid, task: Sequence[Point]
    ) -> Future[Any]:
        return Future()

    def check(self) -> None:
        raise ClusterLostError("the scheduler is gone")


def results(monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any]) -> list[dict[str, Any]]:
    monkeypatch.setattr(points, "verify_points", function)
    return [record for records in run(Here(), GRID, in_windows(GRID, GRID.points()), 2) for record in records]


def test_points_that_can_share_a_model_are_one_task() -> None:
    grid = Grid("", {}, "", {"N": (1, 2), "M": (3, 4), "weights.scale": (1, 2), "layers.0.LSTM.units": (5, 6)}, None, 0)
    made = tasks_of(grid, list(grid.points()))
    assert [len(task) for task in made] == [4, 4, 4, 4]
    for task in made:
        assert len({(point["M"], point["layers.0.LSTM.units"]) for point in task}) == 1


def test_a_task_has_at_most_16_points_and_no_more_work_than_takes_some_seconds() -> None:
    many = Grid("", {}, "", {"N": tuple(range(1, 41))}, None, 0)
    assert [len(task) for task in tasks_of(many, list(many.points()))] == [16, 8, 16]
    large = Grid("", {"T": 2000, "M": 1000}, "", {"N": (1, 2, 1, 30)}, None, 0)
    made = tasks_of(large, list(large.points()))
    assert [[point["N"] for point in task] for task in made] == [[30], [2], [1], [1]]
    assert MOST_WORK == 2 * 2000 * 1000**2


def test_the_longest_tasks_come_first() -> None:
    grid = Grid("", {"N": 3, "layer": "LSTM"}, "", {"T": (2, 50), "M": (4, 64, 16)}, None, 0)
    assert [task[0]["M"] for task in tasks_of(grid, list(grid.points()))] == [64, 16, 4]
    named = Grid("", {}, "", {"layer": ("GRU", "LSTM"), "M": ("K",)}, None, 0)
    assert len(tasks_of(named, list(named.points()))) == 2


def test_the_first_tasks_of_a_large_grid_are_made_before_the_rest_is_looked_at() -> None:
    seen = 0

    def counted() -> Any:
        nonlocal seen
        for seen in range(1, 10**9):
            yield {"N": seen}

    assert len(list(islice(in_windows(GRID, counted()), 10))) == 10
    assert seen == tasks.WINDOW


def test_every_point_of_several_windows_is_in_one_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "WINDOW", 3)
    assert sorted(str(point) for task in in_windows(GRID, GRID.points()) for point in task) == sorted(
        map(str, GRID.points())
    )


def test_a_point_that_takes_its_worker_with_it_twice_is_lost_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Sequence[Point]] = []

    def dying(grid: Grid, task: Sequence[Point]) -> Any:
        asked.append(task)
        if {"T": 3, "N": 1} in task:
            raise WorkerDiedError("exit code -9")
        return matching(grid, task)

    found = results(monkeypatch, dying)
    assert len(found) == 10
    (lost,) = (record for record in found if record["verdict"] != "match")
    assert lost["point"] == {"T": 3, "N": 1}
    assert lost["lost"] is True
    assert "the worker died (exit code -9), as when memory runs out" in lost["message"]
    assert [len(task) for task in asked if {"T": 3, "N": 1} in task] == [10, 1]


def test_a_task_of_one_point_has_a_second_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "MOST_AT_ONCE", 1)
    died: list[Any] = []

    def dying_once(grid: Grid, task: Sequence[Point]) -> Any:
        if task not in died:
            died.append(task)
            raise WorkerDiedError("exit code -9")
        return matching(grid, task)

    assert [record["verdict"] for record in results(monkeypatch, dying_once)] == ["match"] * 10


def test_a_point_that_takes_too_long_is_an_error_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(grid: Grid, task: Sequence[Point]) -> Any:
        if {"T": 3, "N": 1} in task:
            raise OverdueError(60.0)
        return matching(grid, task)

    found = results(monkeypatch, late)
    assert len(found) == 10
    (overdue,) = (record for record in found if record["verdict"] != "match")
    assert overdue["point"] == {"T": 3, "N": 1}
    assert overdue["timeout"] == 60
    assert "took longer than 60 seconds; give it more with --timeout" in overdue["message"]
    assert "lost" not in overdue


@pytest.mark.parametrize(
    ("worker", "told"), [(refusing, "^Keras cannot be imported$"), (broken, "is the same rnnverify installed there?")]
)
def test_where_no_point_can_be_run_none_has_a_result(
    monkeypatch: pytest.MonkeyPatch, worker: Callable[..., Any], told: str
) -> None:
    with pytest.raises(RequestError, match=told):
        results(monkeypatch, worker)


def test_where_nothing_comes_it_is_asked_whether_anything_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "PAUSE", 0.01)
    with pytest.raises(ClusterLostError):
        next(run(Nowhere(), GRID, tasks_of(GRID, GRID.points()), 1))


def test_workers_are_not_sent_the_axes(monkeypatch: pytest.MonkeyPatch) -> None:
    def looking(grid: Grid, task: Sequence[Point]) -> Any:
        assert grid.axes == {}
        assert task[0]["T"] == grid.spec(task[0]).T
        return matching(grid, task)

    assert len(results(monkeypatch, looking)) == 10


def test_the_stand_in_matches_everything() -> None:
    assert [record["verdict"] for record in matching(GRID, list(GRID.points()))] == ["match"] * 10
