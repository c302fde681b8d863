"""A bar on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(total: int, done: int, quiet: bool) -> Iterator[Callable[[int], None]]:
    """How many of the points are done, at which rate, and the time that is left; nothing where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.3g} points/s,")

    columns = BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn(), TextColumn("left")
    error = Console(stderr=True)
    with Progress(*columns, console=error, disable=quiet or not error.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=total, completed=done)
        yield lambda count: bar.advance(task, count)
