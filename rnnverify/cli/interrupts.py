"""Ctrl-C: at once where Python runs, and soon where it waits for TensorFlow, which does not listen."""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import inf
from types import FrameType

PATIENCE = 1.0  # seconds until it is clear that Python does not hear
CLEANING = 0.5  # seconds for temporary folders to be removed

INTERRUPTED = 130  # the exit code

Heard = Callable[[], bool]  # whether there was a Ctrl-C


@contextmanager
def listening(last_words: Callable[[], object]) -> Iterator[Heard]:
    """Have Ctrl-C raise KeyboardInterrupt, and where nothing can be raised for a second, end the process.

    Python sees a signal between two steps of its own. The system tells another thread at once, by a pipe.

    Args:
        last_words: is called before the process is ended.
    """
    heard = [-inf]

    def interrupt(number: int, frame: FrameType | None) -> None:
        heard.append(time.monotonic())
        raise KeyboardInterrupt

    as_usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # in the background it is ignored
    if not as_usual or threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.signal(signal.SIGINT, interrupt)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def deaf(since: float) -> bool:
        ours = signal.getsignal(signal.SIGINT) is interrupt  # another one may do as it likes
        return ours and heard[-1] < since

    threading.Thread(target=watch, args=(reading, deaf, last_words), daemon=True).start()
    try:
        yield lambda: len(heard) > 1
    finally:
        if signal.getsignal(signal.SIGINT) is interrupt:  # or else it is ignored from now on, see `deferred`
            signal.signal(signal.SIGINT, signal.default_int_handler)
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)  # there is nothing left to interrupt then
        signal.set_wakeup_fd(before)
        os.close(writing)


def watch(reading: int, deaf: Callable[[float], bool], last_words: Callable[[], object]) -> None:
    """End the process where a signal was not heard.

    Args:
        reading: where the system writes that there was one.
        deaf: whether none was heard since a time.
        last_words: is called before the process is ended.
    """
    with open(reading, "rb", buffering=0) as signals:
        while number := signals.read(1):
            arrived = time.monotonic()
            if number[0] != signal.SIGINT:
                continue
            time.sleep(PATIENCE)
            if deaf(arrived - PATIENCE):  # several at once are heard as one, perhaps before the last of them is read
                with suppress(Exception):  # where nobody reads them
                    last_words()
                cleaning = threading.Thread(target=clean, daemon=True)
                cleaning.start()
                cleaning.join(CLEANING)
                os._exit(INTERRUPTED)


def clean() -> None:
    """Remove temporary folders, as is done where a process ends by itself. What else is done then waits for TensorFlow."""
    with suppress(Exception):
        weakref.finalize._exitfunc()  # type: ignore[attr-defined]
