"""What a sweep is doing, and how far it is, on stderr; nothing where that is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress


class Watch(Protocol):
    """What is shown of a sweep."""

    def say(self, what: str) -> None:
        """Show what is being done until the first result is there."""

    def points(self, total: int, done: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show how many of the points are done; what is entered is called with each number of new ones."""


class Unwatched:
    """Nothing is shown."""

    def say(self, what: str) -> None:
        pass

    def points(self, total: int, done: int) -> AbstractContextManager[Callable[[int], None]]:
        return nullcontext(lambda count: None)


class Bar:
    """A bar, and beside it what is being done, then the rate and the time that is left."""

    def __init__(self, bar: Progress) -> None:
        self.bar = bar
        self.task = bar.add_task("starting", total=None)

    def say(self, what: str) -> None:
        self.bar.update(self.task, description=what)

    @contextmanager
    def points(self, total: int, done: int) -> Iterator[Callable[[int], None]]:
        def advance(count: int) -> None:
            self.bar.update(self.task, description="", advance=count)

        self.bar.reset(self.task, total=total, completed=done)
        yield advance


@contextmanager
def watched(quiet: bool) -> Iterator[Watch]:
    """What shows a sweep, while it runs."""
    if quiet:
        yield Unwatched()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
    from rich.table import Column
    from rich.text import Text

    class Points(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text("" if task.total is None else f"{task.completed:.0f}/{task.total:.0f}", style="green")

    class Doing(ProgressColumn):
        """What is being done; when results come, how fast."""

        left = TimeRemainingColumn()

        def render(self, task: Task) -> Text:
            if task.description:
                return Text(task.description)
            speed = task.finished_speed or task.speed
            rate = "" if speed is None else f"{speed:.3g} points/s, "
            return Text.assemble(rate, self.left.render(task), " left")

    error = Console(stderr=True)
    if not error.is_terminal:
        yield Unwatched()
        return
    one_line = Column(no_wrap=True, overflow="ellipsis")
    with Progress(BarColumn(20), Points(one_line), Doing(one_line), console=error, transient=True) as bar:
        yield Bar(bar)
