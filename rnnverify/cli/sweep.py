"""rnnverify sweep"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from rnnverify.cli.options import console, overrides, show, spec_options
from rnnverify.cli.output import refuse_unwritable


@click.command()
@click.argument("grid", metavar="GRID")
@click.option("--output", metavar="DIR", help="The folder for the results; by default the grid's name, with -sweep.")
@click.option("--workers", type=click.IntRange(1, 1024), help="Worker processes; by default as many as cores.")
@click.option("--scheduler", metavar="URL", help="Run on a Dask cluster instead, such as tcp://host:8786.")
@click.option("--export", metavar="FILE", help="Write the results as a table, too: FILE.csv or FILE.parquet.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@spec_options
@click.option("-q", "--quiet", is_flag=True, help="No progress, and only the summary.")
@click.pass_context
def sweep(
    ctx: click.Context,
    grid: str,
    output: str | None,
    workers: int | None,
    scheduler: str | None,
    export: str | None,
    form: str,
    settings: tuple[str, ...],
    seed: int | None,
    atol: float | None,
    rtol: float | None,
    quiet: bool,
) -> None:
    """Verify every point of a grid of shapes and options, in parallel.

    Each result is written to DIR/results.jsonl as soon as it is known. Run again on the same DIR it goes on where it
    stopped. The exit code is 0 where every point is a match, else 1.

    \b
    Examples:
      rnnverify sweep configs/grids/shapes.yaml
      rnnverify sweep configs/grids/shapes.yaml --workers 8 --export shapes.csv
      rnnverify sweep configs/grids/shapes.yaml --scheduler tcp://127.0.0.1:8786
    """
    from rnnverify.sweep import export as tables
    from rnnverify.sweep.grid import load_grid
    from rnnverify.sweep.store import opened
    from rnnverify.sweep.summary import summary_of

    tables.refuse_unknown(export)
    refuse_unwritable(export, "--export")
    if workers is not None and scheduler is not None:
        raise click.UsageError("--workers is for this machine and --scheduler for a cluster; give one of them")
    loaded = load_grid(grid, overrides(settings, seed, atol, rtol))
    folder = output or f"{Path(grid).stem}-sweep"
    with opened(folder, loaded) as store:
        try:
            work(loaded, store, workers, scheduler, quiet)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"interrupted; {len(store.records)} of {len(loaded)} results are kept in {folder}:"
                " run the same command again to go on"
            ) from None
        records = store.in_order(loaded)
    summary = summary_of(records, loaded)
    if export is not None:
        tables.write(records, loaded, export)
    if form == "json":
        from rnnverify.report.records import sweep_json

        click.echo(sweep_json(summary, records))
    else:
        from rnnverify.report.sweep_table import render_sweep, summary_text

        out = console()
        show(out, *([summary_text(summary)] if quiet else render_sweep(summary, records, loaded.axes)))
    ctx.exit(0 if summary.passed else 1)


def work(grid: Any, store: Any, workers: int | None, scheduler: str | None, quiet: bool) -> None:
    """Run the points that have no result yet, and keep what is known."""
    from rnnverify.sweep import workers as places
    from rnnverify.sweep.store import now
    from rnnverify.threads import allowed_cores

    left = store.left(grid)
    if not left:
        return
    tasks = places.tasks_of(grid, left)
    bar = progress(len(grid), len(grid) - len(left), quiet)
    if scheduler is not None:
        with places.cluster(scheduler) as (executor, count), bar as advance:
            keep(store, places.run(executor, grid, tasks, count), advance)
    else:
        count = min(workers or allowed_cores(), len(tasks))
        with places.local(count) as executor, bar as advance:
            keep(store, places.run(executor, grid, tasks, count), advance)
    store.note(finished=now())


def keep(store: Any, results: Any, advance: Any) -> None:
    for records in results:
        for record in records:
            store.add(record)
        advance(len(records))


@contextmanager
def progress(total: int, done: int, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar on stderr, with the rate and the time that is left; nothing where stderr is no terminal."""
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
