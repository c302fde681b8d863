"""Work ahead on other threads: in order, a little at a time, with the caller's settings."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from rnnverify import threads
from rnnverify.threads import in_order


@pytest.fixture(autouse=True)
def three_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 3)


def test_results_come_in_the_order_of_the_items() -> None:
    def slow_at_first(number: int) -> int:
        time.sleep(0.002 * (10 - number))
        return number * number

    assert list(in_order(slow_at_first, list(range(10)))) == [number * number for number in range(10)]


@pytest.mark.parametrize("items", [[], [7]])
def test_little_work_is_done_by_the_caller(items: list[int]) -> None:
    caller = threading.get_ident()
    assert list(in_order(lambda item: threading.get_ident(), items)) == [caller] * len(items)


def test_the_work_is_shared_and_only_a_little_is_held() -> None:
    begun: list[int] = []
    workers: set[int] = set()

    def work(number: int) -> int:
        begun.append(number)
        workers.add(threading.get_ident())
        time.sleep(0.002)
        return number

    made: Iterator[int] = in_order(work, list(range(30)))
    for number in made:
        time.sleep(0.01)  # time for the others to run ahead, if they may
        assert (
            max(begun) <= number + 6
        )  # as many as the cores work on, and as many again but one, beyond the one that is handed out
    assert sorted(begun) == list(range(30))
    assert 2 <= len(workers) <= 3


@pytest.mark.parametrize("wrong", [0, 5, 9])
def test_an_error_reaches_the_caller_in_its_turn(wrong: int) -> None:
    def work(number: int) -> int:
        if number == wrong:
            raise ValueError(f"number {number}")
        return number

    seen = []
    with pytest.raises(ValueError, match=f"number {wrong}"):  # noqa: PT012
        for number in in_order(work, list(range(10))):
            seen.append(number)
    assert seen == list(range(wrong))


def test_threads_have_the_caller_s_way_with_floating_point_errors() -> None:
    def division(number: int) -> float:
        return float(np.float64(1) / np.float64(0))

    with np.errstate(divide="ignore"):
        assert list(in_order(division, list(range(6)))) == [np.inf] * 6


def test_omp_num_threads_limits_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads.cores() == 1
    for unusable in ("", "0", "many", "-3", "2,1", "²", "٣", "9" * 5000):
        monkeypatch.setenv("OMP_NUM_THREADS", unusable)
        assert threads.cores() >= 1
