"""Ctrl-C put off until it can be raised, in a command that has much to end: other processes, connections, files."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

UNANSWERED = 2.0  # seconds after which a second Ctrl-C is not put off


@contextmanager
def deferred() -> Iterator[Callable[[], None]]:
    """Have Ctrl-C raised by what is entered, from when that has been called first: it is to be called again and again.

    Raised wherever it comes, it may come in a finaliser, which swallows it. Once it has been raised there is no other, in the
    middle of what the first has begun to end.
    """
    waiting = over = False
    asked = 0.0

    def interrupt(number: int, frame: object) -> None:
        nonlocal asked, over
        if over:
            return
        if not waiting or (asked and time.monotonic() - asked > UNANSWERED):
            over = True
            raise KeyboardInterrupt
        asked = asked or time.monotonic()

    def pulse() -> None:
        nonlocal waiting, over
        waiting = True
        if asked and not over:
            over = True
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield lambda: None
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield pulse
        pulse()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN if over else before)  # the process is about to end
