"""What is being done, on the last line of a terminal, for as long as it takes."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE = 1.0  # seconds in which nothing is said


@contextmanager
def working(terminal: TextIO) -> Iterator[Callable[[], None]]:
    """Show what the library's log says, where this is a terminal; gives what takes the line away, until the next is said."""
    if not terminal.isatty() or os.environ.get("TERM") == "dumb":  # on which nothing can be taken away
        yield lambda: None
        return
    log = logging.getLogger("rnnverify")
    before = log.level, log.propagate
    line = Line(terminal)
    log.addHandler(line)
    log.setLevel(logging.INFO)
    log.propagate = False  # to TensorFlow's handler, which would print it, too
    try:
        yield line.take_away
    finally:
        log.removeHandler(line)
        log.setLevel(before[0])
        log.propagate = before[1]
        line.take_away()


class Line(logging.Handler):
    """The line on which it stands: there once a second has passed without anything else to see."""

    def __init__(self, terminal: TextIO) -> None:
        super().__init__(logging.INFO)
        self.terminal = terminal
        self.since = time.monotonic()
        self.shown: Progress | None = None
        self.timer: threading.Timer | None = None
        self.taking = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        context = click.get_current_context(silent=True)
        if context is not None and context.params.get("quiet"):
            return
        words = record.getMessage()
        if self.shown is not None:
            (task,) = self.shown.task_ids
            self.shown.update(task, description=words)
            return
        self.shown = progress_on(self.terminal)
        self.shown.add_task(words, total=None)
        self.timer = threading.Timer(max(0.0, self.since + PATIENCE - time.monotonic()), self.shown.start)
        self.timer.daemon = True
        self.timer.start()

    def take_away(self) -> None:
        """Leave the terminal as it was."""
        with self.taking:
            if self.shown is not None and self.timer is not None:
                self.timer.cancel()
                self.timer.join()
                if self.shown.live.is_started:
                    self.shown.stop()
                self.shown = None
            self.since = time.monotonic()


def progress_on(terminal: TextIO) -> Progress:
    """A word on what is done, and how long that has taken."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    class Plain(Console):
        def show_cursor(self, show: bool = True) -> bool:
            return False  # neither hidden nor shown: a process that is killed could not show it again

    columns = SpinnerColumn("line"), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    return Progress(
        *columns, console=Plain(file=terminal), transient=True, redirect_stdout=False, redirect_stderr=False
    )
