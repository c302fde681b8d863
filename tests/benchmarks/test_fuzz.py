"""A share of benchmarks/fuzz.py: whatever is in a file, it is verified, or refused with one message."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from benchmarks import fuzz


@pytest.mark.parametrize(
    ("kind", "count", "seed"),
    [("specs", 500, 201), ("observations", 500, 201), *[("models", 100, seed) for seed in range(201, 206)]],
)
def test_no_changed_file_ends_in_anything_but_a_verdict_or_a_refusal(
    kind: str, count: int, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found = fuzz.fuzz(kind, count, seed=seed, longest=120)  # on a busy machine, too
    assert found.keys() <= set(fuzz.OUTCOMES.values()), capsys.readouterr().out
    assert found["refused"] > count / 4
    assert found.total() == count > found["refused"]


def fails() -> int:
    raise KeyError("a")


def hangs() -> int:
    while True:
        time.sleep(0.01)


def takes_the_alarm_for_its_own() -> int:
    try:
        return hangs()
    except BaseException:
        return 2


@pytest.mark.parametrize(
    ("case", "outcome"),
    [
        (lambda: 0, "match"),
        (lambda: 1, "mismatch or untested"),
        (lambda: 2, "refused"),
        (lambda: 70, "exit code 70"),
        (fails, "traceback: KeyError: 'a'"),
        (hangs, "hung"),
        (takes_the_alarm_for_its_own, "hung"),
    ],
)
def test_the_fuzz_knows_a_traceback_and_a_hang_where_it_sees_them(case: Callable[[], int], outcome: str) -> None:
    assert fuzz.outcome_of(case, 0.2) == outcome


def test_a_case_can_be_run_again() -> None:
    first, again, other = (fuzz.fuzz("specs", 20, seed=seed) for seed in (7, 7, 8))
    assert first == again
    assert first.total() == other.total()
