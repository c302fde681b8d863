"""Ctrl-C is raised where it can be, once, and never lost."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from rnnverify.cli import deferral
from rnnverify.cli.deferral import deferred


@pytest.fixture(autouse=True)
def as_in_a_terminal() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)  # Python looks at signals between two instructions


def test_before_anything_is_asked_it_is_raised_at_once_and_no_other_after_it() -> None:
    def interrupted_twice() -> None:
        with deferred():
            try:
                ctrl_c()
            finally:
                ctrl_c()

    with pytest.raises(KeyboardInterrupt):
        interrupted_twice()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_where_it_is_asked_for_it_is_raised_there_and_nowhere_else() -> None:
    reached: list[str] = []

    def interrupted_twice() -> None:
        with deferred() as pulse:
            pulse()
            ctrl_c()
            reached.append("after the first")
            try:
                pulse()
            finally:
                ctrl_c()
                reached.append("after the second")

    with pytest.raises(KeyboardInterrupt):
        interrupted_twice()
    assert reached == ["after the first", "after the second"]


def test_one_that_comes_when_nobody_asks_any_more_is_raised_at_the_end() -> None:
    def interrupted() -> None:
        with deferred() as pulse:
            pulse()
            ctrl_c()

    with pytest.raises(KeyboardInterrupt):
        interrupted()


def test_one_that_nobody_asks_for_is_raised_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deferral, "UNANSWERED", 0.0)
    reached: list[str] = []

    def interrupted_twice() -> None:
        with deferred() as pulse:
            pulse()
            for name in ("first", "second"):
                ctrl_c()
                reached.append(name)

    with pytest.raises(KeyboardInterrupt):
        interrupted_twice()
    assert reached == ["first"]


def test_what_goes_well_leaves_all_as_it_was() -> None:
    with deferred() as pulse:
        pulse()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(ValueError, match="another"), deferred():
        raise ValueError("another")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_handlers_and_other_threads_are_left_alone() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with deferred() as pulse:
        pulse()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    signal.signal(signal.SIGINT, signal.default_int_handler)
    done: list[object] = []

    def elsewhere() -> None:
        with deferred() as pulse:
            pulse()
            done.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert done == [signal.default_int_handler]
